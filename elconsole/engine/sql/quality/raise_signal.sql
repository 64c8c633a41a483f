-- Remember a signal; no row where it was raised before.
INSERT INTO elconsole.quality_signals
    (target, dimension, value, period, rule, pass_rate, finding, run_id, raised_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
RETURNING true
