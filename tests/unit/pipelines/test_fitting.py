"""What a step needs must be what a step just before it gives, where both say what that is."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from octavo.errors import InvalidPipeline
from octavo.pipelines.defining.definitions import Components, checked
from octavo.values.component import Given, component


class Text(BaseModel):
    text: str
    language: str = "en"


class Words(BaseModel):
    text: str
    words: int


class Number(BaseModel):
    text: int


@component("words")
async def words(given: Given) -> Words:
    return Words(text="a", words=1)


@component("number")
async def number(given: Given) -> Number:
    return Number(text=1)


@component("anything")
async def anything(given: Given) -> dict[str, object]:
    return {}


@component("read", takes=Text)
async def read(given: Given) -> dict[str, object]:
    return {}


KNOWN = Components([words, number, anything, read])


@pytest.mark.parametrize(
    "steps",
    [
        [{"component": "words"}, {"component": "read"}],
        [{"component": "anything"}, {"component": "read"}],
        [{"component": "read"}],
        [
            {"component": "number"},
            {"component": "words", "after": []},
            {"component": "read", "after": ["number", "words"]},
        ],
        [{"component": "number"}, {"component": "read", "each": "outputs.number.items"}],
        [{"component": "words", "output_format": "html"}, {"component": "anything", "input_format": "html"}],
        [{"component": "words", "output_format": "html"}, {"component": "anything"}],
    ],
    ids=["fits", "not declared", "first", "one of two", "each", "format", "one format"],
)
def test_what_fits_or_is_not_declared_is_taken(steps):
    """S4-029"""
    assert len(checked(steps, KNOWN).steps) == len(steps)


def test_an_output_without_the_fields_that_are_needed_is_refused():
    """S4-029"""
    with pytest.raises(InvalidPipeline, match="'read' takes a Text, and is given Number") as refused:
        checked([{"component": "number"}, {"component": "read"}], KNOWN)

    assert "whose result has text" in refused.value.remedy


def test_a_format_that_is_another_is_refused():
    with pytest.raises(InvalidPipeline, match="reads 'json', and is given 'html', 'text'"):
        checked(
            [
                {"component": "words", "output_format": "html", "after": []},
                {"component": "number", "output_format": "text", "after": []},
                {"component": "anything", "input_format": "json", "after": ["words", "number"]},
            ],
            KNOWN,
        )
