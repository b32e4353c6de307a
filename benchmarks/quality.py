"""How good the three modes of search are, on a judged set of real documentation; writes docs/quality.md.

    python -m benchmarks.quality [--questions N]

The set is made by rule from what is installed (see `quality_set`), so nothing is downloaded and nobody's taste is in
it. Each question is asked in every mode; what comes first is compared with what the documentation itself says.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import platform
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import UUID

from rich.console import Console

import octavo
from benchmarks.quality_set import KINDS, Entry, Question, entries, questions
from octavo.postgres import server as embedded

EACH = 200
BEST = 10
BATCH = 500
AT_ONCE = 4
PAGE, PICTURE = Path("docs/quality.md"), Path("docs/images/quality.svg")
console = Console()


@dataclass(frozen=True)
class Way:
    """A way to ask: the mode, and whether every word is demanded or any will do."""

    title: str
    mode: str
    any_word: bool = False


WAYS = (
    Way("keyword, all words", "keyword"),
    Way("keyword, any word", "keyword", any_word=True),
    Way("semantic", "semantic"),
    Way("hybrid", "hybrid"),
)


@dataclass(frozen=True)
class Score:
    """Means over questions: the discounted gain of the first ten, and one by the place of the first right one."""

    ndcg: float
    mrr: float
    answered: float


Scores = Mapping[tuple[str, str], Score]


def ndcg(found: Sequence[str], relevant: frozenset[str]) -> float:
    """Normalized discounted cumulative gain of the first ten, 0 to 1, all relevant answers worth the same.

    The gain at place i is 1 / log2(i + 1) (Järvelin and Kekäläinen, 2002), divided by that of the best order.
    """
    gains = [1 / math.log2(place + 1) for place in range(1, BEST + 1)]
    gained = sum(gain for name, gain in zip(found, gains, strict=False) if name in relevant)
    return gained / sum(gains[: len(relevant)])


def reciprocal_rank(found: Sequence[str], relevant: frozenset[str]) -> float:
    """One by the place of the first relevant answer among the first ten; 0 if there is none."""
    return next((1 / place for place, name in enumerate(found[:BEST], 1) if name in relevant), 0.0)


def main() -> None:
    """Ask everything in every way, print the scores, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=EACH, help=f"of each kind (default: {EACH})")
    each = parser.parse_args().questions
    documents = entries()
    asked = questions(documents, each)
    folder = Path(tempfile.mkdtemp(prefix="octavo-quality-"))
    folder.chmod(0o755)
    try:
        scores = asyncio.run(_scores(folder / "data", documents, asked))
    finally:
        embedded.destroy(folder / "data", force=True)
        shutil.rmtree(folder, ignore_errors=True)
    _write(documents, asked, scores)
    console.print(f"wrote {PAGE} and {PICTURE}")


async def _scores(data: Path, documents: Sequence[Entry], asked: Sequence[Question]) -> Scores:
    async with octavo.open(data, vectors="postgres") as db:
        names = await _put(db, documents)
        await db.drain(timeout_seconds=600)
        scores: dict[tuple[str, str], Score] = {}
        for way in WAYS:
            found = await _asked(db, way, asked, names)
            for kind in KINDS:
                scores[way.title, kind] = _score(asked, found, kind)
                console.print(f"{way.title:20} {kind:24} nDCG@10 {scores[way.title, kind].ndcg:.3f}")
        return scores


async def _put(db: octavo.Octavo, documents: Sequence[Entry]) -> dict[UUID, str]:
    names: dict[UUID, str] = {}
    for start in range(0, len(documents), BATCH):
        some = documents[start : start + BATCH]
        bodies = [{"title": one.name, "text": one.text, "language": "en"} for one in some]
        made = await db.documents.put_many([{"type": "entry", "body": body} for body in bodies])
        names |= {document.id: one.name for document, one in zip(made, some, strict=True)}
    return names


async def _asked(
    db: octavo.Octavo, way: Way, asked: Sequence[Question], names: Mapping[UUID, str]
) -> list[list[str]]:
    """The names of the first ten answers to each question, whoever asks left out."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def answer(question: Question) -> list[str]:
        async with turns:
            hits = await db.search(_text(question, way), mode=way.mode, limit=BEST + 1)
        found = [names[hit.id] for hit in hits.hits]
        return [name for name in found if name != question.asker][:BEST]

    return await asyncio.gather(*(answer(question) for question in asked))


def _text(question: Question, way: Way) -> str:
    """The question's words without signs, which mean something to the query language."""
    words = re.findall(r"[^\W_]+", question.text)
    return (" OR " if way.any_word else " ").join(word for word in words if word != "OR")


