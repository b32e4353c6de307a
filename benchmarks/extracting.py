"""How good summaries and keywords are, by what Debian's packages say of themselves; prints a table.

    python -m benchmarks.extracting

Each installed package has a synopsis of one line and a description. A summary of one sentence of the description is as
good as the words it shares with the synopsis (ROUGE-1, Lin 2004), one of three as the share of the synopsis's words it
has; keywords are as good as the share of the synopsis's
words among the five weightiest. Beside them stands what is had for nothing: the first sentence, a middle one, the most
frequent words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from octavo.components.keywords import KeywordsConfig, keywords_of
from octavo.components.sentences import sentences
from octavo.components.summarize import SummarizeConfig, summary_of

STATUS = Path("/var/lib/dpkg/status")
LEAST_SENTENCES = 5
_WORD = re.compile(r"[a-z][a-z0-9+-]{2,}")
_ONE, _THREE = (SummarizeConfig(sentences=number, language="en") for number in (1, 3))
_FIVE = KeywordsConfig(most=5, longest_words=1, language="en")


def described() -> Iterator[tuple[str, str]]:
    """Synopsis and description of each installed package whose description has enough sentences, each text once."""
    seen: set[str] = set()
    for entry in STATUS.read_text("utf-8").split("\n\n"):
        found = re.search(r"^Description: (.*)\n((?: .*\n?)+)", entry, re.MULTILINE)
        if not found:
            continue
        text = re.sub(r"^ (?:\.$)?", "", found[2], flags=re.MULTILINE).strip()
        if text not in seen and len(sentences(text, "en")) >= LEAST_SENTENCES:
            seen.add(text)
            yield found[1], text


def words(text: str) -> set[str]:
    """What is compared."""
    return set(_WORD.findall(text.casefold()))


def shared(told: str, synopsis: str) -> float:
    """ROUGE-1 as F1: words of one in the other, and of the other in the one."""
    ours, wanted = words(told), words(synopsis)
    both = len(ours & wanted)
    return 2 * both / (len(ours) + len(wanted)) if both else 0.0


def told_of(told: str, synopsis: str) -> float:
    """The share of the synopsis's words that are told."""
    return len(words(told) & words(synopsis)) / max(1, len(words(synopsis)))


def summaries(packages: list[tuple[str, str]]) -> dict[str, float]:
    ways = {
        "summarize": lambda text: summary_of(text, _ONE).summary,
        "the first sentence": lambda text: sentences(text, "en")[0].text,
        "the middle sentence": lambda text: (found := sentences(text, "en"))[len(found) // 2].text,
    }
    return {
        name: mean(shared(way(text), synopsis) for synopsis, text in packages) for name, way in ways.items()
    }


def longer(packages: list[tuple[str, str]]) -> dict[str, float]:
    ways = {
        "summarize": lambda text: summary_of(text, _THREE).summary,
        "the first three sentences": lambda text: " ".join(one.text for one in sentences(text, "en")[:3]),
        "the last three sentences": lambda text: " ".join(one.text for one in sentences(text, "en")[-3:]),
    }
    return {
        name: mean(told_of(way(text), synopsis) for synopsis, text in packages) for name, way in ways.items()
    }


def keywords(packages: list[tuple[str, str]]) -> dict[str, float]:
    ways = {
        "keywords": lambda text: {one.word.casefold() for one in keywords_of(text, _FIVE).keywords},
        "the most frequent words": lambda text: {
            word for word, _ in Counter(_WORD.findall(text.casefold())).most_common(5)
        },
    }
    return {
        name: mean(
            len(way(text) & words(synopsis)) / max(1, len(words(synopsis))) for synopsis, text in packages
        )
        for name, way in ways.items()
    }


def main() -> None:
    packages = list(described())
    print(f"{len(packages)} packages")
    for title, figures in (
        ("one: ROUGE-1", summaries(packages)),
        ("three: words told", longer(packages)),
        ("five: words told", keywords(packages)),
    ):
        for name, figure in figures.items():
            print(f"{title:22} {name:26} {figure:.3f}")


if __name__ == "__main__":
    main()
