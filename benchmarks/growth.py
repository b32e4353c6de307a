"""What an operation costs as data grows: `python -m benchmarks.growth` writes docs/growth.md and its picture.

One database is filled step by step: an organization of 10,000 documents, others of ten times as many each, and a
thousand small ones. After each step the same operations are asked of every organization there is, in turns, and
beside them a statement that reads nothing, so that the machine's own moods can be told from growth.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import matplotlib as mpl
from rich.console import Console
from rich.progress import Progress
from uuid_utils.compat import uuid7

import octavo
from benchmarks.corpus import documents, words_of
from octavo import Octavo, Workspace
from octavo.postgres import server as embedded

mpl.use("svg")
from matplotlib import pyplot as plt  # the back end has to be chosen before

PAGE, PICTURE = Path("docs/growth.md"), Path("docs/images/growth.svg")
SMALLEST, SMALL_ORGANIZATIONS, SMALL_SIZE = 10_000, 1_000, 100
BATCH, KEPT_IDS = 1_000, 2_000
OPERATIONS, ROUNDS = 200, 3
GROUP = 20
CONNECTIONS = (1, 8, 32)
LARGE_BYTES, LARGE_TIMES = 5_000_000, 10
GOAL = 0.7
_WHY = """A search for two words becomes slower with an organization's size, and with nothing else: words that few
documents have are looked for in all of it, 131,072 passages at a time. Here they also find a hundred times as much in
the largest organization as in the smallest, since each text stands in it a hundred times. Small organizations do not
pay for large ones. Who searches millions of documents moves the role to an engine made for it, while everybody
searches: `octavo engines promote search tantivy:DIR`, or a cluster of OpenSearch. Where one figure of an operation is
low and its neighbours are not, look at SELECT 1: the machine has other guests."""
console = Console()
_chance = random.Random(20261121)


@dataclass
class Population:
    """Organizations of one size, and some ids of each that are there."""

    name: str
    smallest: int
    views: list[Workspace] = field(default_factory=list)
    ids: list[tuple[Workspace, UUID]] = field(default_factory=list)

    def view(self) -> Workspace:
        """One of them."""
        return _chance.choice(self.views)


Operation = Callable[[Population], Awaitable[object]]
# A step of the filling, what was asked, of whom, with how many callers: operations a second.
Figures = dict[tuple[int, str, str, int], float]


async def _put(population: Population) -> object:
    return await population.view().documents.put("article", _body(_chance.randrange(10**9, 2 * 10**9)))


async def _get(population: Population) -> object:
    view, id = _chance.choice(population.ids)
    return (await view.documents.get(id)).body


async def _patch(population: Population) -> object:
    view, id = _chance.choice(population.ids)
    return await view.documents.patch(id, {"status": f"s{_chance.randrange(1_000)}"})


async def _list(population: Population) -> object:
    return await population.view().documents.find("article", limit=20).page()


async def _find(population: Population) -> object:
    where = {"group": _chance.randrange(population.smallest // GROUP)}
    return await population.view().documents.find("article", where=where, limit=20).page()


async def _search(population: Population) -> object:
    words = sorted(set(words_of(_body(_chance.randrange(10_000))["text"])))
    return await population.view().search(" ".join(_chance.sample(words, min(2, len(words)))) or "document")


async def _events(population: Population) -> object:
    view, id = _chance.choice(population.ids)
    return await view.events.stream(f"document-{id}")


OPERATIONS_ASKED: dict[str, Operation] = {
    "put": _put,
    "get": _get,
    "patch": _patch,
    "newest 20": _list,
    "20 by a field": _find,
    "search two words": _search,
    "events of a document": _events,
}


def _body(number: int) -> dict[str, Any]:
    title, text = documents(10_000)[number % 10_000]
    # Every group has as many documents, whatever the size of the organization.
    return {"title": title, "text": text, "group": number // GROUP, "serial": number, "status": "new"}


async def fill(db: Octavo, population: Population, sizes: Sequence[int], progress: Progress) -> None:
    """Make an organization of each size, and index all of it."""
    task = progress.add_task(population.name, total=sum(sizes))
    for size in sizes:
        organization = await db.organizations.create(f"grow-{uuid7().hex[:20]}")
        view = db.organization(organization.name)
        population.views.append(view)
        for start in range(0, size, BATCH):
            batch = [{"type": "article", "body": _body(n)} for n in range(start, min(start + BATCH, size))]
            put = await view.documents.put_many(batch)
            progress.advance(task, len(batch))
            population.ids += [(view, document.id) for document in _chance.sample(put, min(20, len(put)))]
    population.ids = _chance.sample(population.ids, min(KEPT_IDS, len(population.ids)))
    await db.drain(timeout_seconds=7_200)


async def measure(db: Octavo, admin: Any, populations: Sequence[Population], step: int) -> Figures:
    """Every operation of every population with every number of callers, in turns."""
    rounds: dict[tuple[int, str, str, int], list[float]] = {}
    await admin.execute("ANALYZE", timeout=600)
    await _rate(lambda: db.record.app.fetchrow("SELECT 1"), max(CONNECTIONS))  # opens the connections
    for _ in range(ROUNDS):
        for name, operation in OPERATIONS_ASKED.items():
            for population, callers in itertools.product(populations, CONNECTIONS):
                rate = await _rate(lambda p=population, o=operation: o(p), callers)
                rounds.setdefault((step, name, population.name, callers), []).append(rate)
        for callers in CONNECTIONS:
            rate = await _rate(lambda: db.record.app.fetchrow("SELECT 1"), callers)
            rounds.setdefault((step, "SELECT 1", "", callers), []).append(rate)
    return {key: statistics.median(rates) for key, rates in rounds.items()}


async def _rate(operation: Callable[[], Awaitable[object]], callers: int) -> float:
    async def work() -> None:
        for _ in range(max(OPERATIONS // callers, 5)):
            await operation()

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(callers)))
    return max(OPERATIONS // callers, 5) * callers / (time.perf_counter() - begun)


async def large(view: Workspace) -> list[tuple[str, float]]:
    """Megabytes a second of bodies of 5 MB."""
    text = "".join(title + text for title, text in documents(10_000))
    bodies = [{"text": text[n * 1_000 :][:LARGE_BYTES]} for n in range(LARGE_TIMES)]
    begun = time.perf_counter()
    put = [await view.documents.put("book", body) for body in bodies]
    stored = time.perf_counter()
    for document in put:
        assert len((await view.documents.get(document.id)).body["text"]) > LARGE_BYTES // 2
    read = time.perf_counter()
    megabytes = sum(len(body["text"]) for body in bodies) / 1e6
    return [("put", megabytes / (stored - begun)), ("get", megabytes / (read - stored))]


async def run(data: Path, most: int) -> tuple[Figures, list[tuple[str, float]], list[str]]:
    """Fill and measure; the figures, those of large bodies, and the populations' names."""
    sizes = list(itertools.takewhile(lambda size: size <= most, (SMALLEST * 10**n for n in range(9))))
    steps = [(f"{size:,} documents", [size]) for size in sizes]
    steps.append((f"{SMALL_ORGANIZATIONS:,} × {SMALL_SIZE:,}", [SMALL_SIZE] * SMALL_ORGANIZATIONS))
    figures: Figures = {}
    async with octavo.open(data, background=False, pool_size=max(CONNECTIONS)) as db:
        assert db.record.server is not None
        import asyncpg  # noqa: PLC0415  # the administrator's own connection, for ANALYZE

        admin = await asyncpg.connect(**db.record.server.running.dsn("octavo_admin"))
        populations: list[Population] = []
        with Progress(console=console) as progress:
            for step, (name, wanted) in enumerate(steps):
                populations.append(Population(name, min(wanted)))
                await fill(db, populations[-1], wanted, progress)
                figures |= await measure(db, admin, populations, step)
        await admin.close()
        return figures, await large(populations[0].views[0]), [name for name, _ in steps]


