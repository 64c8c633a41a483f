-- The bodies area: pen bodies of three materials from two lines.
--
-- The same rows every time, dates apart: those end on the day of seeding. Where the
-- setting elconsole.demo_rows is given, it says how many units; 100 otherwise.

CREATE TABLE bodies_production (
    id serial PRIMARY KEY,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    line_id varchar(50) NOT NULL,
    machine_id varchar(50) NOT NULL,
    batch_id varchar(100) NOT NULL,
    shift_id varchar(20) NOT NULL,
    operator_id varchar(20) NOT NULL,
    durability_score decimal(5,1),
    color_match_rating decimal(5,3),
    length_mm decimal(6,2),
    wall_thickness_mm decimal(4,2),
    material varchar(50),
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
           1 + i % 2 AS line,
           -- 37 and 100 share no factor: every hundred units, each place comes once.
           CASE WHEN i * 37 % 100 < 29 THEN 'bamboo'
                WHEN i * 37 % 100 < 60 THEN 'metal'
                ELSE 'plastic' END AS material
    FROM extent, generate_series(1, rows) AS i
),
allowance AS (
    SELECT material,
           round(count(*) * CASE material WHEN 'metal' THEN 4 / 31.0
                                              WHEN 'plastic' THEN 5 / 40.0
                                              ELSE 0 END) AS failures
    FROM unit
    GROUP BY material
),
weighted AS (
    -- A big plant has one bad day on line 2. There a unit fails so much more easily that
    -- the day lies some eight standard deviations off (further off where the days are
    -- few), while each material keeps its share of failures over all.
    SELECT unit.*,
           CASE WHEN days = 7 OR line = 1 OR (i - 1) * days / rows <> days * 2 / 3 THEN 1
                WHEN days < 30 THEN 20
                ELSE 1 + 8 * sqrt(10.0 * 2 * days / rows) END AS weight
    FROM unit, extent
),
ranked AS (
    SELECT weighted.*,
           row_number() OVER (
               PARTITION BY material ORDER BY pg_temp.noise(i, 1) / weight, i
           ) AS place
    FROM weighted
),
judged AS (
    SELECT ranked.*, place <= failures AS failed, i * 7919 % 1009 AS v,
           (i - 1) * days / rows AS day,
           ((i - 1) * days % rows)::float8 / rows AS part_of_day
    FROM extent, ranked JOIN allowance USING (material)
),
variant AS MATERIALIZED (
    -- Measures of a passed and of a failed unit, in 1,009 variants: a million units take
    -- theirs from here, which is many times faster than computing each.
    SELECT v, failed,
           (CASE WHEN failed THEN 62 + 12 * pg_temp.noise(v, 5)
                 ELSE 78 + 14 * pg_temp.noise(v, 5) END)::decimal(5,1) AS durability_score,
           (CASE WHEN failed THEN 0.70 + 0.15 * pg_temp.noise(v, 6)
                 ELSE 0.93 + 0.06 * pg_temp.noise(v, 6) END)::decimal(5,3) AS color_match_rating,
           (CASE WHEN failed THEN 152 + pg_temp.noise(v, 7)
                 ELSE 148.7 + 2.6 * pg_temp.noise(v, 7) END)::decimal(6,2) AS length_mm,
           (CASE WHEN failed THEN 0.90 + 0.15 * pg_temp.noise(v, 8)
                 ELSE 1.15 + 0.20 * pg_temp.noise(v, 8) END)::decimal(4,2) AS wall_thickness_mm,
           (17.5 + 4 * pg_temp.noise(v, 9))::decimal(6,2) AS cycle_time_seconds,
           CASE WHEN failed THEN
               (ARRAY['crack', 'dimensional', 'surface_defect', 'color_mismatch', 'wall_thickness'])
               [1 + floor(pg_temp.noise(v, 10) * 5)::int]
           END AS defect_type,
           (0.32 + 0.08 * pg_temp.noise(v, 11))::decimal(8,4) AS material_cost_per_unit,
           (0.11 + 0.03 * pg_temp.noise(v, 12))::decimal(8,4) AS labor_cost_per_unit,
           (0.06 + 0.02 * pg_temp.noise(v, 13))::decimal(8,4) AS energy_cost_per_unit,
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
INSERT INTO bodies_production (
    "timestamp", line_id, machine_id, batch_id, shift_id, operator_id,
    durability_score, color_match_rating, length_mm, wall_thickness_mm, material,
    quality_status, cycle_time_seconds, first_pass_yield, defect_type, rework_required,
    material_cost_per_unit, labor_cost_per_unit, energy_cost_per_unit,
    temperature_celsius, humidity_percent, oee, availability, performance, quality_rate, created_at
)
SELECT at,
       'LINE-BODIES-00' || line,
       'MACHINE-B-0' || CASE line WHEN 1 THEN 1 + i % 3 ELSE 4 + i % 2 END,
       'BATCH-B-' || lpad((1 + (i - 1) / 25)::text, 6, '0'),
       (ARRAY['SHIFT-NIGHT', 'SHIFT-MORNING', 'SHIFT-AFTERNOON'])[1 + floor(part_of_day * 3)::int],
       'OP-' || lpad((1 + i % 12)::text, 2, '0'),
       durability_score,
       color_match_rating,
       length_mm,
       wall_thickness_mm,
       material,
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
