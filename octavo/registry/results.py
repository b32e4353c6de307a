"""Results: stored by runs and by services, read with whether they still hold, found by what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store import events
from octavo.store.filters import compile_guard
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor
from octavo.values.filter import parse as parse_filter
from octavo.values.json import encode, encode_object
from octavo.values.result import ProcessingType, processing_type, result_shape
from octavo.values.run import State
from octavo.values.stored_result import (
    MAX_OPTIONS_BYTES,
    MAX_VALUE_BYTES,
    Result,
    ResultGroup,
    ResultPage,
    metrics_of,
)

_sql = load("octavo.registry", "results.sql")
_LAST = UUID(int=2**128 - 1)
_PARAMETERS_FROM = 6
_TYPES = {"type": "octavo.processing_type"}
_STATES: tuple[State, ...] = ("completed", "failed")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A result to be stored, checked: see `Draft.of`."""

    document: UUID
    version: int | None
    type: ProcessingType
    model: str
    model_version: str
    options: bytes
    value: bytes | None
    error: bytes | None
    metrics: bytes
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(
        cls,
        document: UUID,
        type: object,
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
    ) -> Draft:
        """Check what a caller gave; raises `InvalidInput` and `LimitExceeded`."""
        kind = processing_type(type)
        name, model_version = made_by(model)
        if model_version is None:
            raise InvalidInput(
                f"a result names the version of its model, and {model[:200]!r} has none",
                remedy="write NAME@VERSION, as ticket-topic@3",
            )
        if (value is None) == (error is None):
            raise InvalidInput("a result has a value, or an error that says why it has none")
        _check_times(started_at, ended_at)
        failed = None if error is None else {"message": error[:2_000], "details": error_details or {}}
        return cls(
            document=document,
            version=version,
            type=kind,
            model=name,
            model_version=model_version,
            options=encode_object(options or {}, what="options of a result", max_bytes=MAX_OPTIONS_BYTES),
            value=None
            if value is None
            else encode_object(result_shape(kind, value), what="result", max_bytes=MAX_VALUE_BYTES),
            error=None
            if failed is None
            else encode_object(failed, what="error of a result", max_bytes=MAX_OPTIONS_BYTES),
            metrics=encode(metrics_of(metrics).model_dump(exclude_none=True)),
            started_at=started_at,
            ended_at=ended_at,
        )


def made_by(model: str) -> tuple[str, str | None]:
    """Name and version of `name@version`; the version is None when there is none. Raises `InvalidInput`."""
    name, separator, version = model.rpartition("@")
    if not separator:
        name, version = model, ""
    if not 1 <= len(name) <= 500 or len(version) > 100 or "\x00" in model:
        raise InvalidInput(f"{model[:200]!r} names no model", remedy="write NAME@VERSION, as ticket-topic@3")
    return name, version or None


async def put(pool: Pool, scope: Scope, draft: Draft) -> Result:
    """Store a result and its event in one transaction; see `Results.put`."""
    async with transaction(pool, scope) as inside:
        row = await inside.runner.fetchrow(
            _sql.put_result,
            scope.organization,
            scope.origin.actor.id,
            scope.origin.actor.kind,
            uuid7(),
            draft.document,
            draft.version,
            draft.type,
            draft.model,
            draft.model_version,
            draft.options,
            draft.value,
            draft.error,
            draft.metrics,
            draft.started_at,
            draft.ended_at,
        )
        if row is None:
            raise await _refused(inside, draft)
        told = {"type": draft.type, "model": draft.model, "modelVersion": draft.model_version}
        stored = events.fact("result.stored", told, document_id=draft.document, version=row["version"])
        await events.append(inside, f"result-{draft.document}", stored)
        return await get(inside, row["id"])


async def get(scope: Scope, id: UUID) -> Result:
    """One result; raises `NotFound`."""
    row = await scope.runner.fetchrow(_sql.find_result, scope.organization, id)
    if row is None:
        raise NotFound(
            f"there is no result {id}", remedy="it may have been replaced: ask for those of its document"
        )
    return _result(row)


