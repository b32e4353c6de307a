"""Building every command takes longer than most commands do: what the words of a call cannot mean is left out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

import typer
from typer.main import get_command_name
from typer.models import CommandInfo, TyperInfo


def narrowed(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The program with the commands and groups that `words` may call; all of it where they need help or advice.

    The command that is called is one of the words, whatever the others mean; so it is always there.

    Args:
        app: the whole program.
        words: of the command line, without the program's name.
    """
    if _first_plain(words) not in {*map(_name, app.registered_commands), *map(_group, app.registered_groups)}:
        return app
    narrow = copy.copy(app)
    narrow.registered_commands = [one for one in app.registered_commands if _name(one) in words]
    narrow.registered_groups = [one for one in app.registered_groups if _group(one) in words]
    return narrow


def _first_plain(words: Sequence[str]) -> str | None:
    """The first word that is no option and no option's value: what the caller takes for a command."""
    pairs = pairwise(("", *words))
    return next(
        (word for before, word in pairs if not word.startswith("-") and not _takes_value(before)), None
    )


def _takes_value(word: str) -> bool:
    return word.startswith("-") and "=" not in word


def _name(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def _group(group: TyperInfo) -> str:
    return str(group.name)
