-- The stored daily counts say in elconsole.targets which content they are of, so that a sync
-- that changes a few units rewrites a few counts.
DROP TABLE elconsole.quality_daily;
CREATE TABLE elconsole.quality_daily (
    target_schema text NOT NULL,
    target_table text NOT NULL,
    period timestamptz,
    values text[] NOT NULL,
    defect text,
    inspected bigint NOT NULL,
    passed bigint NOT NULL,
    newest timestamptz,
    extracted timestamptz,
    changed bigint NOT NULL
);
CREATE INDEX quality_daily_key ON elconsole.quality_daily (target_schema, target_table);
COMMENT ON TABLE elconsole.quality_daily IS
    'Units per day (UTC) and combination of dimension values, as of the last sync; a cache.';
COMMENT ON COLUMN elconsole.quality_daily.values IS 'Dimension values, in the settings'' order.';
COMMENT ON COLUMN elconsole.quality_daily.newest IS
    'Time of the newest unit; an upper bound once units have left the combination.';
ALTER TABLE elconsole.targets ADD COLUMN units_version text;
COMMENT ON COLUMN elconsole.targets.units_version IS
    'The content and the settings that elconsole.quality_daily was counted from.';
