ALTER TABLE elconsole.watermarks ADD COLUMN source_numbers integer[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN elconsole.watermarks.source_numbers IS
  'pg_attribute.attnum of each of source_columns: a column dropped and added again has another.';
