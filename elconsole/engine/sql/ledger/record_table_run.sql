UPDATE elconsole.table_runs
   SET status = 'succeeded',
       -- Entered by its name, which may be new.
       target_id = %(target_id)s,
       strategy = %(strategy)s,
       records_extracted = %(records_extracted)s,
       records_loaded = %(records_loaded)s,
       records_deleted = %(records_deleted)s,
       bytes = %(bytes)s,
       generation = %(generation)s,
       extract_seconds = %(extract_seconds)s,
       duration_seconds = %(duration_seconds)s,
       attempts = %(attempts)s,
       notes = %(notes)s::text[],
       finished_at = pg_catalog.clock_timestamp(),
       error_kind = NULL, error_message = NULL, error_hint = NULL, error_sqlstate = NULL
 WHERE run_id = %(run_id)s AND source = %(source)s AND table_name = %(table_name)s
