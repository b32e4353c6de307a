"""What starts runs by itself, in an export: triggers and schedules, written and imported behind all documents.

    triggers.jsonl   {"name": "invoices", "pipeline": "extract@production", "namespace": "default", "type": "invoice",
                      "on": ["created", "updated"], "where": {"status": "final"}, "paused": false, …}
    schedules.jsonl  {"name": "morning", "pipeline": "digest", "cron": "0 6 * * mon-fri", "timezone": "UTC", …}

Pipelines are documents, and come along as such; an export of a part of the documents has no triggers and schedules.
Documents are there before their triggers, so an import starts no runs of its own triggers; and a schedule is due from
the import on: what it left out until then is not made up for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, NotFound, OctavoError
from octavo.operations.incoming import id_here
from octavo.operations.problems import Problems
from octavo.operations.staging import sync_file
from octavo.pipelines.starting import schedules, triggers
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.pipeline import parse_reference
from octavo.values.run import PRIORITY
from octavo.values.schedule import Schedule
from octavo.values.trigger import CHANGES, DEPTH, Trigger

TRIGGERS, SCHEDULES = "triggers.jsonl", "schedules.jsonl"
_PAGE = 500
_NAMESPACE = msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
Line = TypeVar("Line", bound=msgspec.Struct)


class TriggerLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A trigger; one written by hand needs name, pipeline and type alone."""

    name: str
    pipeline: str
    namespace: Annotated[str, _NAMESPACE] = "default"
    type: str
    on: tuple[str, ...] = CHANGES
    where: dict[str, Any] = {}
    priority: int = PRIORITY
    debounce_seconds: float = 0.0
    recursive: bool = False
    max_depth: int = DEPTH
    paused: bool = False


class ScheduleLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A schedule; one written by hand needs name, pipeline and cron alone."""

    name: str
    pipeline: str
    cron: str
    timezone: str = "UTC"
    document: UUID | None = None
    input: dict[str, Any] = {}
    priority: int = PRIORITY
    catch_up: str = "last"
    overlap: bool = True
    paused: bool = False


class Starting(msgspec.Struct, frozen=True):
    """How many triggers and schedules there were; of an import, how many are new or others than before."""

    triggers: int = 0
    schedules: int = 0


async def write(scope: Scope, building: Path) -> Starting:
    """Write the triggers and schedules of the organization, as the scope's runner sees them."""
    return Starting(
        await _write(
            building / TRIGGERS, (_trigger_line(one) async for one in _all(triggers.listing, scope))
        ),
        await _write(
            building / SCHEDULES, (_schedule_line(one) async for one in _all(schedules.listing, scope))
        ),
    )


class StartingImport:
    """Puts the triggers and schedules of an export into an organization, each in a transaction of its own.

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

    async def take_all(self, folder: Path) -> Starting:
        """Import every line; a line that is the same here already changes nothing."""
        return Starting(
            await self._take(folder / TRIGGERS, TriggerLine, self._put_trigger),
            await self._take(folder / SCHEDULES, ScheduleLine, self._put_schedule),
        )

    async def _take(self, path: Path, kind: type[Line], put: Callable[[Scope, Line], Awaitable[bool]]) -> int:
        changed = 0
        for place, text in _lines(path):
            try:
                line = msgspec.json.decode(text, type=kind)
                async with transaction(self._pool, self._scope) as inside:
                    changed += await put(inside, line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._problems.note(place, InvalidInput(f"this is no line of an export: {error}"))
            except self._own_errors as error:
                self._problems.note(place, error)
        return changed

    async def _put_trigger(self, inside: Scope, line: TriggerLine) -> bool:
        """Keep a trigger as the line says; False when it is so."""
        with suppress(NotFound):
            if _trigger_line(await triggers.get(inside, line.name)) == line:
                return False
        fields = msgspec.structs.asdict(line)
        namespace, paused = fields.pop("namespace"), fields.pop("paused")
        reference = parse_reference(fields.pop("pipeline"))
        wanted = triggers.Wanted.of(fields.pop("name"), reference, **fields)
        await triggers.put(msgspec.structs.replace(inside, namespace=namespace), wanted)
        await triggers.pause(inside, line.name, paused=paused)
        return True

    async def _put_schedule(self, inside: Scope, line: ScheduleLine) -> bool:
        """Make a schedule as the line says, due from now on; False when it is so."""
        document = None if line.document is None else id_here(inside, line.document, self._keep_ids)
        line = msgspec.structs.replace(line, document=document)
        known = None
        with suppress(NotFound):
            known = _schedule_line(await schedules.get(inside, line.name))
        if known == line:
            return False
        fields = msgspec.structs.asdict(line)
        paused = fields.pop("paused")
        reference = parse_reference(fields.pop("pipeline"))
        await schedules.put(inside, schedules.Wanted.of(fields.pop("name"), reference, **fields))
        if paused:
            await schedules.pause(inside, line.name)
        elif known is not None and known.paused:
            await schedules.resume(inside, line.name)
        return True


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """The lines of a file with their places; an export from before there was the file has none."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        yield from (
            (f"{path.name}, line {number}", text) for number, text in enumerate(file, 1) if text.strip()
        )


async def _all(listing: Callable[..., Awaitable[list[Any]]], scope: Scope) -> AsyncIterator[Any]:
    after = ""
    while page := await listing(scope, after=after, limit=_PAGE):
        for one in page:
            yield one
        after = page[-1].name


async def _write(path: Path, lines: AsyncIterator[msgspec.Struct]) -> int:
    written = 0
    with path.open("wb") as file:
        async for line in lines:
            file.write(msgspec.json.encode(line) + b"\n")
            written += 1
    await asyncio.to_thread(sync_file, path)
    return written


def _trigger_line(one: Trigger) -> TriggerLine:
    return TriggerLine(on=one.on, paused=one.is_paused, **_fields(one, TriggerLine, {"on", "paused"}))


def _schedule_line(one: Schedule) -> ScheduleLine:
    own = {"document", "paused"}
    return ScheduleLine(document=one.document_id, paused=one.paused, **_fields(one, ScheduleLine, own))


def _fields(one: object, line: type[msgspec.Struct], but: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(one, name) for name in line.__struct_fields__ if name not in set(but)}
