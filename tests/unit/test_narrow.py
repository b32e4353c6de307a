"""A call builds the commands it may mean, and no other."""

from __future__ import annotations

import pytest
import typer
from typer.main import get_command

from octavo.cli.main import app
from octavo.cli.narrow import narrowed


def names(program: typer.Typer) -> set[str]:
    """The commands and groups of a program, as it is built."""
    return set(get_command(program).commands)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def everything() -> set[str]:
    return names(app)


def test_each_command_is_built_alone(everything):
    assert {name: names(narrowed(app, [name])) for name in everything} == {
        name: {name} for name in everything
    }


@pytest.mark.parametrize(
    "before",
    [["--data", "x"], ["-dx"], ["--data=x"], ["--actor", "user:ann", "--session", "s"]],
    ids=" ".join,
)
def test_what_stands_before_the_command_does_not_hide_it(before):
    assert "put" in names(narrowed(app, [*before, "put", "note", "--json"]))


def test_a_value_that_is_called_like_a_command_hides_none():
    assert names(narrowed(app, ["--data", "search", "find", "put"])) == {"search", "find", "put"}


@pytest.mark.parametrize("words", [[], ["--help"], ["serach", "find"], ["--data", "x"]], ids=" ".join)
def test_whoever_needs_help_or_advice_is_given_all(everything, words):
    assert names(narrowed(app, words)) == everything
