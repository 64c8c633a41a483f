-- The same combinations, as the last sync stored them; no row where they are of another version.
SELECT period, values, defect, inspected, passed, newest, extracted, changed
FROM elconsole.quality_daily
WHERE target_schema = {schema} AND target_table = {table}
  AND EXISTS (
      SELECT FROM elconsole.targets AS known
      WHERE known.target_schema = {schema} AND known.target_table = {table}
        AND known.units_version = {version}
  )
