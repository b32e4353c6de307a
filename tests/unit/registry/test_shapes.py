"""What a result may be: the shape of its type and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import InvalidInput
from octavo.values.json import decode, encode_object
from octavo.values.result import RESULT_TYPES, processing_type, processing_type_of, result_shape
from octavo.values.stored_result import metrics_of

RIGHT = {
    "classification": {
        "predicted_category": "billing",
        "confidence": 0.7,
        "category_scores": {"billing": 0.7, "other": 0.3},
    },
    "sentiment": {
        "sentiment": "very_positive",
        "score": 0.9,
        "confidence": 0.8,
        "emotion_scores": {"joy": 0.6},
    },
    "topic_modeling": {
        "topic_distribution": {"0": 0.25, "1": 0.75},
        "dominant_topic": 1,
        "dominant_topic_score": 0.75,
        "keywords": [{"word": "tax", "weight": 1.5, "frequency": 3}],
    },
    "summarization": {"summary": "Taxes rise.", "ratio": 0.1},
    "entity_extraction": {
        "entities": [{"text": "Bonn", "type": "LOCATION", "start": 3, "end": 7, "confidence": 0.9}]
    },
    "keyword_extraction": {"keywords": [{"word": "tax", "weight": 0.4, "frequency": 2}]},
    "embedding": {"dimensions": 256, "passages": 3},
}
# A field, a value that it cannot have, and what is told.
WRONG = [
    ("classification", "confidence", 1.1, "confidence: Input should be less than or equal to 1"),
    ("classification", "predicted_category", "other", "not the one with the highest"),
    ("classification", "predicted_category", "none of them", "not the one with the highest"),
    ("classification", "category_scores", {}, "category_scores"),
    ("classification", "category_scores", {"billing": float("nan")}, "finite number"),
    ("sentiment", "sentiment", "great", "sentiment: Input should be 'very_negative', 'negative'"),
    ("sentiment", "score", -1.01, "greater than or equal to -1"),
    ("sentiment", "confidence", -0.1, "greater than or equal to 0"),
    ("sentiment", "emotion_scores", {"joy": 2}, "emotion_scores.joy"),
    ("topic_modeling", "topic_distribution", {"0": 0.2, "1": 0.7}, "sums to 0.9000"),
    ("topic_modeling", "dominant_topic", 0, "not the one with the greatest share"),
    ("topic_modeling", "dominant_topic_score", 0.5, "not the share of dominant_topic"),
    ("topic_modeling", "keywords", [{"word": "tax", "weight": 1}], "keywords.0.frequency: Field required"),
    ("summarization", "ratio", 1.5, "ratio"),
    ("summarization", "summary", None, "summary"),
    (
        "entity_extraction",
        "entities",
        [{"text": "Bonn", "type": "LOCATION", "start": 3, "end": 9, "confidence": 0.9}],
        "not as long as 'Bonn'",
    ),
    ("keyword_extraction", "keywords", [{"word": "", "weight": 1, "frequency": 1}], "keywords.0.word"),
    ("embedding", "dimensions", 0, "dimensions"),
]


@pytest.mark.parametrize("type", RESULT_TYPES)
def test_a_right_result_of_each_type_is_accepted_and_reads_back_as_it_was(type):
    """S0-138, S0-139, S0-140, S0-141, S0-142"""
    shape = result_shape(type, RIGHT[type])

    read = result_shape(type, decode(encode_object(shape)))

    assert read == shape
    assert shape.model_dump(mode="json", exclude={"metadata"}) == RIGHT[type]


@pytest.mark.parametrize(("type", "field", "value", "told"), WRONG)
def test_a_value_that_a_field_cannot_have_is_refused_by_its_name(type, field, value, told):
    """S0-139, S0-140, S0-141, S0-142"""
    with pytest.raises(InvalidInput, match=re.escape(told)):
        result_shape(type, {**RIGHT[type], field: value})


@pytest.mark.parametrize("type", RESULT_TYPES)
def test_a_field_that_is_misspelt_or_missing_is_refused(type):
    """S0-132, S0-138"""
    first = next(iter(RIGHT[type]))
    missing = {name: value for name, value in RIGHT[type].items() if name != first}

    with pytest.raises(InvalidInput, match="Extra inputs are not permitted"):
        result_shape(type, {**RIGHT[type], "confidense": 1})
    with pytest.raises(InvalidInput, match=f"{first}: Field required"):
        result_shape(type, missing)


def test_an_empty_object_is_no_result_of_any_type():
    """S0-138"""
    for type in RESULT_TYPES:
        with pytest.raises(InvalidInput):
            result_shape(type, {})


def test_what_has_no_field_goes_into_the_metadata():
    """S0-132"""
    shape = result_shape("summarization", {**RIGHT["summarization"], "metadata": {"sentences": [0, 4]}})

    assert decode(encode_object(shape))["metadata"] == {"sentences": [0, 4]}


def test_a_processing_type_that_is_none_is_refused_with_those_there_are():
    """S0-134"""
    with pytest.raises(
        InvalidInput, match="'clasification' is no processing type — there are: classification"
    ):
        processing_type("clasification")


def test_the_shape_of_a_component_tells_its_type_and_another_model_has_none():
    """S0-154"""
    assert {processing_type_of(shape) for shape in RESULT_TYPES.values()} == set(RESULT_TYPES)
    assert processing_type_of(None) is None


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20), st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=8
    )
)
def test_the_highest_of_any_scores_is_accepted_and_a_lower_one_is_not(scores):
    """S0-139"""
    top = max(scores, key=lambda name: scores[name])
    value = {"predicted_category": top, "confidence": scores[top], "category_scores": scores}

    assert result_shape("classification", value).predicted_category == top
    for name, score in scores.items():
        if score < scores[top]:
            with pytest.raises(InvalidInput):
                result_shape("classification", {**value, "predicted_category": name})


def test_what_was_not_measured_is_none_and_never_zero():
    """S0-144"""
    assert metrics_of({"cpu_time_ms": 3.5}).model_dump(exclude_none=True) == {"cpu_time_ms": 3.5}
    with pytest.raises(InvalidInput, match="memory_usage_mb: Input should be greater than 0"):
        metrics_of({"memory_usage_mb": 0})
