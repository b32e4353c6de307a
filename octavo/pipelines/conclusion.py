"""How an attempt ends: its outputs, the document's new version, the history and the events in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from octavo.errors import StaleLease
from octavo.pipelines.defining.definitions import Plan
from octavo.pipelines.executing.execution import Completed, nested
from octavo.pipelines.executing.results import results_of
from octavo.pipelines.queueing.failing import Failed
from octavo.pipelines.queueing.queue import Claimed, Ended, Returned, Steps
from octavo.pipelines.starting import triggers
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.pool import Pool
from octavo.store import changes, typed
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.store.types import TakenNamed
from octavo.values.document import Document
from octavo.values.pipeline import Retry


def ended(run: Claimed, plan: Plan, made: Completed) -> Ended:
    """The end of a run that completed."""
    results = results_of(run, plan, made)
    return Ended(run=run, state="completed", output=made.output, steps=made.steps, results=results)


def returned(run: Claimed, failed: Failed, retry: Retry) -> Returned:
    """What becomes of a run whose attempt failed: another attempt after a while, or it is dead.

    The wait doubles with each attempt up to the most, and between half of it and the whole is chosen by chance.
    """
    if failed.is_final or run.attempt >= run.max_attempts:
        return Returned(run=run, state="dead", error=failed.encoded())
    seconds = backoff_seconds(run.attempt, first=retry.first_seconds, most=retry.most_seconds)
    return Returned(run=run, state="delayed", error=failed.encoded(), seconds=seconds)


async def write(pool: Pool, scope: Scope, plan: Plan, made: Completed, end: Ended) -> bool:
    """End a run in one transaction with the version its outputs make of the document.

    Raises:
        StaleLease: the run was taken from this worker; nothing was written. And what a patch raises.
    """
    run = end.run
    inside_of = msgspec.structs.replace(scope, origin=run.origin)
    async with TakenNamed(inside_of), transaction(pool, inside_of) as inside:
        # The document first and the run's ticket last, as everywhere: nobody waits in the opposite order.
        steps = Steps(inside)
        if not await steps.finish(await _with_version(inside, plan, made, end)):
            raise StaleLease(f"run {run.id} was taken from this worker", remedy="another one has it")
    return steps.is_awaited


async def _with_version(scope: Scope, plan: Plan, made: Completed, end: Ended) -> Ended:
    """The end of a run that writes, and what it writes: nothing when its trigger has a run about a newer version."""
    run = end.run
    if await triggers.is_superseded(scope, run):
        return end
    document = await _patch(scope, run, plan.writes, made)
    return msgspec.structs.replace(end, results=results_of(run, plan, made, written=document.version))


async def _patch(scope: Scope, run: Claimed, fields: Mapping[str, str], made: Completed) -> Document:
    document = run.document_id
    assert document is not None
    patch = nested(fields, made.outputs)

    async def change(inside: Scope) -> Document:
        return await changes.patch(inside, document, patch)

    return await typed.checked(scope, None, change)


def writes_document(run: Claimed, plan: Plan) -> bool:
    """Whether the end of a run makes a version of its document."""
    return run.document_id is not None and bool(plan.writes)
