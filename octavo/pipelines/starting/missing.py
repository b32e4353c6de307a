"""Documents that no run of a pipeline's version tells of as they are now, and runs for them: one by one, or as a batch.

It is done in pages, each a statement of its own and committed with its runs. Whoever was interrupted begins anew: what
was started is not missing any more. A batch is begun when all pages were looked at, and its runs are started then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from octavo.errors import LimitExceeded, NotFound
from octavo.pipelines.queueing import runs
from octavo.pipelines.queueing.runs import Start
from octavo.pipelines.starting import batches, filling
from octavo.pipelines.starting.batches import BatchStart
from octavo.pipelines.starting.triggers import no_pipeline
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values import model as models
from octavo.values.batch import MAX_LISTED, Asked
from octavo.values.pipeline import NAMESPACE, TYPE, Reference
from octavo.values.run import MAX_RUNS
from octavo.values.trigger import Missing

_sql = load("octavo.pipelines.starting", "triggers.sql")
_batches = load("octavo.pipelines.starting", "batches.sql")
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
    scope: Scope,
    wanted: Wanted,
    *,
    after: UUID | None = None,
    limit: int | None = None,
    dry_run: bool = False,
) -> Missing:
    """Start the runs that are missing, at most `limit`, in the order in which the documents were made.

    Args:
        after: the `next` of the call before.
        limit: 10,000 at most, which is the default.
        dry_run: only count.

    Raises:
        NotFound: no such pipeline, tag or version, or document to go on behind. LimitExceeded.
    """
    most = _most(limit, MAX_RUNS)
    look = _Look(scope, wanted, await _present(scope, wanted.pipeline), None if dry_run else _Singly(scope))
    return await look.whole(await _place(scope, after), most)


async def start_batch(
    pool: Pool,
    scope: Scope,
    wanted: Wanted,
    *,
    name: str,
    after: UUID | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Missing:
    """As `start`, as one batch; a batch of the same version that was not started to its end is gone on with first.

    Args:
        name: of the batch.
        limit: 1,000,000 at most, or what the organization allows in a batch, which is the default.
        progress: told how many runs this call has started.
    """
    most = _most(limit, MAX_LISTED)
    allowed = (await filling.bounds(scope)).batch
    most = most if allowed is None else max(min(most, allowed), 1)
    present = await _present(scope, wanted.pipeline)
    place = await _place(scope, after)
    if dry_run:
        return await _Look(scope, wanted, present, None).whole(place, most)
    told = _Told(progress)
    waiting = await _fill_open(scope, present, told)
    if waiting is not None:
        return Missing(examined=0, missing=0, started=told.runs, next=after, batch=waiting)
    found = _Together()
    looked = await _Look(scope, wanted, present, found).whole(place, most)
    reference = Reference(wanted.pipeline.name, version=present[1])

    def of(documents: list[UUID]) -> BatchStart:
        return BatchStart.of(reference, documents, Asked(), priority=wanted.priority, name=name)

    batch = await _begin(pool, scope, found.documents, of)
    if batch is not None:
        await filling.fill(scope, batch, told.more())
    return msgspec.structs.replace(looked, started=told.runs, batch=batch)


class _Told:
    """Runs that were started, over several batches."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.runs = 0
        self._progress = progress

    def more(self) -> Callable[[int], None]:
        """Hears how many runs of one more batch were started."""
        before = self.runs

        def tell(runs: int) -> None:
            self.runs = before + runs
            if self._progress is not None:
                self._progress(self.runs)

        return tell


async def _fill_open(scope: Scope, present: tuple[UUID, int], told: _Told) -> UUID | None:
    """Go on with batches of this version of which runs are still to be started; the first that a quota holds up."""
    for row in await scope.runner.fetch(_batches.unfilled, scope.organization, *present):
        await filling.fill(scope, row["id"], told.more())
    left = await scope.runner.fetch(_batches.unfilled, scope.organization, *present)
    return left[0]["id"] if left else None


async def _begin(
    pool: Pool, scope: Scope, documents: list[UUID], wanted: Callable[[list[UUID]], BatchStart]
) -> UUID | None:
    """The batch of what is missing; None when nothing is."""
    for left in reversed(range(_TRIES)):
        if not documents:
            return None
        try:
            return (await batches.begin(pool, scope, wanted(documents)))[0]
        except NotFound:
            if left == 0:
                raise
            # Some were deleted meanwhile.
            rows = await scope.runner.fetch(_sql.present_documents, scope.organization, documents)
            there = {row["id"] for row in rows}
            documents = [id for id in documents if id in there]
    raise AssertionError("the last try returned or raised")


class _Singly:
    """Starts runs at once, with the page they were found in."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def take(self, reference: Reference, documents: Sequence[UUID], priority: int) -> int:
        """Start a run for each; returns how many."""
        return len(await runs.start(self._scope, Start.of(reference, documents, priority=priority)))


class _Together:
    """Remembers documents, for a batch."""

    def __init__(self) -> None:
        self.documents: list[UUID] = []

    async def take(self, reference: Reference, documents: Sequence[UUID], priority: int) -> int:  # noqa: ARG002
        """Remember them; nothing is started yet."""
        self.documents += documents
        return 0


class _Look:
    """One call: what it has looked at and started so far."""

    def __init__(
        self, scope: Scope, wanted: Wanted, present: tuple[UUID, int], starts: _Singly | _Together | None
    ) -> None:
        self._scope = scope
        self._wanted = wanted
        self._present = present
        self._starts = starts
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
                started = await self._start(lacking) if lacking else 0
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
        if self._starts is None:
            return 0
        reference = Reference(self._wanted.pipeline.name, version=self._present[1])
        return await self._starts.take(reference, documents, self._wanted.priority)


def _most(limit: int | None, most: int) -> int:
    if limit is None:
        return most
    if not 1 <= limit <= most:
        raise LimitExceeded(
            f"{limit} runs in one call", remedy=f"start 1 to {most} at once", limit=most, actual=limit
        )
    return limit


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
