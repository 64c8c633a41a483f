-- Frozen references of pass rates, and the daily counts that make reading them fast.
CREATE TABLE IF NOT EXISTS elconsole.quality_baselines (
    version integer NOT NULL,
    source text NOT NULL,
    target_schema text NOT NULL,
    target_table text NOT NULL,
    dimension text NOT NULL,
    value text,
    center double precision NOT NULL,
    sigma_z double precision NOT NULL,
    chart text NOT NULL,
    periods integer NOT NULL,
    frozen_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS quality_baselines_key ON elconsole.quality_baselines
    (version, target_schema, target_table, dimension, (value IS NULL), coalesce(value, ''));
COMMENT ON TABLE elconsole.quality_baselines IS
    'References that pass rates are judged against; each freeze adds a version.';
COMMENT ON COLUMN elconsole.quality_baselines.value IS
    'Value of the dimension; NULL for all of them together.';
COMMENT ON COLUMN elconsole.quality_baselines.center IS 'Mean pass rate, 0 to 1.';
COMMENT ON COLUMN elconsole.quality_baselines.sigma_z IS
    'Variation between days as a multiple of the binomial one.';
COMMENT ON COLUMN elconsole.quality_baselines.chart IS 'p, or p'' where overdispersed.';
COMMENT ON COLUMN elconsole.quality_baselines.periods IS 'Complete days it was estimated from.';

CREATE TABLE IF NOT EXISTS elconsole.quality_daily (
    target_schema text NOT NULL,
    target_table text NOT NULL,
    version text NOT NULL,
    period timestamptz,
    values text[] NOT NULL,
    defect text,
    inspected bigint NOT NULL,
    passed bigint NOT NULL,
    newest timestamptz,
    extracted timestamptz,
    changed bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS quality_daily_key
    ON elconsole.quality_daily (target_schema, target_table, version);
COMMENT ON TABLE elconsole.quality_daily IS
    'Units per day (UTC) and combination of dimension values, as of the last sync; a cache.';
COMMENT ON COLUMN elconsole.quality_daily.version IS
    'The published content and the settings that were counted; other versions are stale.';
COMMENT ON COLUMN elconsole.quality_daily.values IS 'Dimension values, in the settings'' order.';
