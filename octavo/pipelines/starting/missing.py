"""Documents that no run of a pipeline's version tells of as they are now, and runs for them.

It is done in pages, each a statement of its own and committed with its runs. Whoever was interrupted begins anew: what
was started is not missing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from octavo.errors import LimitExceeded, NotFound
from octavo.pipelines.queueing import runs
from octavo.pipelines.queueing.runs import Start
from octavo.pipelines.starting.triggers import no_pipeline
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values import model as models
from octavo.values.pipeline import NAMESPACE, TYPE, Reference
from octavo.values.run import MAX_RUNS
from octavo.values.trigger import Missing

_sql = load("octavo.pipelines.starting", "triggers.sql")
# When a document was made and its id: the order in which they are looked at.
_Place = tuple[datetime, UUID]
_FIRST: _Place = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
_PAGE = 1_000
_TRIES = 5


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Of which documents a pipeline must have told, checked.

    Attributes:
        body, metadata: conditions as a trigger has them; None: no condition.
        environment: where the models serve whose versions results must be of; None: results of any will do.
    """

    pipeline: Reference
    namespace: str
    type: str
    priority: int
    body: str | None = None
    metadata: str | None = None
    environment: str | None = None


async def start(
    scope: Scope, wanted: Wanted, *, after: UUID | None = None, limit: int = MAX_RUNS, dry_run: bool = False
) -> Missing:
    """Start the runs that are missing, at most `limit`, in the order in which the documents were made.

    Args:
        after: the `next` of the call before.
        dry_run: only count.

    Raises:
        NotFound: no such pipeline, tag or version, or document to go on behind. LimitExceeded.
    """
    if not 1 <= limit <= MAX_RUNS:
        raise LimitExceeded(
            f"{limit} runs in one call",
            remedy=f"start 1 to {MAX_RUNS} at once",
            limit=MAX_RUNS,
            actual=limit,
        )
    look = _Look(scope, wanted, await _present(scope, wanted.pipeline), is_dry=dry_run)
    return await look.whole(await _place(scope, after), limit)


class _Look:
    """One call: what it has looked at and started so far."""

    def __init__(self, scope: Scope, wanted: Wanted, present: tuple[UUID, int], *, is_dry: bool) -> None:
        self._scope = scope
        self._wanted = wanted
        self._present = present
        self._is_dry = is_dry
        self._examined = self._missing = self._started = 0

    async def whole(self, behind: _Place, limit: int) -> Missing:
        """Page by page, until there is no more or as much was found as may be."""
        while True:
            behind, is_last = await self._page(behind, limit - self._missing)
            if is_last or self._missing == limit:
                return Missing(
                    examined=self._examined,
                    missing=self._missing,
                    started=self._started,
                    next=None if is_last else behind[1],
                )

    async def _page(self, behind: _Place, most: int) -> tuple[_Place, bool]:
        """The place of the document looked at last, and whether there is none behind it."""
        for left in reversed(range(_TRIES)):
            rows = await self._rows(behind)
            page = _up_to(rows, most)
            lacking = [row["id"] for row in page if row["is_missing"]]
            try:
                started = 0 if self._is_dry or not lacking else await self._start(lacking)
            except NotFound:
                # One of them was deleted meanwhile: the next look does not see it.
                if left == 0:
                    raise
                continue
            self._examined += len(page)
            self._missing += len(lacking)
            self._started += started
            last = (page[-1]["created_at"], page[-1]["id"]) if page else behind
            return last, len(page) == len(rows) < _PAGE
        raise AssertionError("the last try returned or raised")

    async def _rows(self, behind: _Place) -> Sequence[Row]:
        wanted = self._wanted
        return await self._scope.runner.fetch(
            _sql.page_without_run,
            self._scope.organization,
            wanted.namespace,
            wanted.type,
            *behind,
            _PAGE,
            *self._present,
            wanted.body,
            wanted.metadata,
            wanted.environment,
            models.NAMESPACE,
            models.TYPE,
        )

    async def _start(self, documents: Sequence[UUID]) -> int:
        reference = Reference(self._wanted.pipeline.name, version=self._present[1])
        wanted = Start.of(reference, documents, priority=self._wanted.priority)
        return len(await runs.start(self._scope, wanted))


def _up_to(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """The rows up to the one with the last run that may be started."""
    lacking = 0
    for place, row in enumerate(rows):
        lacking += row["is_missing"]
        if lacking == most:
            return rows[: place + 1]
    return rows


async def _place(scope: Scope, document: UUID | None) -> _Place:
    if document is None:
        return _FIRST
    row = await scope.runner.fetchrow(_sql.made_at, scope.organization, document)
    if row is None:
        raise NotFound(
            f"there is no document {document}", remedy="go on behind the `next` of the call before"
        )
    return row["created_at"], document


async def _present(scope: Scope, reference: Reference) -> tuple[UUID, int]:
    row = await scope.runner.fetchrow(
        _sql.present_version,
        scope.organization,
        NAMESPACE,
        TYPE,
        reference.name,
        reference.tag,
        reference.version,
    )
    if row is None or row["number"] is None:
        raise no_pipeline(reference)
    return row["id"], row["number"]
