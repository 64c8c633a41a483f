-- Signals that were raised, so that each is raised once.
CREATE TABLE IF NOT EXISTS elconsole.quality_signals (
    target text NOT NULL,
    dimension text NOT NULL,
    value text NOT NULL,
    period text NOT NULL,
    rule integer NOT NULL,
    pass_rate double precision NOT NULL,
    finding text NOT NULL,
    run_id uuid NOT NULL,
    raised_at timestamptz NOT NULL,
    PRIMARY KEY (target, dimension, value, period)
);
COMMENT ON TABLE elconsole.quality_signals IS
    'Pass rates out of control, each raised once, by the sync that found it.';
COMMENT ON COLUMN elconsole.quality_signals.target IS 'schema.table, unquoted.';
COMMENT ON COLUMN elconsole.quality_signals.period IS 'The day the rule fired on, or the first day of its run (UTC).';
COMMENT ON COLUMN elconsole.quality_signals.rule IS 'Nelson rule, 1 to 4.';
