"""Kept queries and topics in an export: both are owned by the record, and made again of nothing.

    consents.jsonl   {"actor": "user:ann", "days": 30, "given_at": …}
    queries.jsonl    {"id": …, "actor": "user:ann", "text": …, "mode": "hybrid", "found": 3, "embedder": …,
                      "vector": […], "asked_at": …, "expires_at": …}
    topics.jsonl     {"model": "press-topics", "model_version": "2", "embedder": …, "topics": [{"topic_id": 0, …}], …}

An export of a part of the documents has none of them. A query is imported with its actor's consent, until it expires;
a consent that was given here, and topics that are here, stay as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, OctavoError
from octavo.operations.incoming import id_here
from octavo.operations.problems import Problems
from octavo.operations.relations import Fetch
from octavo.operations.staging import sync_file
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.registry import topics
from octavo.registry.topics import Version
from octavo.roles.embedder import Model
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor, parse_actor
from octavo.values.query import MOST_DAYS
from octavo.values.topic import TopicDraft, drafts_of

_sql = load("octavo.operations", "queries_and_topics.sql")

CONSENTS, QUERIES, TOPICS = "consents.jsonl", "queries.jsonl", "topics.jsonl"
_PAGE = 200
Line = TypeVar("Line", bound=msgspec.Struct)


class Embedder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose vectors they are."""

    name: str
    version: str


class ConsentLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Somebody allowed that their queries are kept."""

    actor: str
    days: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]
    given_at: Annotated[datetime, msgspec.Meta(tz=True)]


class QueryLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A query that is kept; its vector has an embedder."""

    id: UUID
    actor: str
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern="^[^\\x00]*$")]
    mode: Literal["keyword", "semantic", "hybrid"]
    found: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    embedder: Embedder | None = None
    vector: list[float] | None = None
    asked_at: Annotated[datetime, msgspec.Meta(tz=True)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]


class TopicLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The topics of one version of a model."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    model_version: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    embedder: Embedder | None = None
    topics: list[TopicDraft]
    made_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    made_by: str | None = None


class Kept(msgspec.Struct, frozen=True):
    """How many queries and sets of topics there were."""

    queries: int = 0
    topic_sets: int = 0


async def write(fetch: Fetch, building: Path) -> Kept:
    """Write consents, the queries that have not expired, and topics."""
    consents = [_consent_line(row) for row in await fetch(_sql.consents)]
    await asyncio.to_thread(_write_lines, building / CONSENTS, consents)
    queries = 0
    with (building / QUERIES).open("wb") as file:
        async for rows in _pages_of_queries(fetch):
            file.writelines(_line(_query_line(row)) for row in rows)
            queries += len(rows)
    await asyncio.to_thread(sync_file, building / QUERIES)
    sets = await fetch(_sql.topic_sets)
    with (building / TOPICS).open("wb") as file:
        for row in sets:
            file.write(
                _line(_topic_line(row, await fetch(_sql.topics_of, row["model"], row["model_version"])))
            )
    await asyncio.to_thread(sync_file, building / TOPICS)
    return Kept(queries, len(sets))


