CREATE SEQUENCE elconsole.row_counter
  MINVALUE 100000000000 MAXVALUE 999999999999 CACHE 10000 CYCLE;
COMMENT ON SEQUENCE elconsole.row_counter IS 'The last twelve digits of _airbyte_raw_id.';

CREATE TABLE elconsole.runs (
  run_id uuid PRIMARY KEY,
  run_number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  status text NOT NULL
    CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled', 'abandoned')),
  mode text NOT NULL CHECK (mode IN ('full', 'configured')),
  host text NOT NULL,
  pid integer NOT NULL,
  user_name text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  finished_at timestamptz,
  records_extracted bigint NOT NULL DEFAULT 0,
  records_loaded bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  tables_total integer NOT NULL DEFAULT 0,
  tables_failed integer NOT NULL DEFAULT 0
);
CREATE INDEX runs_started_at_idx ON elconsole.runs (started_at);
COMMENT ON TABLE elconsole.runs IS 'One row a sync.';
COMMENT ON COLUMN elconsole.runs.run_id IS 'Unique name of the run, made by the client.';
COMMENT ON COLUMN elconsole.runs.run_number IS
  'Short name; stands as sync_id in _airbyte_meta.';
COMMENT ON COLUMN elconsole.runs.status IS
  'running only while the process that runs it holds its advisory lock; a run whose process'
  ' died is abandoned.';
COMMENT ON COLUMN elconsole.runs.mode IS 'full: everything refreshed on demand; configured: per table.';
COMMENT ON COLUMN elconsole.runs.host IS 'Machine on which the run''s process lives.';
COMMENT ON COLUMN elconsole.runs.pid IS 'That process.';
COMMENT ON COLUMN elconsole.runs.user_name IS 'Operating system user who started it.';
COMMENT ON COLUMN elconsole.runs.records_extracted IS 'Rows read from the sources.';
COMMENT ON COLUMN elconsole.runs.records_loaded IS 'Rows written to raw tables.';
COMMENT ON COLUMN elconsole.runs.bytes IS 'Bytes of binary COPY that passed through.';
COMMENT ON COLUMN elconsole.runs.tables_failed IS 'Tables that failed or were locked.';

CREATE TABLE elconsole.targets (
  target_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  source_schema text NOT NULL,
  source_table text NOT NULL,
  target_schema text NOT NULL,
  target_table text NOT NULL,
  generation bigint NOT NULL DEFAULT 0,
  row_count bigint,
  analyzed_rows bigint,
  assigned_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_synced_at timestamptz,
  content_run_id uuid,
  units_passed bigint,
  units_failed bigint,
  UNIQUE (source, source_schema, source_table, target_schema),
  UNIQUE (target_schema, target_table)
);
COMMENT ON TABLE elconsole.targets IS
  'Which raw table a source table fills: assigned once, never changed by itself.';
COMMENT ON COLUMN elconsole.targets.generation IS
  'Full refreshes so far; stands in _airbyte_generation_id.';
COMMENT ON COLUMN elconsole.targets.row_count IS 'Rows after the last sync.';
COMMENT ON COLUMN elconsole.targets.analyzed_rows IS 'Rows when it was last analyzed.';
COMMENT ON COLUMN elconsole.targets.content_run_id IS 'The run that last changed its rows.';
COMMENT ON COLUMN elconsole.targets.units_passed IS
  'Units that passed, where the table has pass rates; counted when rows change.';
COMMENT ON COLUMN elconsole.targets.units_failed IS 'Units that failed, likewise.';
COMMENT ON COLUMN elconsole.targets.last_synced_at IS 'When a sync last published this table.';

CREATE TABLE elconsole.table_runs (
  run_id uuid NOT NULL REFERENCES elconsole.runs ON DELETE CASCADE,
  source text NOT NULL,
  table_name text NOT NULL,
  position integer NOT NULL,
  target_id integer REFERENCES elconsole.targets ON DELETE SET NULL,
  target text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('full', 'incremental')),
  strategy text NOT NULL CHECK (strategy IN ('full', 'xmin', 'cursor')),
  status text NOT NULL
    CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'skipped', 'cancelled', 'locked')),
  records_extracted bigint NOT NULL DEFAULT 0,
  records_loaded bigint NOT NULL DEFAULT 0,
  records_deleted bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  rows_estimated bigint,
  generation bigint,
  started_at timestamptz,
  finished_at timestamptz,
  extract_seconds double precision,
  duration_seconds double precision NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  schema_changes jsonb NOT NULL DEFAULT '[]',
  error_kind text,
  error_message text,
  error_hint text,
  error_sqlstate text,
  PRIMARY KEY (run_id, source, table_name)
) WITH (fillfactor = 50);
CREATE INDEX table_runs_target_idx ON elconsole.table_runs (target_id, started_at);
COMMENT ON TABLE elconsole.table_runs IS
  'One row a table of a run, refreshed about once a second while it runs.';
COMMENT ON COLUMN elconsole.table_runs.records_extracted IS 'Rows read from the source so far.';
COMMENT ON COLUMN elconsole.table_runs.records_loaded IS 'Rows written to the raw table.';
COMMENT ON COLUMN elconsole.table_runs.records_deleted IS 'Rows removed by a sweep of deletes.';
COMMENT ON COLUMN elconsole.table_runs.bytes IS 'Bytes of binary COPY so far.';
COMMENT ON COLUMN elconsole.table_runs.rows_estimated IS 'From the source''s statistics.';
COMMENT ON COLUMN elconsole.table_runs.extract_seconds IS 'Until the source''s last byte.';
COMMENT ON COLUMN elconsole.table_runs.schema_changes IS
  'Array of {column, change, source_type, target_type, action}.';

CREATE TABLE elconsole.watermarks (
  target_id integer PRIMARY KEY REFERENCES elconsole.targets ON DELETE CASCADE,
  run_id uuid NOT NULL,
  extracted_at timestamptz NOT NULL,
  snapshot text NOT NULL,
  snapshot_xmin bigint NOT NULL,
  cursor_column text,
  cursor_value text,
  source_oid bigint NOT NULL,
  leaf_oids bigint[] NOT NULL DEFAULT '{}',
  system_identifier text,
  timeline integer,
  selection text NOT NULL DEFAULT '',
  source_columns text[] NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE elconsole.watermarks IS
  'How far each raw table has read its source; written in the transaction that publishes the rows.';
COMMENT ON COLUMN elconsole.watermarks.extracted_at IS 'The source snapshot''s time.';
COMMENT ON COLUMN elconsole.watermarks.snapshot IS 'pg_current_snapshot() of that snapshot.';
COMMENT ON COLUMN elconsole.watermarks.snapshot_xmin IS
  'Its pg_snapshot_xmin, 64 bits: rows written from here on may be unseen.';
COMMENT ON COLUMN elconsole.watermarks.cursor_value IS 'Exact text of the highest cursor read.';
COMMENT ON COLUMN elconsole.watermarks.source_oid IS 'The source table''s OID.';
COMMENT ON COLUMN elconsole.watermarks.leaf_oids IS 'Its partitions'' OIDs.';
COMMENT ON COLUMN elconsole.watermarks.system_identifier IS
  'The source cluster''s identity, where its role may read it.';
COMMENT ON COLUMN elconsole.watermarks.timeline IS 'The source''s timeline, likewise.';
COMMENT ON COLUMN elconsole.watermarks.source_columns IS 'Columns that the source had then.';
COMMENT ON COLUMN elconsole.watermarks.selection IS
  'What was selected (columns, hashes, where): another selection needs a full refresh.';
