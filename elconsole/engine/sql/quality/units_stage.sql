-- What a merge takes from the daily counts and gives to them.
CREATE TEMPORARY TABLE elconsole_units (
    period timestamptz, values text[], defect text, inspected bigint, passed bigint,
    newest timestamptz, extracted timestamptz, changed bigint, arrived boolean
) ON COMMIT DROP
