"""How an attempt ends: its outputs, the document's new version, the history and the events in one transaction."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from octavo.errors import StaleLease
from octavo.pipelines.definitions import Plan
from octavo.pipelines.execution import Completed, Failed, nested
from octavo.pipelines.queue import Claimed, Ended, Returned, Steps
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.pool import Pool
from octavo.store import changes, typed
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.store.types import TakenNamed
from octavo.values.document import Document
from octavo.values.pipeline import Retry


def ended(run: Claimed, made: Completed) -> Ended:
    """The end of a run that completed."""
    return Ended(run=run, state="completed", output=made.output, steps=made.steps)


def returned(run: Claimed, failed: Failed, retry: Retry) -> Returned:
    """What becomes of a run whose attempt failed: another attempt after a while, or it is dead.

    The wait doubles with each attempt up to the most, and between half of it and the whole is chosen by chance.
    """
    if failed.is_final or run.attempt >= run.max_attempts:
        return Returned(run=run, state="dead", error=failed.encoded())
    seconds = backoff_seconds(run.attempt, first=retry.first_seconds, most=retry.most_seconds)
    return Returned(run=run, state="delayed", error=failed.encoded(), seconds=seconds)


async def write(pool: Pool, scope: Scope, plan: Plan, made: Completed, end: Ended) -> None:
    """End a run in one transaction with the version its outputs make of the document.

    Raises:
        StaleLease: the run was taken from this worker; nothing was written. And what a patch raises.
    """
    run = end.run
    inside_of = msgspec.structs.replace(scope, origin=run.origin)
    async with TakenNamed(inside_of), transaction(pool, inside_of) as inside:
        # The document first and the run's ticket last, as everywhere: nobody waits in the opposite order.
        await _patch(inside, run, plan.writes, made)
        if not await Steps(inside).finish(end):
            raise StaleLease(f"run {run.id} was taken from this worker", remedy="another one has it")


async def _patch(scope: Scope, run: Claimed, fields: Mapping[str, str], made: Completed) -> None:
    document = run.document_id
    assert document is not None
    patch = nested(fields, made.outputs)

    async def change(inside: Scope) -> Document:
        return await changes.patch(inside, document, patch)

    await typed.checked(scope, None, change)


def writes_document(run: Claimed, plan: Plan) -> bool:
    """Whether the end of a run makes a version of its document."""
    return run.document_id is not None and bool(plan.writes)
