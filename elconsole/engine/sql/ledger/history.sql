ALTER TABLE elconsole.table_runs ADD COLUMN versions bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN elconsole.table_runs.versions IS
  'Versions of rows that the sync opened in the table''s history.';
ALTER TABLE elconsole.targets ADD COLUMN history_run_id uuid;
COMMENT ON COLUMN elconsole.targets.history_run_id IS
  'The run whose rows the history''s current versions are; NULL where there never was a history.';
