-- The refills area: ink refills from two lines.
--
-- The same rows every time, dates apart: those end on the day of seeding. Where the
-- setting elconsole.demo_rows is given, it says how many units; 100 otherwise.

CREATE TABLE refills_production (
    id serial PRIMARY KEY,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    line_id varchar(50) NOT NULL,
    machine_id varchar(50) NOT NULL,
    batch_id varchar(100) NOT NULL,
    shift_id varchar(20) NOT NULL,
    operator_id varchar(20) NOT NULL,
    ink_viscosity_pas decimal(5,2),
    write_distance_km decimal(5,2),
    tip_diameter_mm decimal(4,2),
    ink_color varchar(20),
    flow_consistency decimal(5,3),
    quality_status varchar(20) NOT NULL,
    cycle_time_seconds decimal(6,2) NOT NULL,
    first_pass_yield boolean NOT NULL,
    defect_type varchar(50),
    rework_required boolean NOT NULL,
    material_cost_per_unit decimal(8,4) NOT NULL,
    labor_cost_per_unit decimal(8,4) NOT NULL,
    energy_cost_per_unit decimal(8,4) NOT NULL,
    temperature_celsius decimal(4,1) NOT NULL,
    humidity_percent decimal(4,1) NOT NULL,
    oee decimal(5,3) NOT NULL,
    availability decimal(5,3) NOT NULL,
    performance decimal(5,3) NOT NULL,
    quality_rate decimal(5,3) NOT NULL,
    created_at timestamptz DEFAULT now()
);

