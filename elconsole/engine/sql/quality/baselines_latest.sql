-- The newest version of one table's baselines.
SELECT version, dimension, value, center, sigma_z, chart, periods, frozen_at
FROM elconsole.quality_baselines
WHERE target_schema = %(schema)s AND target_table = %(table)s
  AND version = (
      SELECT pg_catalog.max(version) FROM elconsole.quality_baselines
      WHERE target_schema = %(schema)s AND target_table = %(table)s
  )
