"""Classifiers that are trained: right, the same each time, judged by what they did not learn, and safe as bytes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from safetensors.numpy import load, save

from octavo.components.classify import ClassifyConfig, classified
from octavo.components.trained.artifact import packed
from octavo.components.trained.classifier import Classifier
from octavo.components.trained.classifier_training import train_classifier
from octavo.components.trained.examples import Example
from octavo.components.trained.metrics import figures
from octavo.errors import InvalidInput
from tests.unit.components.tickets import examples

UNSEEN = {
    "billing": "You charged my credit card for an invoice I had paid.",
    "delivery": "The courier lost my parcel on the way from the warehouse.",
    "login": "My password does not work and I cannot sign in to my account.",
}


def test_a_text_that_was_not_learnt_from_gets_its_category(trained):
    found = {topic: classified(trained.classifier, text) for topic, text in UNSEEN.items()}

    assert {topic: result.predicted_category for topic, result in found.items()} == {
        one: one for one in UNSEEN
    }


def test_the_category_is_the_one_with_the_highest_score_and_the_scores_sum_to_one(trained):
    """S0-139."""
    result = classified(trained.classifier, UNSEEN["login"])

    assert set(result.category_scores) == {"billing", "delivery", "login"}
    assert sum(result.category_scores.values()) == pytest.approx(1)
    assert result.category_scores[result.predicted_category] == max(result.category_scores.values())
    assert result.confidence == result.category_scores[result.predicted_category]


def test_the_figures_are_those_of_the_held_out_examples(trained):
    """S0-158."""
    again = Classifier.loads(trained.classifier.dumps())
    right = [again.labels.index(example.label) for example in trained.judged_by]

    assert (
        figures(again.labels, right, again.scores([one.text for one in trained.judged_by])) == trained.figures
    )
    assert trained.figures.accuracy > trained.figures.majority


def test_what_judges_was_not_learnt_from(trained):
    assert len(trained.judged_by) == 9
    assert not {one.text for one in trained.learnt_from} & {one.text for one in trained.judged_by}


def test_the_same_examples_make_the_same_bytes_in_whichever_order_they_come(trained):
    again = train_classifier(examples()[::-1])

    assert again.classifier.dumps() == trained.classifier.dumps()


@pytest.mark.parametrize("kind", ["meaning", "words", "both"])
def test_a_classifier_that_was_read_again_says_the_same(kind):
    made = train_classifier(examples(), features=kind).classifier

    again = Classifier.loads(made.dumps())

    assert again.features.kind == kind
    assert np.allclose(again.scores(list(UNSEEN.values())), made.scores(list(UNSEEN.values())), atol=1e-6)


def test_two_labels_are_enough():
    two = [one for one in examples() if one.label != "login"]

    made = train_classifier(two).classifier

    assert [classified(made, UNSEEN[one]).predicted_category for one in made.labels] == [
        "billing",
        "delivery",
    ]


def test_examples_that_say_nothing_are_counted_and_left_out():
    """S0-157."""
    odd = [
        Example("  ", "login"),
        Example("A text without a label", ""),
        examples()[0],
        Example("Both at once", "login"),
        Example("Both at once", "billing"),
    ]

    found = train_classifier([*examples(), *odd]).examples

    assert (found.given, found.empty, found.repeated, found.contradicting) == (50, 2, 1, 2)
    assert found.quality == 0.9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "0 labels"),
        ([one for one in examples() if one.label == "login"], "1 labels"),
        ([*examples(), Example("Where do you work?", "jobs")], "'jobs' has 1 different examples"),
    ],
)
def test_too_few_examples_are_refused(given, message):
    with pytest.raises(InvalidInput, match=message):
        train_classifier(given)


@pytest.mark.parametrize(
    ("options", "message"), [({"held_out": 0.9}, "held_out = 0.9"), ({"features": "magic"}, "'magic'")]
)
def test_an_option_out_of_its_range_is_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        train_classifier(examples(), **options)


def _truncated(data: bytes) -> bytes:
    return data[:-10]


def _pickled(data: bytes) -> bytes:
    return pickle.dumps(data)


def _of_topics(data: bytes) -> bytes:
    return packed("topics", {}, {})


def _without_coefficients(data: bytes) -> bytes:
    arrays = load(data)
    del arrays["coefficients"]
    return save(arrays)


def _for_more_labels(data: bytes) -> bytes:
    arrays = load(data)
    arrays["coefficients"] = np.vstack([arrays["coefficients"]] * 2)
    return save(arrays)


def _with_a_hole(data: bytes) -> bytes:
    arrays = load(data)
    arrays["intercepts"] = np.full_like(arrays["intercepts"], np.nan)
    return save(arrays)


@pytest.mark.parametrize(
    "damage", [_truncated, _pickled, _of_topics, _without_coefficients, _for_more_labels, _with_a_hole]
)
def test_bytes_that_are_no_whole_classifier_are_refused(trained, damage):
    with pytest.raises(InvalidInput, match=r"no model|damaged|not a 'classifier'"):
        Classifier.loads(damage(trained.classifier.dumps()))


def test_a_classifier_of_another_embedder_is_refused():
    arrays = load(train_classifier(examples(), features="meaning").classifier.dumps())
    told = arrays["about"].tobytes().replace(b"wordllama-256@", b"wordllama-999@")
    arrays["about"] = np.frombuffer(told, dtype=np.uint8)

    with pytest.raises(InvalidInput, match="trained on wordllama-999"):
        Classifier.loads(save(arrays))


@pytest.mark.parametrize(
    "config",
    [{}, {"model": "a", "labels": {"x": "", "y": ""}}, {"labels": {"x": ""}}, {"labels": {"": "", "y": ""}}],
)
def test_a_configuration_names_a_model_or_at_least_two_labels(config):
    with pytest.raises(ValueError, match=r"model|labels"):
        ClassifyConfig.model_validate(config)
