-- How rollups and usage queries read an event's data: as billing/metering/paths.py reads it.

-- A number, or text that spells one; null for anything else. It may be larger than a meter takes.
CREATE FUNCTION billing_number(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric
        WHEN jsonb_typeof(value) = 'string' AND length(value #>> '{}') <= 1000
             AND value #>> '{}' ~ '^[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?0{0,3}[0-9]{1,3})?[ \t\r\n]*$'
        THEN btrim(value #>> '{}', E' \t\r\n')::numeric
    END
$$;

-- Text as it is, numbers and booleans written plainly; null for anything else.
CREATE FUNCTION billing_label(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'string' THEN value #>> '{}'
        WHEN 'boolean' THEN value #>> '{}'
        WHEN 'number' THEN trim_scale((value #>> '{}')::numeric)::text
    END
$$;

CREATE FUNCTION billing_quarter(instant timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT date_bin('15 minutes', instant, '2000-01-01 00:00:00+00')
$$;

-- Rows are moved up several times while their quarter of an hour is under way.
ALTER TABLE billing_usagerollup SET (fillfactor = 70);
