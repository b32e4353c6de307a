-- phase: expand
-- What a step tells: how far it is while its run has a lease, and what it used once it has ended. The progress stands in
-- the lease, which goes with the end of the attempt: nothing is left to sweep.
SET LOCAL ROLE octavo_owner;

ALTER TABLE octavo.run_lease ADD COLUMN progress jsonb;

-- Of a finished step: model, metrics, items, as in a run's history.
ALTER TABLE octavo.run_step ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