class KeptImport:
    """Puts the kept queries and topics of an export into an organization.

    Args:
        own_errors: of a line; they are reported, and the rest goes on.
    """

    def __init__(
        self,
        pool: Pool,
        scope: Scope,
        problems: Problems,
        own_errors: tuple[type[OctavoError], ...],
        *,
        keep_ids: bool,
    ) -> None:
        self._pool = pool
        self._scope = scope
        self._problems = problems
        self._own_errors = own_errors
        self._keep_ids = keep_ids

    async def take_all(self, folder: Path) -> Kept:
        """Import every line; returns what is new here."""
        await self._put_all(folder / CONSENTS, ConsentLine, _sql.add_consents, self._consent)
        queries = await self._put_all(folder / QUERIES, QueryLine, _sql.add_queries, self._query)
        return Kept(queries, await self._put_topics(folder / TOPICS))

    async def _put_all(self, path: Path, kind: type[Line], statement: str, columns: Any) -> int:
        put, lines = 0, self._parsed(path, kind, columns)
        while chunk := list(islice(lines, _PAGE)):
            put += await self._put(statement, chunk)
        return put

    async def _put(self, statement: str, chunk: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """Put a chunk; a line that fails is found by halving it."""
        try:
            rows = msgspec.json.encode([row for _, row in chunk])
            done = await self._scope.runner.execute(statement, self._scope.organization, rows)
        except self._own_errors as error:
            if len(chunk) == 1:
                self._problems.note(chunk[0][0], error)
                return 0
            middle = len(chunk) // 2
            return await self._put(statement, chunk[:middle]) + await self._put(statement, chunk[middle:])
        return int(done.split()[-1])

    async def _put_topics(self, path: Path) -> int:
        put = 0
        for place, (line, version, drafts) in self._parsed(path, TopicLine, _topic_set):
            if await topics.find(self._scope, line.model, line.model_version):
                continue
            try:
                async with transaction(self._pool, self._scope) as inside:
                    await topics.insert(inside, version, drafts)
                    await _date(inside, line)
            except self._own_errors as error:
                self._problems.note(place, error)
            else:
                put += 1
        return put

    def _parsed(self, path: Path, kind: type[Line], columns: Any) -> Iterator[tuple[str, Any]]:
        """The lines of a file, looked at, with their places; those that are wrong are reported."""
        if not path.is_file():
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                place = f"{path.name}, line {number}"
                try:
                    if line.strip():
                        yield place, columns(msgspec.json.decode(line, type=kind))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    self._problems.note(place, InvalidInput(f"this is no line of an export: {error}"))
                except InvalidInput as error:
                    self._problems.note(place, error)

    def _consent(self, line: ConsentLine) -> dict[str, Any]:
        return {**msgspec.structs.asdict(line), **_actor(line.actor)}

    def _query(self, line: QueryLine) -> dict[str, Any]:
        if line.expires_at <= line.asked_at:
            raise InvalidInput(f"the query {line.id} expires before it was asked")
        embedder = _embedder(line.embedder, line.vector)
        fields = msgspec.structs.asdict(line)
        del fields["embedder"]
        return {
            **fields,
            **_actor(line.actor),
            "id": id_here(self._scope, line.id, self._keep_ids),
            "model_name": embedder and embedder.name,
            "model_version": embedder and embedder.version,
        }


def _topic_set(line: TopicLine) -> tuple[TopicLine, Version, list[TopicDraft]]:
    drafts = drafts_of(line.topics)
    return line, Version(line.model, line.model_version, _embedder(line.embedder, drafts[0].vector)), drafts


def _embedder(told: Embedder | None, vector: Sequence[float] | None) -> Model | None:
    """Whose a vector is."""
    if (told is None) != (vector is None):
        raise InvalidInput("a vector has an embedder, and an embedder a vector", remedy="give both, or none")
    return None if told is None or vector is None else Model(told.name, told.version, len(vector))


def _actor(told: str) -> dict[str, str]:
    actor = parse_actor(told)
    return {"actor": actor.id, "actor_kind": actor.kind}


async def _date(inside: Scope, line: TopicLine) -> None:
    """Give a set the date and the actor it had."""
    if line.made_at is None or line.made_by is None:
        return
    who = parse_actor(line.made_by)
    await inside.runner.execute(
        _sql.date_set, inside.organization, line.model, line.model_version, line.made_at, who.id, who.kind
    )


async def _pages_of_queries(fetch: Fetch) -> AsyncIterator[Sequence[Row]]:
    behind = UUID(int=0)
    while rows := await fetch(_sql.page_of_queries, behind, _PAGE):
        yield rows
        behind = rows[-1]["id"]


def _consent_line(row: Row) -> ConsentLine:
    return ConsentLine(
        actor=str(Actor(row["actor"], row["actor_kind"])), days=row["days"], given_at=row["given_at"]
    )


def _query_line(row: Row) -> QueryLine:
    return QueryLine(
        id=row["id"],
        actor=str(Actor(row["actor"], row["actor_kind"])),
        text=row["text"],
        mode=row["mode"],
        found=row["found"],
        embedder=row["vector"] and Embedder(row["model_name"], row["model_version"]),
        vector=row["vector"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
    )


def _topic_line(row: Row, of_set: Sequence[Row]) -> TopicLine:
    return TopicLine(
        model=row["model"],
        model_version=row["model_version"],
        embedder=row["embedder_name"] and Embedder(row["embedder_name"], row["embedder_version"]),
        topics=[TopicDraft(**topic) for topic in of_set],
        made_at=row["made_at"],
        made_by=str(Actor(row["made_by"], row["made_by_kind"])),
    )


def _line(line: msgspec.Struct) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _write_lines(path: Path, lines: Sequence[msgspec.Struct]) -> None:
    path.write_bytes(b"".join(map(_line, lines)))
    sync_file(path)
