"""The part of the demonstration in which documents are processed: a pipeline over all of them, and models."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

import octavo
from octavo.cli import batch_shown, model_tables
from octavo.cli.demo_tickets import TICKETS
from octavo.cli.pipeline import pipelines_table
from octavo.cli.result import brief
from octavo.cli.session import console
from octavo.values.document import Document

_READING, _SORTING, _MODEL, _TICKET = "read", "sort-ticket", "desk", "ticket"
_STEPS = [
    {"component": "language"},
    {"component": "keywords", "after": []},
    {"component": "summarize", "after": [], "config": {"sentences": 1}},
]
_NEW_TICKET = "Half of my parcel is missing, and the courier is gone."


async def read_all(db: octavo.Octavo, doc: Document) -> None:
    """A run for every document: its language, what it is about, what it says in one sentence."""
    await db.pipelines.put(_READING, _STEPS)
    batch = await db.batches.start(_READING, where={"@type": {"$ne": _TICKET}}, name="every document")
    async with db.worker():
        batch = await batch_shown.watched(db, str(batch.id), None, as_json=False)
    console.print(batch_shown.told(batch))
    console.print(f"\n[bold]{escape(str(doc.name))}[/]")
    for result in await db.results.of(doc.id):
        console.print(f"  {result.type} [dim]by {escape(result.made_by)}[/]: {escape(brief(result))}")
    console.print()
    console.print(pipelines_table(await db.pipelines.stats(_READING)))
    console.print()


async def sort_tickets(db: octavo.Octavo) -> None:
    """A model learns from a few messages and its next version from more: it is rolled forward, and back."""
    await _put_tickets(db)
    first, second = [
        (await db.models.train(_MODEL, type=_TICKET, text="text", label="desk", where=where)).version
        for where in ({"round": 1}, {"is_judged": True})
    ]
    steps = [{"component": "classify", "config": {"field": "text", "model": f"{_MODEL}@production"}}]
    await db.pipelines.put(_SORTING, steps)
    ticket = await db.documents.put(_TICKET, {"text": _NEW_TICKET}, name="the-new-one")
    console.print(f"[italic]{_NEW_TICKET}[/]")
    async with db.worker():
        for version in (first, second):
            await db.models.promote(_MODEL, version)
            await _sort(db, ticket, "promoted")
        await db.models.rollback(_MODEL)
        await _sort(db, ticket, "rolled back")
    console.print(
        "\nBoth on the messages that people judged; one learnt from half of them, the other from most:"
    )
    console.print(model_tables.compared(await db.models.compare(_MODEL, first, second, truth="desk")))
    console.print()
    console.print(model_tables.history(await db.models.history(_MODEL, limit=3)))
    console.print()


async def _put_tickets(db: octavo.Octavo) -> None:
    drafts: list[dict[str, Any]] = [
        {
            "type": _TICKET,
            "name": f"{desk}-{number}",
            "body": {"text": text, "desk": desk, "is_judged": True, "round": 1 if number % 2 else 2},
        }
        for desk, texts in TICKETS.items()
        for number, text in enumerate(texts, 1)
    ]
    await db.documents.put_many(drafts)


async def _sort(db: octavo.Octavo, ticket: Document, done: str) -> None:
    """Sort all messages by the version that serves now, and tell what it says of one."""
    batch = await db.batches.start(_SORTING, type=_TICKET, name=f"{_MODEL} {done}")
    await batch_shown.watched(db, str(batch.id), None, as_json=False)
    for result in (await db.results.of(ticket.id, type="classification"))[:1]:
        console.print(
            f"  {done}: [bold]{result.made_by}[/] says [green]{result.label}[/], {result.score or 0:.0%} sure"
        )
