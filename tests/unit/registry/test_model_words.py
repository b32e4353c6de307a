"""Names, references and URLs of models, and what a comparison counts: without a database."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidInput
from octavo.registry.health import AllowedHosts
from octavo.values.comparison import judged
from octavo.values.model import (
    FOLLOWS,
    STAGES,
    ModelReference,
    UsedModel,
    artifact_name,
    as_named,
    card_of,
    environment_name,
    model_name,
    parse_model,
)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("topic", ModelReference("topic")),
        ("topic@3", ModelReference("topic", version=3)),
        ("topic@production", ModelReference("topic", environment="production")),
        ("org/topic:v2@staging", ModelReference("org/topic:v2", environment="staging")),
    ],
)
def test_a_reference_names_a_version_or_an_environment(text, reference):
    assert parse_model(text) == reference


@pytest.mark.parametrize("text", ["", "@3", "a@b@c", "topic@", "topic@a b", None, 3, "x" * 201])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(InvalidInput, match="names no model"):
        parse_model(text)


@pytest.mark.parametrize(
    ("reference", "used"),
    [("gpt-x", UsedModel("gpt-x", None)), ("gpt-x@2026-05", UsedModel("gpt-x", "2026-05"))],
)
def test_a_model_of_a_service_is_called_as_it_is(reference, used):
    assert as_named(reference) == used
    assert str(used) == reference


@pytest.mark.parametrize(
    "name", ["../weights", "/etc/passwd", "a/b", "..", "", "Weights", "w" * 64, ".hidden"]
)
def test_the_name_of_an_artifact_is_never_a_path(name):
    """S0-160"""
    with pytest.raises(InvalidInput, match="cannot be the name of an artifact"):
        artifact_name(name)


@pytest.mark.parametrize("name", ["", "a@b", " a", "a\x00", "-a", "a" * 201])
def test_what_is_no_name_of_a_model_is_refused(name):
    with pytest.raises(InvalidInput, match="cannot be the name of a model"):
        model_name(name)


@pytest.mark.parametrize("name", ["", "Production", "a b", "1", "a" * 64])
def test_what_is_no_environment_is_refused(name):
    with pytest.raises(InvalidInput, match="is no environment"):
        environment_name(name)


def test_the_fields_of_a_card_are_closed_and_named_when_they_are_wrong():
    """S0-132, S0-158"""
    with pytest.raises(InvalidInput, match=r"performance\.acuracy: Extra inputs"):
        card_of({"type": "sentiment", "performance": {"acuracy": 0.9}})
    with pytest.raises(InvalidInput, match=r"performance\.recall"):
        card_of({"type": "sentiment", "performance": {"recall": 1.2}})
    with pytest.raises(InvalidInput, match="type: Field required"):
        card_of({})


def test_every_stage_says_what_may_follow_and_nobody_deploys_by_a_word():
    """S0-155"""
    assert set(FOLLOWS) == set(STAGES)
    assert not any("deployed" in after or "training" in after for after in FOLLOWS.values())


@pytest.mark.parametrize(
    "url", ["http://models.example.com/predict", "https://10.0.0.5:8080/health", "http://MODELS.example.com"]
)
def test_a_host_that_the_setting_names_is_allowed(url):
    """S0-159"""
    AllowedHosts("models.example.com, 10.0.0.5:8080").require(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://models.example.com:9000/",
        "http://10.0.0.5/health",
        "http://models.example.com.evil.org/",
        "http://models.example.com@evil.org/",
        "file:///etc/passwd",
        "models.example.com",
        "http://[::1",
        "",
    ],
)
def test_every_other_url_is_refused(url):
    """S0-159"""
    with pytest.raises(InvalidInput, match=r"no URL of a model|is not allowed"):
        AllowedHosts("models.example.com, 10.0.0.5:8080").require(url)


def test_no_host_is_allowed_until_one_is_named():
    """S0-159"""
    with pytest.raises(InvalidInput, match="name it in the setting model_hosts"):
        AllowedHosts("").require("http://models.example.com")


def test_precision_recall_and_f1_are_those_of_the_definition():
    found = judged([("a", "a", 6), ("a", "b", 2), ("b", "b", 1), ("b", "a", 1), ("c", None, 9)])

    assert found is not None
    by_label = {one.label: one for one in found.labels}
    assert (found.documents, found.accuracy) == (10, 0.7)
    assert (by_label["a"].precision, by_label["a"].recall) == (6 / 8, 6 / 7)
    assert by_label["a"].f1_score == pytest.approx(2 * (6 / 8) * (6 / 7) / (6 / 8 + 6 / 7))
    assert (by_label["b"].precision, by_label["b"].recall) == (1 / 2, 1 / 3)


def test_without_right_answers_nothing_is_judged():
    assert judged([("a", None, 5)]) is None
