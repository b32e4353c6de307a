"""Train the model of the component `sentiment` and write it where the component reads it.

    python -m tools.train_sentiment

The sentences and their ratings come with pip (see `benchmarks/judged.py`). A fifth of them is held out; what the model
does on them is in docs/quality-judging.md, written by `python -m benchmarks.judge`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import mean

from benchmarks.judged import Rated, rated_sentences
from octavo.components.trained.classifier_training import train_classifier
from octavo.components.trained.examples import Example

MODEL = Path("octavo/components/sentiment.safetensors")


def examples() -> list[Example]:
    """All rated sentences as examples."""
    return [Example(one.text, one.feeling, one.source) for one in rated_sentences()]


def main() -> None:
    """Train, write, and print the figures."""
    trained = train_classifier(examples(), features="both")
    MODEL.write_bytes(trained.classifier.dumps())
    print(f"{MODEL}: {MODEL.stat().st_size:,} bytes, {trained.features}, {trained.tried}")
    print(trained.figures)
    ratings: dict[str, list[Rated]] = defaultdict(list)
    learnt = {one.text for one in trained.learnt_from}
    for one in rated_sentences():
        if one.text in learnt:
            ratings[one.feeling].append(one)
    print({feeling: round(mean(one.rating for one in of), 3) for feeling, of in sorted(ratings.items())})


if __name__ == "__main__":
    main()
