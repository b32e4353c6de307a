"""Opening a database: every part is built from the settings, and what has to be closed is put on a stack."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec

from octavo.analytics.counting import Counting
from octavo.components import BUILT_IN, served
from octavo.engines.blobs.files import FileBlobs
from octavo.engines.embedders.choice import Embedders
from octavo.engines.generators.choice import generator
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.operations.maintenance import tasks
from octavo.operations.task import Bounds, Done, Task
from octavo.operations.upkeep import Upkeep
from octavo.pipelines.defining import definitions
from octavo.pipelines.defining.definitions import Components, Plans
from octavo.pipelines.executing.clock import SystemClock
from octavo.pipelines.executing.processes import Processes
from octavo.postgres.record import Record, open_record
from octavo.projections.facts import Facts
from octavo.projections.promote import retire_overdue
from octavo.projections.roles import check, roles
from octavo.projections.roster import Roster
from octavo.projections.serving import ServingSearch
from octavo.projections.serving_analytics import ROLE as ANALYTICS
from octavo.projections.serving_analytics import ServingAnalytics
from octavo.projections.serving_vectors import ServingVectors
from octavo.registry.health import AllowedHosts
from octavo.registry.serving import Serving
from octavo.search.query import Search, Skips
from octavo.search.semantic import Semantic
from octavo.settings import Settings
from octavo.values.component import Component
from octavo.values.login import parse_logins
from octavo.values.position import Position
from octavo.values.upcast import Upcasters
from octavo.workspace import Parts, RunParts
from octavo.workspace.audit import ReadAudit
from octavo.workspace.models import ModelParts

# How often engines are looked for that were kept for long enough.
RETIRE_SECONDS = 300.0
Moved = Callable[[float], Awaitable[None]]


class Opened(msgspec.Struct, frozen=True):
    """The parts of an open database.

    Attributes:
        parts: what the views of organizations share.
        tasks: of maintenance; none where only one organization may be seen.
        upkeep: does them when they are due.
    """

    record: Record
    roster: Roster
    facts: Facts
    parts: Parts
    blobs: FileBlobs
    components: Components
    tasks: tuple[Task, ...]
    upkeep: Upkeep | None


async def opened(
    settings: Settings,
    closing: AsyncExitStack,
    *,
    background: bool,
    components: Sequence[Component],
    upcasters: Upcasters,
) -> Opened:
    """Open everything that the settings name; what was opened is closed by `closing`, the last first.

    Raises:
        InvalidSetting, ServerFault, StorageFault, MigrationNeeded, Unavailable, AccessDenied.
    """
    check(settings)  # before anything is started
    logins = parse_logins(settings.engine_logins)
    embedders, writer = Embedders(logins), generator(settings.generator, logins)
    closing.push_async_callback(embedders.close)
    closing.push_async_callback(writer.close)
    boxed = (*BUILT_IN, *served(partial(embedders.named, settings.embedder), lambda: writer))
    known = Components([*boxed, *components, *definitions.imported(settings.components)])
    record = await open_record(settings)
    closing.push_async_callback(record.close)
    wakeup = Wakeup(record.app, record.listen if record.can_listen else None)
    closing.push_async_callback(wakeup.close)
    roster = Roster(record, wakeup, roles(record, settings, embedders))
    closing.push_async_callback(roster.close)
    await roster.open()
    if record.has_system and background:
        roster.runners.start()
    blobs = FileBlobs(blob_directory(settings))
    todo, upkeep = _maintenance(
        record, wakeup, roster, blobs, closing, batch_days=settings.batch_days, background=background
    )
    reads = ReadAudit(record.app)
    closing.push_async_callback(reads.close)
    models = ModelParts(Serving(blobs), AllowedHosts(settings.model_hosts))
    closing.push_async_callback(models.serving.close)
    runs = _run_parts(settings, known, models.serving)
    closing.push_async_callback(runs.processes.close)
    skips = _skips(record, wakeup)
    parts = Parts(
        pool=record.app,
        wakeup=wakeup,
        search=Search(
            ServingSearch(roster),
            record.app,
            moved=_moved(record, roster, "search"),
            skips=skips,
            max_limit=settings.max_page,
        ),
        semantic=Semantic(
            ServingVectors(roster, embedders),
            moved=_moved(record, roster, "vectors"),
            skips=skips,
            max_limit=settings.max_page,
        ),
        blobs=blobs,
        runs=runs,
        models=models,
        upcasters=upcasters,
        reads=reads,
        counting=_counting(record, roster, skips),
    )
    return Opened(record, roster, Facts(roster), parts, blobs, known, todo, upkeep)


def blob_directory(settings: Settings) -> Path:
    """Where original files are kept: the setting, or `blobs` in the data directory of an embedded record."""
    if settings.blobs:
        return Path(settings.blobs.removeprefix("file:")).expanduser()
    if "://" in settings.record:
        return Path("octavo-blobs")
    return Path(settings.record.removeprefix("embedded:")).expanduser() / "blobs"


def _maintenance(
    record: Record,
    wakeup: Wakeup,
    roster: Roster,
    blobs: FileBlobs,
    closing: AsyncExitStack,
    *,
    batch_days: int,
    background: bool,
) -> tuple[tuple[Task, ...], Upkeep | None]:
    if not record.has_system:
        return (), None
    todo = (
        *tasks(record.system, blobs, wakeup.committed, batch_days=batch_days),
        Task("engines", RETIRE_SECONDS, partial(_retire_overdue, roster)),
    )
    upkeep = Upkeep(record.system, todo)
    closing.push_async_callback(upkeep.stop)
    if background:
        upkeep.start()
    return todo, upkeep


def _run_parts(settings: Settings, components: Components, models: Serving) -> RunParts:
    processes = Processes(settings.run_processes or os.cpu_count() or 1, settings.run_memory_bytes)
    return RunParts(components, Plans(components), processes, SystemClock(), models)


def _moved(record: Record, roster: Roster, role: str) -> Moved:
    return partial(roster.moved, role) if record.has_system else asyncio.sleep


async def _retire_overdue(roster: Roster, to: Bounds) -> Done:
    due, gone = await retire_overdue(roster, dry_run=to.dry_run)
    return Done(task="engines", dry_run=to.dry_run, examined=due, changed=gone)


def _counting(record: Record, roster: Roster, skips: Skips) -> Counting | None:
    if ANALYTICS not in roster.roles:
        return None
    return Counting(ServingAnalytics(roster), moved=_moved(record, roster, ANALYTICS), skips=skips)


def _skips(record: Record, wakeup: Wakeup) -> Skips:
    async def skips(organization: UUID, reached: Position, wanted: Position) -> bool:
        feed = Feed(record.app, wakeup, organization, shard=record.shard)
        behind = await feed.read(reached, limit=1)
        return behind.gate >= wanted and all(event.position > wanted for event in behind.events)

    return skips
