ALTER TABLE elconsole.table_runs ADD COLUMN notes text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN elconsole.table_runs.notes IS
  'What the plan, and the sync once it saw the source, had to say: why it was a full refresh, say.';
