"""Why a hit is where it is, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from octavo.roles.search import Explanation, Weights
from octavo.search.hits import Why

_FACTORS = {
    "words": "the words are worth {:.3g}",
    "rarity": "× {:.3g} because they are rare",
    "resemblance": "words that resemble those asked for are worth {:.3g}",
    "apart": "× {:.3g} because the words stand in different passages",
    "boost": "× {:.3g} because its type is boosted",
}
_BEHIND = "more documents match than are ranked, and this one comes behind those"


def why(explanation: Explanation, weights: Weights) -> Why:
    """The score of a hit by words."""
    standing = [
        f"{one.word} in {' and '.join(f'{part} (weighs {getattr(weights, part):g})' for part in one.parts)}"
        for one in explanation.found
    ]
    factors = [_FACTORS[name].format(factor) for name, factor in explanation.factors.items()]
    sentences = ["; ".join(standing), ", ".join(factors), "" if explanation.ranked else _BEHIND]
    text = ". ".join(sentence for sentence in sentences if sentence)
    return Why(text=text, found=explanation.found, factors=explanation.factors)


def fused(of_words: Why | None, places: Mapping[str, int]) -> Why:
    """The place of a hit among two lists."""
    told = [f"{_ordinal(place)} by {leg}" for leg, place in places.items()]
    text = " and ".join(told) + (f". {of_words.text}" if of_words else "")
    if of_words is None:
        return Why(text=text, places=places)
    return Why(text=text, found=of_words.found, factors=of_words.factors, places=places)


def near(similarity: float) -> Why:
    """The score of a hit by meaning."""
    return Why(text=f"the cosine of its nearest passage and what was asked is {similarity:.3f}")


def _ordinal(place: int) -> str:
    ending = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
