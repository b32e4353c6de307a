"""Conditions and lists of steps: what they may look at, and what is refused."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidPipeline
from octavo.values import flow
from octavo.values.matching import holds
from octavo.values.pipeline import Price, parse_pipeline

SEEN = {
    "input": {"n": 3, "list": [1, 2]},
    "outputs": {"sort": {"kind": "invoice", "scores": {"a": 0.9}}},
    "document": {"tags": ["a", "b"], "lines": [{"price": 5}, {"price": 50}]},
}


def steps(when=None, each=None):
    more = {key: value for key, value in (("when", when), ("each", each)) if value is not None}
    return [{"component": "sort"}, {"component": "use", **more}, {"component": "last"}]


@pytest.mark.parametrize(
    ("when", "held"),
    [
        ({"outputs.sort.kind": "invoice"}, True),
        ({"outputs.sort.kind": "letter"}, False),
        ({"outputs.sort.scores.a": {"$gte": 0.9}}, True),
        ({"input.n": {"$in": [1, 2]}}, False),
        ({"document.tags": "b"}, True),
        ({"document.lines.price": {"$gt": 10}}, True),
        ({"document.nothing": None}, True),
        ({"outputs.sort.kind": "invoice", "input.n": 4}, False),
        ({"$or": [{"input.n": 4}, {"input.n": 3}]}, True),
        ({"document.lines": {"$elemMatch": {"price": 50}}}, True),
    ],
)
def test_a_condition_is_a_filter_over_input_outputs_and_document(when, held):
    asked = flow.condition(when, "use", {"sort"})

    assert holds(asked, SEEN) is held


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"kind": "invoice"}, "looks at 'kind'"),
        ({"@type": "invoice"}, "looks at '@type'"),
        ({"outputs.last.kind": 1}, "'outputs.last.kind', which is no output of a step before it"),
        ({"outputs.use.kind": 1}, "which is no output of a step before it"),
        ({"outputs": {"$exists": True}}, "which is no output of a step before it"),
        ({"input.a": {"$regex": "^a"}}, "has a $regex"),
        ({"input.a": {"$elemMatch": {"b": {"$regex": "^a"}}}}, "has a $regex"),
        ({"input.a": {"$like": "a"}}, "'$like' is not an operator"),
        ({"$or": [{"elsewhere": 1}]}, "looks at 'elsewhere'"),
    ],
)
def test_a_condition_that_looks_elsewhere_is_refused_when_the_pipeline_is_read(when, words):
    with pytest.raises(InvalidPipeline) as refused:
        parse_pipeline(steps(when=when))

    assert words in str(refused.value)
    assert refused.value.fields["step"] == "use"


@pytest.mark.parametrize("each", ["parts", "outputs.last.parts", "@labels", "outputs..parts"])
def test_a_list_that_is_elsewhere_is_refused(each):
    with pytest.raises(InvalidPipeline):
        parse_pipeline(steps(each=each))


def test_a_step_far_behind_may_be_looked_at():
    pipeline = parse_pipeline(
        [{"component": "a"}, {"component": "b"}, {"component": "c", "when": {"outputs.a.x": 1}}]
    )

    assert pipeline.behind() == {"a": set(), "b": {"a"}, "c": {"a", "b"}}


def test_a_branch_does_not_look_at_the_other():
    with pytest.raises(InvalidPipeline, match="no output of a step before it"):
        parse_pipeline(
            [
                {"component": "a"},
                {"component": "b", "after": ["a"]},
                {"component": "c", "after": ["a"], "when": {"outputs.b.x": 1}},
            ]
        )


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("input", "list"), [1, 2]),
        (("input", "n"), None),
        (("input", "nothing"), None),
        (("document", "lines"), [{"price": 5}, {"price": 50}]),
        (("document", "lines", "price"), None),
    ],
)
def test_a_path_leads_to_one_list_or_to_none(path, found):
    assert flow.elements(path, SEEN) == found


def test_prices_are_exact():
    """S4-030"""
    price = (
        parse_pipeline([{"component": "a", "price": {"per_1k_in": 0.06, "per_1k_out": "0.1"}}]).steps[0].price
    )

    million = sum(price.of(1, 1) for _ in range(1_000))

    assert str(million * 1_000) == "160.00000"


@pytest.mark.parametrize(
    "price", [{"per_1k_in": -1}, {"per_1k_out": "NaN"}, {"per_1k_in": "Infinity"}, {"a": 1}]
)
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(InvalidPipeline):
        parse_pipeline([{"component": "a", "price": price}])


def test_a_price_without_figures_is_nothing():
    assert Price().of(1_000, 1_000) == 0
