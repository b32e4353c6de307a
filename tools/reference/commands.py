"""Every command of the command line, read from the program itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from rich.text import Text
from typer.main import get_command

from tools.reference.markdown import code, document, literal, table

_LEAD = (
    "`octavo [OPTIONS] COMMAND [ARGUMENTS]`. The options of the program itself go before the command. "
    "Exit codes: 0 done, 1 failed with one clear line on standard error, 2 wrong usage."
)


def page() -> str:
    """The page."""
    # By its path: the package's attribute `main` is the function, not the module.
    program = get_command(importlib.import_module("octavo.cli.main").app)
    return document("Command line", _LEAD, [_options(program), *_sections("octavo", program)])


def commands() -> dict[str, Any]:
    """Every command that can be run, by what one types: `octavo put`, `octavo org create`."""
    program = get_command(importlib.import_module("octavo.cli.main").app)
    return dict(_below("octavo", program))


def _sections(path: str, group: Any) -> Iterator[str]:
    for name, command in _below(path, group):
        yield f"## `{name}`"
        yield _help(command)
        yield code(" ".join([name, *command.collect_usage_pieces(command.context_class(command))]))
        yield _arguments(command)
        yield _options(command)


def _below(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from _below(f"{path} {name}", command)
        elif not command.hidden:
            yield f"{path} {name}", command


def _help(command: Any) -> str:
    paragraphs = Text.from_markup(command.help or "").plain.split("\n\n")
    return "\n\n".join(_paragraph(paragraph.strip()) for paragraph in paragraphs)


def _paragraph(text: str) -> str:
    before, found, example = text.partition("Example: ")
    return f"{before}{code(example, 'sh')}" if found else " ".join(text.split())


def _arguments(command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    return table(
        ("Argument", "Meaning"), [(literal(a.metavar or a.name.upper()), _meaning(a)) for a in arguments]
    )


def _options(command: Any) -> str:
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    context = command.context_class(command)
    return table(
        ("Option", "Default", "Meaning"),
        [_option(option, context) for option in options if not option.hidden],
    )


def _option(option: Any, context: Any) -> tuple[str, str, str]:
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.metavar or option.display_type(context).strip('<>')}"
    default = "required" if option.required else literal(_default(option))
    return literal(names + value), default, _meaning(option)


def _default(option: Any) -> str:
    default = option.default
    return "" if default is None or default is False or callable(default) else str(default)


def _meaning(parameter: Any) -> str:
    return Text.from_markup(parameter.help or "").plain
