-- phase: expand
-- The wanted fields of a body, so that the others are not sent.
SET LOCAL ROLE octavo_owner;

-- `fields` is a tree of names; an empty object wants all there is. Of a list each object gives its fields; what is
-- neither object nor list has none, and is null here and left out by the caller.
CREATE FUNCTION octavo.project(target jsonb, fields jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    IF fields = '{}' THEN
        RETURN target;
    END IF;
    CASE jsonb_typeof(target)
        WHEN 'object' THEN
            RETURN (SELECT coalesce(jsonb_object_agg(key, value), '{}')
                    FROM (SELECT key, octavo.project(target -> key, inside) AS value
                          FROM jsonb_each(fields) AS wanted (key, inside)) AS found
                    WHERE value IS NOT NULL);
        WHEN 'array' THEN
            RETURN (SELECT coalesce(jsonb_agg(value ORDER BY place), '[]')
                    FROM (SELECT octavo.project(element, fields) AS value, place
                          FROM jsonb_array_elements(target) WITH ORDINALITY AS each (element, place)) AS found
                    WHERE value IS NOT NULL);
        ELSE
            RETURN NULL;
    END CASE;
END
$$;
