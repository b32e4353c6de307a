-- phase: expand
-- The wanted fields of a body, so that the others are not sent.
SET LOCAL ROLE octavo_owner;

-- `fields` is a list of [name, fields inside it], and an empty list wants all there is. Of a list each object gives
-- its fields; what is neither object nor list has none: it is null here, and left out.
CREATE FUNCTION octavo.project(target jsonb, fields jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    wanted jsonb;
    part jsonb;
    result jsonb := '{}';
BEGIN
    IF fields = '[]' THEN
        RETURN target;
    END IF;
    -- A copy in memory: each look at a stored one would unpack all of it again.
    target := jsonb_path_query_first(target, 'strict $');
    CASE jsonb_typeof(target)
        WHEN 'object' THEN
            FOR place IN 0 .. jsonb_array_length(fields) - 1 LOOP
                wanted := fields -> place;
                part := target -> (wanted ->> 0);
                IF wanted -> 1 <> '[]' THEN
                    part := octavo.project(part, wanted -> 1);
                END IF;
                IF part IS NOT NULL THEN
                    result := result || jsonb_build_object(wanted ->> 0, part);
                END IF;
            END LOOP;
            RETURN result;
        WHEN 'array' THEN
            RETURN (SELECT coalesce(jsonb_agg(value ORDER BY place), '[]')
                    FROM (SELECT octavo.project(element, fields) AS value, place
                          FROM jsonb_array_elements(target) WITH ORDINALITY AS each (element, place)) AS parts
                    WHERE value IS NOT NULL);
        ELSE
            RETURN NULL;
    END CASE;
END
$$;
