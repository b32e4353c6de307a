-- phase: expand
-- How far an engine that is made anew in its own place has come, so that a rebuild goes on where it was broken off.
SET LOCAL ROLE octavo_owner;

ALTER TABLE octavo.engine ADD COLUMN rebuilt_to text;
ALTER TABLE octavo.engine ADD COLUMN rebuilt_at timestamptz;
ALTER TABLE octavo.engine ADD CONSTRAINT engine_rebuilt CHECK (
    (rebuilt_to IS NULL) = (rebuilt_at IS NULL) AND length(rebuilt_to) BETWEEN 1 AND 200
) NOT VALID;
