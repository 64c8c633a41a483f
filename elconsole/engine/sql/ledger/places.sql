ALTER TABLE elconsole.table_runs ADD COLUMN source_schema text,
                                 ADD COLUMN source_address text,
                                 ADD COLUMN load_seconds double precision;
COMMENT ON COLUMN elconsole.table_runs.source_schema IS 'Schema of the source table; NULL where it is not known.';
COMMENT ON COLUMN elconsole.table_runs.source_address IS 'host:port/dbname of the source then.';
COMMENT ON COLUMN elconsole.table_runs.load_seconds IS
  'From the source''s last byte to publishing; with extract_seconds a part of duration_seconds.';
COMMENT ON COLUMN elconsole.table_runs.duration_seconds IS
  'From the first attempt''s start to publishing, or to the end of a table that was not published.';
