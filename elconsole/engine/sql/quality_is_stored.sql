SELECT EXISTS (
    SELECT FROM elconsole.quality_daily
    WHERE target_schema = %(schema)s AND target_table = %(table)s AND version = %(version)s
)
