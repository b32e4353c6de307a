"""A definition that could not run is refused when it is put, with what is wrong."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

import octavo
from octavo.errors import InvalidInput, InvalidPipeline, InvalidSetting
from octavo.pipelines.defining.definitions import Components, checked, imported
from octavo.values.component import Given, component
from octavo.values.pipeline import Reference, parse_pipeline, parse_reference


class Warmth(BaseModel):
    temperature: float = Field(default=0.5, ge=0, le=1)


@component("write", version=1)
async def write_first(given: Given, config: Warmth) -> dict[str, object]:
    """Write."""
    return {}


@component("write", version=2)
async def write(given: Given, config: Warmth) -> dict[str, object]:
    """Write better."""
    return {}


@component("plain")
async def plain(given: Given) -> dict[str, object]:
    return {}


KNOWN = Components([write_first, write, plain])


def test_a_list_of_steps_is_a_pipeline_and_each_waits_for_the_one_before():
    """S4-032, S4-033"""
    pipeline = checked([{"component": "plain"}, {"component": "write"}], KNOWN)

    assert pipeline.before() == {"plain": (), "write": ("plain",)}


def test_the_version_of_every_component_is_written_into_the_pipeline():
    """S4-006"""
    pipeline = checked([{"component": "write"}, {"component": "write", "name": "old", "version": 1}], KNOWN)

    assert [step.version for step in pipeline.steps] == [2, 1]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"component": "sing"}], "'sing', which is not there"),
        ([{"component": "write", "version": 3}], "'write' of version 3"),
        ([{"component": "plain"}, {"component": "plain"}], "two steps are called 'plain'"),
        ([{"component": "plain", "after": ["x"]}], "after 'x', which is no step"),
        ([{"component": "write", "config": {"temperature": 1.5}}], "temperature: Input should be less than"),
        ([{"component": "write", "config": {"model": "gpt"}}], "model: Extra inputs are not permitted"),
        ([{"component": "plain", "config": {"a": 1}}], "takes no configuration, and is given 'a'"),
        ([{"component": "plain", "order": 1}], "unknown field `order`"),
        ([{"component": "plain", "into": "a b"}], "cannot write into 'a b'"),
        ([{"component": "plain", "timeout_seconds": 0}], "timeout_seconds"),
        ([], "length >= 1"),
    ],
)
def test_what_could_not_run_is_refused(steps, words):
    """S4-033, S4-034"""
    with pytest.raises(InvalidPipeline) as refused:
        checked(steps, KNOWN)

    assert words in str(refused.value)


def test_a_cycle_is_refused_and_told():
    """S3-035"""
    steps = [
        {"component": "plain", "name": "a", "after": ["c"]},
        {"component": "plain", "name": "b", "after": ["a"]},
        {"component": "plain", "name": "c", "after": ["b"]},
    ]

    with pytest.raises(InvalidPipeline, match="wait for each other") as refused:
        checked(steps, KNOWN)

    assert set(refused.value.fields["cycle"]) == {"a", "b", "c"}


def test_what_was_checked_is_read_again_as_it_was():
    pipeline = checked(
        {"steps": [{"component": "write", "into": "text.body"}], "retry": {"attempts": 2}}, KNOWN
    )

    assert parse_pipeline(pipeline.as_dict()) == pipeline


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("a", Reference("a")),
        ("a@production", Reference("a", tag="production")),
        ("a@3", Reference("a", version=3)),
        ("my pipeline@v1.2", Reference("my pipeline", tag="v1.2")),
    ],
)
def test_a_reference_names_a_pipeline_and_perhaps_a_tag_or_a_version(text, reference):
    assert parse_reference(text) == reference


@pytest.mark.parametrize("text", ["", "@production", "a@", "a@b@c"])
def test_what_names_no_pipeline_is_refused(text):
    with pytest.raises(InvalidInput, match="names no pipeline"):
        parse_reference(text)


def test_two_components_of_one_name_and_version_are_refused():
    other = component("plain")(plain.target)

    with pytest.raises(InvalidPipeline, match="two components are called plain"):
        Components([plain, other])


def test_a_component_that_takes_something_unknown_is_refused():
    with pytest.raises(InvalidInput, match="takes more than"):

        @component("odd")
        async def odd(given: Given, factor: int) -> dict[str, object]:
            return {}


def test_a_component_that_computes_and_is_async_is_refused():
    with pytest.raises(InvalidInput, match="is async"):
        component("odd", cpu=True)(plain.target)


def test_a_class_is_made_once_with_its_configuration_and_called_with_each_given():
    class Greeter:
        """Greet."""

        def __init__(self, config: Warmth) -> None:
            self.warmth = config.temperature

        async def __call__(self, given: Given) -> Warmth:
            return Warmth(temperature=self.warmth)

    greet = component("greet")(Greeter)

    assert (greet.config, greet.result, greet.place) == (Warmth, Warmth, "here")
    assert greet.bind(greet.configured({"temperature": 0.1})).warmth == 0.1


def test_an_output_that_is_not_of_the_result_is_refused():
    @component("warm")
    async def warm(given: Given) -> Warmth:
        return Warmth()

    with pytest.raises(InvalidInput, match="gave no Warmth: temperature"):
        warm.encoded({"temperature": 2})


def test_a_setting_names_components():
    assert imported("tests.committed.runs.steps:double")[0].name == "double"


@pytest.mark.parametrize("name", ["octavo", "octavo.values:none", "no.such:thing", "octavo.values.run:Run"])
def test_a_setting_that_names_no_component_is_refused(name):
    with pytest.raises(InvalidSetting):
        imported(name)


def test_the_decorator_and_what_a_step_is_given_are_public():
    assert (octavo.component, octavo.Given) == (component, Given)