-- A number from 0 to 1 that looks random and is always the same for one unit and salt.
CREATE FUNCTION pg_temp.noise(unit bigint, salt bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT ((((unit * 2654435761 + salt * 97531) % 4294967296
              # ((unit * 2654435761 + salt * 97531) % 4294967296 >> 15))
             * 1103515245 % 4294967296) # 2891336453) * 48271 % 4294967291 / 4294967291.0::float8
$$;

WITH extent AS (
    -- Seven days for a small plant, up to thirty for a big one; the last of them is today.
    SELECT rows, least(30, greatest(7, rows / 110)) AS days,
           date_trunc('day', now(), 'UTC') AS today
    FROM coalesce(nullif(current_setting('elconsole.demo_rows', true), '')::bigint, 100) AS rows
),
unit AS (
    SELECT i,
           -- 37 and 100 share no factor: every hundred units, each place comes once.
           CASE WHEN i * 37 % 100 < 56 THEN 1 ELSE 2 END AS line
    FROM extent, generate_series(1, rows) AS i
),
allowance AS (
    SELECT line,
           round(count(*) * CASE line WHEN 1 THEN 3 / 56.0 ELSE 2 / 44.0 END) AS failures
    FROM unit
    GROUP BY line
),
ranked AS (
    SELECT unit.*, row_number() OVER (PARTITION BY line ORDER BY pg_temp.noise(i, 1), i) AS place
    FROM unit
),
judged AS (
    SELECT ranked.*, place <= failures AS failed, i * 7919 % 1009 AS v,
           (i - 1) * days / rows AS day,
           ((i - 1) * days % rows)::float8 / rows AS part_of_day
    FROM extent, ranked JOIN allowance USING (line)
),
variant AS MATERIALIZED (
    -- Measures of a passed and of a failed unit, in 1,009 variants: a million units take
    -- theirs from here, which is many times faster than computing each.
    SELECT v, failed,
           (CASE WHEN failed THEN 1.45 + 0.15 * pg_temp.noise(v, 5)
                 ELSE 1.12 + 0.26 * pg_temp.noise(v, 5) END)::decimal(5,2) AS ink_viscosity_pas,
           (CASE WHEN failed THEN 2.60 + 0.50 * pg_temp.noise(v, 6)
                 ELSE 3.22 + 0.56 * pg_temp.noise(v, 6) END)::decimal(5,2) AS write_distance_km,
           (CASE WHEN failed THEN 0.80 + 0.10 * pg_temp.noise(v, 7)
                 ELSE 0.68 + 0.06 * pg_temp.noise(v, 7) END)::decimal(4,2) AS tip_diameter_mm,
           (CASE WHEN failed THEN 0.70 + 0.15 * pg_temp.noise(v, 8)
                 ELSE 0.93 + 0.06 * pg_temp.noise(v, 8) END)::decimal(5,3) AS flow_consistency,
           (11.5 + 3 * pg_temp.noise(v, 9))::decimal(6,2) AS cycle_time_seconds,
           CASE WHEN failed THEN
               (ARRAY['ink_leak', 'viscosity_out_of_spec', 'tip_defect', 'ink_leak',
                      'flow_inconsistent'])
               [1 + floor(pg_temp.noise(v, 10) * 5)::int]
           END AS defect_type,
           (0.11 + 0.03 * pg_temp.noise(v, 11))::decimal(8,4) AS material_cost_per_unit,
           (0.07 + 0.02 * pg_temp.noise(v, 12))::decimal(8,4) AS labor_cost_per_unit,
           (0.03 + 0.01 * pg_temp.noise(v, 13))::decimal(8,4) AS energy_cost_per_unit,
           (20.5 + 3 * pg_temp.noise(v, 14))::decimal(4,1) AS temperature_celsius,
           (42 + 9 * pg_temp.noise(v, 15))::decimal(4,1) AS humidity_percent,
           (availability * performance * quality_rate)::decimal(5,3) AS oee,
           availability::decimal(5,3), performance::decimal(5,3), quality_rate::decimal(5,3)
    FROM generate_series(0, 1008) AS v,
         (VALUES (false), (true)) AS outcome (failed),
         LATERAL (
             SELECT 0.88 + 0.09 * pg_temp.noise(v, 2) AS availability,
                    0.86 + 0.10 * pg_temp.noise(v, 3) AS performance,
                    CASE WHEN failed THEN 0.70 + 0.10 * pg_temp.noise(v, 4)
                         ELSE 0.95 + 0.04 * pg_temp.noise(v, 4) END AS quality_rate
         ) AS effectiveness
)
INSERT INTO refills_production (
    "timestamp", line_id, machine_id, batch_id, shift_id, operator_id,
    ink_viscosity_pas, write_distance_km, tip_diameter_mm, ink_color, flow_consistency,
    quality_status, cycle_time_seconds, first_pass_yield, defect_type, rework_required,
    material_cost_per_unit, labor_cost_per_unit, energy_cost_per_unit,
    temperature_celsius, humidity_percent, oee, availability, performance, quality_rate, created_at
)
SELECT at,
       'LINE-REFILLS-00' || line,
       'MACHINE-R-0' || CASE line WHEN 1 THEN 1 + i % 3 ELSE 4 + i % 2 END,
       'BATCH-R-' || lpad((1 + (i - 1) / 25)::text, 6, '0'),
       (ARRAY['SHIFT-NIGHT', 'SHIFT-MORNING', 'SHIFT-AFTERNOON'])[1 + floor(part_of_day * 3)::int],
       'OP-' || lpad((1 + i % 12)::text, 2, '0'),
       ink_viscosity_pas,
       write_distance_km,
       tip_diameter_mm,
       (ARRAY['black', 'blue', 'red', 'green', 'purple'])[1 + i % 5],
       flow_consistency,
       CASE WHEN failed THEN 'error' ELSE 'ok' END,
       cycle_time_seconds, NOT failed, defect_type, failed AND i % 2 = 0,
       material_cost_per_unit, labor_cost_per_unit, energy_cost_per_unit,
       temperature_celsius, humidity_percent, oee, availability, performance, quality_rate, at
FROM extent, judged JOIN variant USING (v, failed),
     LATERAL (
         -- Today's units lie between midnight (UTC) and now, the other days' over the day.
         SELECT today - (days - 1 - day) * interval '1 day'
                + CASE WHEN day = days - 1 THEN now() - today ELSE interval '1 day' END
                * part_of_day AS at
     ) AS moment
ORDER BY i;
