ALTER TABLE elconsole.runs ADD COLUMN backfill text;
COMMENT ON COLUMN elconsole.runs.backfill IS
  'The condition whose rows the run read again, its watermark unmoved; NULL for all other runs.';
