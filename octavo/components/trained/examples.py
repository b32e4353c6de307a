"""Examples to learn from: cleaned, and parted into those that are learnt from and those that judge.

Which text judges follows from the texts alone, so the figures of a model can be computed again from the same texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from octavo.errors import InvalidInput, LimitExceeded

FEWEST_EACH = 5
MOST_EXAMPLES = 200_000
MOST_LABELS = 500


class Example(msgspec.Struct, frozen=True):
    """A text, its label, and a name by which it is found again."""

    text: str
    label: str
    name: str = ""

    @property
    def digest(self) -> bytes:
        """Of the text, by which it is ordered: at random, and always the same way."""
        return sha256(self.text.encode("utf-8", "surrogatepass")).digest()


class Cleaned(msgspec.Struct, frozen=True):
    """What can be learnt from.

    Attributes:
        given: examples that were given.
        empty: of them without a text or a label. repeated: those that say again what another says.
        contradicting: those whose text has two labels.
    """

    kept: list[Example]
    given: int
    empty: int
    repeated: int
    contradicting: int

    @property
    def quality(self) -> float:
        """The share of the examples that could be used, 0 to 1."""
        return round(len(self.kept) / self.given, 6) if self.given else 0.0


def cleaned(examples: Iterable[Example]) -> Cleaned:
    """The examples that say something, each text once, ordered by label and digest.

    Raises:
        LimitExceeded: more than 200,000 examples.
    """
    by_text: dict[str, list[Example]] = defaultdict(list)
    given = empty = 0
    for example in examples:
        given += 1
        if given > MOST_EXAMPLES:
            raise LimitExceeded(
                f"more than {MOST_EXAMPLES:,} examples", remedy="narrow them with `where` or `limit`"
            )
        if example.text.strip() and example.label:
            by_text[example.text].append(example)
        else:
            empty += 1
    kept, contradicting = [], 0
    for alike in by_text.values():
        if len({example.label for example in alike}) > 1:
            contradicting += len(alike)
        else:
            kept.append(alike[0])
    repeated = given - empty - contradicting - len(kept)
    return Cleaned(sorted(kept, key=_order), given, empty, repeated, contradicting)


def parted(examples: Sequence[Example], share: float) -> tuple[list[Example], list[Example]]:
    """The examples to learn from, and those to judge by: this share of each label, at least one of each.

    Raises:
        InvalidInput: fewer than two labels, more than 500, or a label with fewer than 5 examples.
    """
    if not 0.05 <= share <= 0.5:
        raise InvalidInput(f"held_out = {share}", remedy="give a share from 0.05 to 0.5")
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=_order):
        by_label[example.label].append(example)
    _check(by_label)
    learnt, judged = [], []
    for alike in by_label.values():
        held = max(1, round(len(alike) * share))
        judged += alike[:held]
        learnt += alike[held:]
    return learnt, judged


def sampled(examples: Sequence[Example], most: int, fewest_each: int) -> list[int]:
    """The places of about `most` examples, as many of each label as its share is, but at least so many."""
    if len(examples) <= most:
        return list(range(len(examples)))
    by_label: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        by_label[example.label].append(place)
    part = most / len(examples)
    return sorted(
        place for alike in by_label.values() for place in alike[: max(fewest_each, round(len(alike) * part))]
    )


def _order(example: Example) -> tuple[str, bytes]:
    return example.label, example.digest


def _check(by_label: dict[str, list[Example]]) -> None:
    if not 2 <= len(by_label) <= MOST_LABELS:
        raise InvalidInput(
            f"the examples have {len(by_label)} labels", remedy=f"give examples of 2 to {MOST_LABELS} labels"
        )
    label, fewest = min(by_label.items(), key=lambda item: len(item[1]))
    if len(fewest) < FEWEST_EACH:
        raise InvalidInput(
            f"the label {label[:100]!r} has {len(fewest)} different examples",
            remedy=f"give at least {FEWEST_EACH} of each label, or leave the label out",
        )
