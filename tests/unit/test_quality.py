"""How the quality of search is judged: by what documentation says of itself."""

from __future__ import annotations

import math

from benchmarks.quality import ndcg, reciprocal_rank
from benchmarks.quality_set import ELSEWHERE, OWN, RELATED, Entry, questions

ENTRIES = [
    Entry(
        "shapes.turn",
        "Rotate a shape around its centre",
        "…",
        {"flip": "Mirror it along some axis", "grow": ""},
    ),
    Entry(
        "shapes.flip", "Reverse the order of all points", "…", {"turn": "Rotate a shape around its centre"}
    ),
    Entry("shapes.grow", "Make every shape larger", "…"),
]


def test_the_best_order_gains_all_and_a_later_answer_less() -> None:
    right = frozenset({"a", "b"})

    assert ndcg(["a", "b", "x"], right) == 1.0
    assert ndcg(["x", "a"], frozenset({"a"})) == 1 / math.log2(3)
    assert ndcg(["x", "y"], right) == 0.0
    assert ndcg([*"0123456789", "a"], frozenset({"a"})) == 0.0


def test_the_first_right_answer_counts_by_its_place() -> None:
    assert reciprocal_rank(["x", "y", "a"], frozenset({"a"})) == 1 / 3
    assert reciprocal_rank([], frozenset({"a"})) == 0.0


def test_questions_are_what_entries_say_of_themselves_and_of_each_other() -> None:
    asked = {(one.kind, one.text): one for one in questions(ENTRIES, 10)}

    assert asked[OWN, "Make every shape larger"].relevant == {"shapes.grow"}
    assert asked[ELSEWHERE, "Mirror it along some axis"].relevant == {"shapes.flip"}
    related = asked[RELATED, "Rotate a shape around its centre"]
    assert (related.relevant, related.asker) == ({"shapes.flip", "shapes.grow"}, "shapes.turn")


def test_what_only_repeats_the_first_sentence_is_no_description_by_another() -> None:
    described = [one.text for one in questions(ENTRIES, 10) if one.kind == ELSEWHERE]

    assert described == ["Mirror it along some axis"]
