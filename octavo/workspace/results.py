"""The results of one organization: what processing gave of its documents."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from octavo.postgres.pool import Pool
from octavo.registry import results
from octavo.registry.results import Draft, Wanted
from octavo.values.result import ProcessingType
from octavo.values.run import State
from octavo.values.stored_result import Result, ResultGroup, ResultPage
from octavo.workspace.documents import Bind
from octavo.workspace.given import known_id, optional_id


class Results:
    """The results of one organization.

    A run leaves them by itself, in the transaction that ends it, where a component's output has one of the shapes of
    `octavo.values.result`. There is one for each version of a document, type, model with its version, and options: a
    second run replaces it. Results of deleted documents are not shown, those of purged ones are gone.
    """

    def __init__(self, bind: Bind, pool: Pool) -> None:
        self._bind = bind
        self._pool = pool

    async def put(
        self,
        document: UUID | str,
        type: ProcessingType,
        value: object = None,
        *,
        model: str,
        version: int | None = None,
        options: Mapping[str, Any] | None = None,
        error: str | None = None,
        error_details: Mapping[str, Any] | None = None,
        metrics: object = None,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> Result:
        """Store a result that was made outside of a run; result and event commit together.

        Args:
            document, version: what was read; without a version the current one.
            value: in the shape of its type, as `octavo.values.result.Classification` or a mapping with its fields.
            model: what made it, with its version: `ticket-topic@3`.
            options: that it was made with; other options make another result.
            error, error_details: instead of a value, why there is none; never in the place of a value that is there.
            metrics: what it took, see `octavo.values.stored_result.Metrics`.
            started_at, ended_at: both or neither, with a time zone.

        Raises:
            InvalidInput: the value does not have its type's shape; names the field. LimitExceeded.
            NotFound: no such document or version. Conflict: a failure in the place of a value.
        """
        draft = Draft.of(
            known_id(document),
            type,
            value,
            model=model,
            version=version,
            options=options,
            error=error,
            error_details=error_details,
            metrics=metrics,
            started_at=started_at,
            ended_at=ended_at,
        )
        return await results.put(self._pool, await self._bind(), draft)

    async def get(self, id: UUID | str) -> Result:
        """One result; raises `NotFound`, as when it was replaced."""
        return await results.get(await self._bind(), known_id(id, "result"))

    async def of(
        self,
        document: UUID | str,
        *,
        version: int | None = None,
        type: ProcessingType | None = None,
        model: str | None = None,
        limit: int = 100,
    ) -> builtins.list[Result]:
        """The results of a document, those of its newest version first; `stale` says which hold no more.

        Args:
            version, type, model: only of these; the model's name alone.
        """
        return await results.of(
            await self._bind(), known_id(document), version=version, type=type, model=model, limit=limit
        )

    async def latest(
        self, document: UUID | str, type: ProcessingType, *, model: str | None = None
    ) -> Result | None:
        """The completed result of a type that is of the newest version of a document, or None."""
        found = await results.of(
            await self._bind(), known_id(document), type=type, model=model, status="completed", limit=1
        )
        return found[0] if found else None

    async def list(
        self,
        *,
        type: ProcessingType | None = None,
        model: str | None = None,
        label: str | None = None,
        least_score: float | None = None,
        status: State | None = None,
        error: str | None = None,
        where: Mapping[str, Any] | None = None,
        fresh: bool = False,
        before: UUID | str | None = None,
        limit: int = 100,
    ) -> ResultPage:
        """Results, newest first.

        One call looks at a bounded number of results (`max_scanned`), so a page may hold few or none and there may
        still be more: go on from its `before` until that is None.

        Args:
            type, model, label, status: only these; the model as a name or `name@version`, found by an index.
            least_score: only those of which the model was at least so sure.
            error: only failed ones with these words in message or details.
            where: a filter on the fields of the value, as `{"confidence": {"$gte": 0.8}}`.
            fresh: only those that hold: of the document's newest version, by the version that serves in production.
            before: the `before` of the page before.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded.
        """
        wanted = Wanted(
            type=type,
            model=model,
            label=label,
            least_score=least_score,
            status=status,
            error=error,
            where=where,
            fresh=fresh,
        )
        return await results.listing(await self._bind(), wanted, before=optional_id(before), limit=limit)

    async def find(
        self,
        type: ProcessingType,
        *,
        label: str | None = None,
        least_score: float | None = None,
        model: str | None = None,
        where: Mapping[str, Any] | None = None,
        fresh: bool = True,
        limit: int | None = None,
    ) -> AsyncIterator[Result]:
        """Completed results of a type, newest first: `async for result in db.results.find("classification", …)`.

        Args:
            label: what was predicted, found by an index.
            least_score, model, where, fresh: as in `list`.
            limit: results at most; None for all.
        """
        wanted = Wanted(
            type=type,
            label=label,
            least_score=least_score,
            model=model,
            where=where,
            fresh=fresh,
            status="completed",
        )
        async for result in results.every(await self._bind(), wanted, limit=limit):
            yield result

    async def group(
        self, type: ProcessingType, *, model: str | None = None, limit: int = 100
    ) -> builtins.list[ResultGroup]:
        """How many documents have each label, the most first: by the newest result that is of their current version.

        Args:
            model: only results of this one, a name or `name@version`.
            limit: labels at most.
        """
        return await results.grouped(await self._bind(), type, model=model, limit=limit)