def _score(asked: Sequence[Question], found: Sequence[Sequence[str]], kind: str) -> Score:
    of_kind = [(names, one.relevant) for one, names in zip(asked, found, strict=True) if one.kind == kind]
    return Score(
        ndcg=mean(ndcg(names, relevant) for names, relevant in of_kind),
        mrr=mean(reciprocal_rank(names, relevant) for names, relevant in of_kind),
        answered=mean(bool(names) for names, _ in of_kind),
    )


def _write(documents: Sequence[Entry], asked: Sequence[Question], scores: Scores) -> None:
    number = {kind: sum(one.kind == kind for one in asked) for kind in KINDS}
    _picture(scores)
    lines = [_INTRODUCTION.format(documents=f"{len(documents):,}", asked=f"{len(asked):,}"), _KINDS_TOLD]
    lines += ["![nDCG@10 of each way to ask](images/quality.svg)", ""]
    lines += ["| question | way to ask | nDCG@10 | MRR@10 | answered at all |", "|---|---|--:|--:|--:|"]
    for kind in KINDS:
        best = max(scores[way.title, kind].ndcg for way in WAYS)
        for place, way in enumerate(WAYS):
            score = scores[way.title, kind]
            title = f"{kind} ({number[kind]})" if place == 0 else ""
            figure = f"**{score.ndcg:.3f}**" if score.ndcg == best else f"{score.ndcg:.3f}"
            lines.append(f"| {title} | {way.title} | {figure} | {score.mrr:.3f} | {score.answered:.0%} |")
    lines += ["", _made(), "", _CAVEATS]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def _made() -> str:
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, numpy {version('numpy')}, "
        f"wordllama {version('wordllama')}; the entries of another numpy or Python differ a little."
    )


def _picture(scores: Scores) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - draws; the figures do without

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the back end has to be chosen before

    plt.rcParams.update({"svg.hashsalt": "octavo", "font.size": 9})
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    width = 0.8 / len(WAYS)
    colours: list[Any] = ["#b9c4cf", "#6f7f8f", "#d9a441", "#2f6f8f"]
    for number, (way, colour) in enumerate(zip(WAYS, colours, strict=True)):
        places = [place + (number - (len(WAYS) - 1) / 2) * width for place in range(len(KINDS))]
        heights = [scores[way.title, kind].ndcg for kind in KINDS]
        axes.bar(places, heights, width * 0.92, label=way.title, color=colour)
    axes.set_xticks(range(len(KINDS)), KINDS)
    axes.set_ylabel("nDCG@10")
    axes.set_ylim(0, 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(WAYS), loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})
    plt.close(figure)


_INTRODUCTION = """# How good search is

Written by `python -m benchmarks.quality`; do not edit.

{asked} questions are asked of {documents} documents in each mode. The documents are docstrings of numpy and of
Python's standard library, each without its first paragraph and without its list of related entries; the questions are
made of just these, so what is right was decided by the documentation's own authors, and by a rule that a program
carries out. The embedder is the offline one, `wordllama`. Nothing was tuned on these questions.
"""

_KINDS_TOLD = """- **its own first sentence** asks for the rest of the docstring it was taken from. Author and subject
  are the same, so many words are: this favours keywords.
- **described elsewhere** takes what *another* entry's "See Also" says of one, unless it repeats that one's own first
  sentence. Mostly other words for the same thing: nearest to what people type.
- **related entries** asks with an entry's first sentence for all those it points to, and the entry itself is left out.
  The answers are about something similar, not about what was asked: this favours meaning.
"""

_CAVEATS = """*nDCG@10* is the gain of the first ten answers, each right one counting less the later it comes, as a
share of what the best order would gain. *MRR@10* is one by the place of the first right answer. *Answered at all* is
how many questions got any answer. Questions are plain sentences: a search that demands all their words finds little,
which is what a user sees who types a sentence; "any word" joins the same words by `OR`. *hybrid* asks for all words and
for the meaning, and joins both orders. An answer that is right, and that no docstring says is, counts as wrong, the
same for every way to ask; so compare ways, and do not read the figures as a share of satisfied readers.
"""


if __name__ == "__main__":
    main()
