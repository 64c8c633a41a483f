-- A raw table may stand in another schema than the warehouse's: which settings it belongs to is
-- told by that schema, as before.
ALTER TABLE elconsole.targets ADD COLUMN IF NOT EXISTS home_schema text;
UPDATE elconsole.targets SET home_schema = target_schema;
ALTER TABLE elconsole.targets ALTER COLUMN home_schema SET NOT NULL;
ALTER TABLE elconsole.targets
  DROP CONSTRAINT IF EXISTS targets_source_source_schema_source_table_target_schema_key,
  DROP CONSTRAINT IF EXISTS targets_source_home_key,
  ADD CONSTRAINT targets_source_home_key UNIQUE (source, source_schema, source_table, home_schema);
COMMENT ON COLUMN elconsole.targets.home_schema IS
  'The warehouse''s schema in the settings that feed it.';