def write(figures: Figures, books: Sequence[tuple[str, float]], names: Sequence[str]) -> None:
    """The page and its picture."""
    last = len(names) - 1
    lines = [
        "# Growth",
        "",
        "<!-- Written by `python -m benchmarks.growth`. -->",
        "",
        (__doc__ or "").split("\n\n", 1)[1].strip(),
        "",
        "A figure is operations a second at the end, when everything is filled, and in brackets its ratio to the "
        f"smallest organization's when it was alone; under {GOAL} it is bold.",
        "",
        "![Ratios](images/growth.svg)",
        "",
        "| operation | callers | " + " | ".join(names) + " |",
        "|---|--:|" + "--:|" * len(names),
    ]
    for name, callers in itertools.product(OPERATIONS_ASKED, CONNECTIONS):
        alone = figures[0, name, names[0], callers]
        cells = [_cell(figures[last, name, population, callers], alone) for population in names]
        lines.append(f"| {name} | {callers} | " + " | ".join(cells) + " |")
    for callers in CONNECTIONS:
        first, now = figures[0, "SELECT 1", "", callers], figures[last, "SELECT 1", "", callers]
        lines.append(f"| SELECT 1 | {callers} | {_cell(now, first)} |" + " |" * (len(names) - 1))
    told = ", ".join(f"{name} {rate:,.0f} MB/s" for name, rate in books)
    lines += ["", f"Bodies of {LARGE_BYTES / 1e6:g} MB, one caller: {told}.", "", _WHY, ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    _draw(figures, names)


def _cell(now: float, alone: float) -> str:
    ratio = f"{now / alone:.2f}"
    return f"{now:,.0f} (" + (f"**{ratio}**" if now / alone < GOAL else ratio) + ")"


def _draw(figures: Figures, names: Sequence[str]) -> None:
    last = len(names) - 1
    figure, axes = plt.subplots(figsize=(8, 4))
    for name in OPERATIONS_ASKED:
        alone = figures[0, name, names[0], 1]
        axes.plot(
            names, [figures[last, name, population, 1] / alone for population in names], "o-", label=name
        )
    axes.axhline(GOAL, color="#aa3300", linewidth=0.8, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("speed ÷ that of the smallest, alone")
    axes.legend(fontsize=7, ncols=2)
    figure.tight_layout()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE)


def main() -> None:
    """Parse, fill, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000, help="of the largest organization")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="octavo-growth-"))
    folder.chmod(0o755)
    try:
        write(*asyncio.run(run(folder / "data", asked.documents)))
        console.print(f"wrote {PAGE} and {PICTURE}")
    finally:
        embedded.destroy(folder / "data", force=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
