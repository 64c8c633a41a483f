ALTER TABLE elconsole.table_runs ADD COLUMN records_marked bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN elconsole.table_runs.records_marked IS
  'Rows found gone from the source and kept, with the time in _elconsole_deleted_at.';
