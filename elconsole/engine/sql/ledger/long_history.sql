-- What a long history is asked for: the runs that go on, and the last loads of each table.
CREATE INDEX runs_running_idx ON elconsole.runs (run_number) WHERE status = 'running';
CREATE INDEX table_runs_loads_idx ON elconsole.table_runs (target_id, finished_at)
  WHERE status = 'succeeded';