async def of(
    scope: Scope,
    document: UUID,
    *,
    version: int | None = None,
    type: object = None,
    model: str | None = None,
    status: State | None = None,
    limit: int = 100,
) -> list[Result]:
    """The results of a document, those of its newest version first."""
    rows = await scope.runner.fetch(
        _sql.results_of,
        scope.organization,
        document,
        version,
        None if type is None else processing_type(type),
        model,
        _status(status),
        _page(scope, limit),
    )
    return [_result(row) for row in rows]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which results are asked for: see `Results.list`."""

    type: object = None
    model: str | None = None
    label: str | None = None
    least_score: float | None = None
    status: State | None = None
    error: str | None = None
    where: Mapping[str, Any] | None = None
    fresh: bool = False


async def listing(
    scope: Scope, wanted: Wanted, *, before: UUID | None = None, limit: int = 100
) -> ResultPage:
    """Results, newest first. One call looks at a bounded number of them: go on from `before` until it is None."""
    asked = _Asked(wanted)
    rows = await scope.runner.fetch(
        _sql.list_results.replace("{narrowed}", asked.narrowed).replace("{guard}", asked.guard),
        scope.organization,
        before or _LAST,
        scope.limits.scanned if asked.looks_further else limit,
        _page(scope, limit),
        wanted.fresh,
        *asked.arguments,
    )
    found = [_result(row) for row in rows if row["id"] is not None]
    return ResultPage(found, found[-1].id if len(found) == limit else rows[0]["last_looked"])


class _Asked:
    """What is asked, as SQL: equalities that indexes find, and what has to be looked at in what they find."""

    def __init__(self, wanted: Wanted) -> None:
        name, version = (None, None) if wanted.model is None else made_by(wanted.model)
        equal = {
            "type": None if wanted.type is None else processing_type(wanted.type),
            "model": name,
            "model_version": version,
            "label": wanted.label,
        }
        status = _status(wanted.status or ("failed" if wanted.error else None))
        self.arguments: list[object] = []
        # One of two known words, and as such in the text: a partial index is chosen by what a statement says.
        said = [] if status is None else [f"result.status = '{status}'"]
        self.narrowed = " AND ".join([*self._equal(equal), *said]) or "true"
        self.guard = " AND ".join(self._looked_at(wanted)) or "true"
        self.looks_further = wanted.fresh or self.guard != "true"

    def _parameter(self, value: object, type: str) -> str:
        self.arguments.append(value)
        return f"${_PARAMETERS_FROM + len(self.arguments) - 1}::{type}"

    def _equal(self, equal: Mapping[str, object]) -> Iterator[str]:
        for column, value in equal.items():
            if value is not None:
                yield f"result.{column} = {self._parameter(value, _TYPES.get(column, 'text'))}"

    def _looked_at(self, wanted: Wanted) -> Iterator[str]:
        if wanted.least_score is not None:
            yield f"result.score >= {self._parameter(wanted.least_score, 'float8')}"
        if wanted.error is not None:
            words = self._parameter(wanted.error, "text")
            yield f"to_tsvector('simple', result.error) @@ plainto_tsquery('simple', {words})"
        if wanted.where:
            first = _PARAMETERS_FROM + len(self.arguments)
            guard, arguments = compile_guard(
                parse_filter(wanted.where), body="result.value", metadata="result.metrics", first=first
            )
            self.arguments += arguments
            yield guard


async def every(scope: Scope, wanted: Wanted, *, limit: int | None = None) -> AsyncIterator[Result]:
    """Results, newest first, page after page."""
    before, left = None, limit
    while left is None or left > 0:
        page = await listing(scope, wanted, before=before, limit=min(left or 100, 100))
        for result in page.results:
            yield result
        left = None if left is None else left - len(page.results)
        if page.before is None:
            return
        before = page.before


async def grouped(
    scope: Scope, type: object, *, model: str | None = None, limit: int = 100
) -> list[ResultGroup]:
    """How many documents have each label, by their newest result of the type."""
    name, version = (None, None) if model is None else made_by(model)
    rows = await scope.runner.fetch(
        _sql.group_results, scope.organization, processing_type(type), name, version, _page(scope, limit)
    )
    return [
        ResultGroup(
            label=row["label"],
            documents=row["documents"],
            score_mean=row["score_mean"],
            score_least=row["score_least"],
        )
        for row in rows
    ]


def _check_times(started_at: datetime | None, ended_at: datetime | None) -> None:
    if (started_at is None) != (ended_at is None):
        raise InvalidInput("a result has a start and an end, or neither", remedy="give both, or none")
    for moment in (started_at, ended_at):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"{moment} has no time zone", remedy="give one, as datetime.now(UTC)")
    if started_at is not None and ended_at is not None and ended_at < started_at:
        raise InvalidInput(f"it ended at {ended_at}, before it started at {started_at}")


async def _refused(scope: Scope, draft: Draft) -> NotFound | Conflict:
    row = await scope.runner.fetchrow(
        _sql.look_for_version, scope.organization, draft.document, draft.version
    )
    if row is None or row["is_deleted"]:
        return NotFound(f"there is no document {draft.document}")
    if row["version"] is None:
        return NotFound(f"the document {draft.document} has no version {draft.version}")
    return Conflict(
        f"there is a result of {draft.type} by {draft.model}@{draft.model_version} that did not fail",
        remedy="a failure replaces no value",
    )


def _status(status: object) -> object:
    if status is not None and status not in _STATES:
        raise InvalidInput(
            f"{str(status)[:100]!r} is no status of a result",
            remedy=f"they are {' and '.join(_STATES)}; what is not over yet is a run",
        )
    return status


def _page(scope: Scope, limit: int) -> int:
    if not 1 <= limit <= scope.limits.page:
        raise LimitExceeded(
            f"a page of {limit} results",
            remedy=f"ask for 1 to {scope.limits.page}",
            limit=scope.limits.page,
            actual=limit,
        )
    return limit


def _result(row: Row) -> Result:
    stale = [("document", row["is_outdated"]), ("model", row["is_superseded"])]
    return Result(
        id=row["id"],
        document_id=row["document_id"],
        version=row["version"],
        type=row["type"],
        model=row["model"],
        model_version=row["model_version"],
        status=row["status"],
        label=row["label"],
        score=row["score"],
        stale=tuple(reason for reason, holds in stale if holds),  # type: ignore[misc]  # two words of Staleness
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        actor=Actor(row["actor"], row["actor_kind"]),
        run_id=row["run_id"],
        step=row["step"],
        component=row["component"],
        raw_options=row["options"],
        raw_value=row["value"],
        raw_error=row["error"],
        raw_metrics=row["metrics"],
    )
