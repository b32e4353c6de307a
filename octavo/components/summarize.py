"""summarize: the sentences of a text that say most of it, as they stand there.

Sentences are nodes of a graph whose edges are how near their meanings are; those with the most central meaning rank
first (Mihalcea and Tarau, "TextRank", 2004), and one that says what a chosen one says is passed over (Carbonell and
Goldstein, "The Use of MMR", 1998). Meaning is that of WordLlama's vectors: English above all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from octavo.components.extra import needed
from octavo.components.fields import content, texts
from octavo.components.meaning import model_name, vectors
from octavo.components.sentences import Sentence, sentences
from octavo.text.counts import count
from octavo.values.component import Given, component
from octavo.values.result import Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of a longer text the first ones are looked at: the graph grows with their square.
MOST = 1_000
_SHORTEST_WORDS = 4
_DAMPING, _ROUNDS = 0.85, 50
_RELEVANCE = 0.7
# How much more a sentence of the first tenth counts: authors say there what a text is about. By `benchmarks.extracting`
# more would make it the first sentence, and less would miss it where it says most.
_OPENING = 1.5


class SummarizeConfig(BaseModel):
    """How long the summary is: so many `sentences`, 3 by default, or a `ratio` of the text's; and of what field."""

    field: str | None = None
    sentences: Annotated[int, Field(ge=1, le=100)] | None = None
    ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    language: str | None = None

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if self.sentences is not None and self.ratio is not None:
            raise ValueError("give sentences or ratio, not both")
        return self


@component("summarize", version=1)
def summarize(given: Given, config: SummarizeConfig) -> Summary:
    """The sentences of a text that say most of it, exactly and in their order."""
    return summary_of(texts(content(given, config.field)), config)


def summary_of(text: str, config: SummarizeConfig | None = None) -> Summary:
    """A summary of sentences of a text; `metadata` tells where each stands.

    Raises:
        MissingExtra: the extra `ml` is not installed.
    """
    config = config or SummarizeConfig()
    found = sentences(text, config.language)
    chosen = [found[place] for place in _chosen(found, _wanted(len(found), config))]
    summary = " ".join(sentence.text for sentence in chosen)
    return Summary(
        summary=summary,
        ratio=min(1.0, round(len(summary) / len(text.strip()), 4)) if summary else 0.0,
        metadata={
            "sentences": len(found),
            "spans": [[sentence.start, sentence.end] for sentence in chosen],
            "model": model_name(),
        },
    )


def _wanted(sentences: int, config: SummarizeConfig) -> int:
    if config.ratio is not None:
        return max(1, round(sentences * config.ratio))
    return config.sentences or 3


def _chosen(found: list[Sentence], wanted: int) -> list[int]:
    """The places of the sentences of a summary, in their order."""
    if len(found) <= wanted:
        return list(range(len(found)))
    places = [
        place for place, one in enumerate(found[:MOST]) if count(one.text).words >= _SHORTEST_WORDS
    ] or list(range(min(len(found), MOST)))
    if len(places) <= wanted:
        return places
    needed("ml", "numpy", "summaries")
    return sorted(places[at] for at in _best(vectors([found[place].text for place in places]), wanted))


def _best(meanings: NDArray[Any], wanted: int) -> list[int]:
    """Sentences by rank, each next one the best that is not near to one before."""
    near = (meanings @ meanings.T).clip(0, 1)
    ranks = _ranks(near)
    ranks[: max(1, len(ranks) // 10)] *= _OPENING
    ranks = ranks / ranks.max()
    chosen: list[int] = []
    closest = near[0] * 0
    for _ in range(min(wanted, len(ranks))):
        scores = _RELEVANCE * ranks - (1 - _RELEVANCE) * closest
        scores[chosen] = float("-inf")
        best = int(scores.argmax())
        chosen.append(best)
        closest = closest.clip(min=near[best])
    return chosen


def _ranks(near: NDArray[Any]) -> NDArray[Any]:
    """PageRank of a graph whose edges have these weights; a node is not its own neighbour."""
    import numpy  # noqa: PLC0415 - of the extra `ml`

    edges = near.copy()
    numpy.fill_diagonal(edges, 0)
    sums = edges.sum(axis=1, keepdims=True)
    moves = numpy.divide(edges, sums, out=numpy.full_like(edges, 1 / len(edges)), where=sums > 0)
    ranks = numpy.full(len(edges), 1 / len(edges))
    for _ in range(_ROUNDS):
        ranks = (1 - _DAMPING) / len(edges) + _DAMPING * (ranks @ moves)
    return ranks
