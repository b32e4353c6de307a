"""The public names and every class that a caller can reach from them, with signatures as they are written."""

from __future__ import annotations

import ast
import inspect
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

import octavo
from octavo.errors import OctavoError
from octavo.settings import Settings
from tools.reference.markdown import code, document, literal, table

_LEAD = (
    "The public names of `octavo`, and the classes one meets through them. What is not on this page is not "
    "public. Errors are on [their own page](errors.md), settings on [theirs](settings.md)."
)
_LINE = 90
# Below the public face: a field may hold one, but nobody has to know it.
_INTERNAL = ("octavo.postgres.",)
_SECTIONS = {
    "Args:": "Parameters",
    "Attributes:": "Fields",
    "Returns:": "Returns",
    "Yields:": "Yields",
    "Raises:": "Raises",
}


def page() -> str:
    """The page."""
    public = {name: getattr(octavo, name) for name in octavo.__all__}
    functions = {f"octavo.{name}": thing for name, thing in public.items() if inspect.isfunction(thing)}
    described = [part for name, thing in functions.items() for part in _function(thing, name, 2)]
    classes = [part for cls in reachable(list(public.values())) for part in _class(cls)]
    return document("Python", _LEAD, [*described, *classes])


def reachable(public: list[Any]) -> list[type]:
    """The public classes, then our own classes in what they and the public functions give back."""
    found: list[type] = []
    queue = [hint for thing in public for hint in ([thing] if inspect.isclass(thing) else _given(thing))]
    while queue:
        hint = queue.pop(0)
        queue += typing.get_args(hint)
        if inspect.isclass(hint) and _is_ours(hint) and hint not in found:
            found.append(hint)
            queue += [given for member in _members(hint).values() for given in _given(member)]
            queue += _hints(hint).values()
    return found


def _is_ours(cls: type) -> bool:
    ours = cls.__module__.startswith("octavo.") and not cls.__module__.startswith(_INTERNAL)
    return ours and not cls.__name__.startswith("_") and not issubclass(cls, (OctavoError, Settings))


def _given(thing: Any) -> list[Any]:
    hint = _hints(_plain(thing)).get("return")
    return [] if hint is None else [hint]


def _hints(thing: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(thing)
    except (NameError, TypeError):  # names imported for type checking only, or nothing to read
        return {}


def _members(cls: type) -> dict[str, Any]:
    public = {name: member for name, member in vars(cls).items() if not name.startswith("_")}
    return {name: member for name, member in public.items() if inspect.isfunction(_plain(member))}


def _plain(member: Any) -> Any:
    if isinstance(member, property):
        return member.fget
    return inspect.unwrap(getattr(member, "__func__", member))


def _class(cls: type) -> Iterator[str]:
    yield f"## `{cls.__name__}`"
    yield _prose(cls)
    if issubclass(cls, msgspec.Struct):
        shown = [field for field in msgspec.structs.fields(cls) if not field.name.startswith("raw_")]
        yield table(
            ("Field", "Type"),
            [(literal(field.name), literal(_annotation(cls, field.name))) for field in shown],
        )
    for name, member in _members(cls).items():
        if isinstance(member, property):
            yield f"### `{cls.__name__}.{name}`"
            yield _prose(member.fget)
        else:
            yield from _function(member, f"{cls.__name__}.{name}", 3)


def _function(thing: Any, name: str, level: int) -> Iterator[str]:
    plain = _plain(thing)
    yield f"{'#' * level} `{name}`"
    yield code(_signature(plain, name.rpartition(".")[2] if level > 2 else name), "py")
    yield _prose(plain)


def _annotation(cls: type, name: str) -> str:
    for base in cls.__mro__:
        if name in (annotations := inspect.get_annotations(base)):
            return str(annotations[name])
    return ""


def _prose(thing: Any) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    for line in (inspect.getdoc(thing) or "").splitlines():
        bare = line.strip()
        if line in _SECTIONS:
            lines += ["", f"*{_SECTIONS[line]}*", ""]
        elif line.startswith("     ") and lines:
            lines[-1] += f" {bare}"
        elif line.startswith("    "):
            name, colon, text = bare.partition(": ")
            lines.append(f"- {literal(name)}: {text}" if colon and " " not in name else f"- {bare}")
        else:
            lines.append(line)
    return "\n".join(lines).replace("\n\n\n", "\n\n").strip()


def _signature(function: Any, name: str) -> str:
    """The signature as the source has it, one parameter a line when it is long."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
    keyword = (
        "async with "
        if "contextmanager" in decorators
        else "await "
        if inspect.iscoroutinefunction(function)
        else ""
    )
    parameters = [part for part in _parameters(node.args) if part not in {"self", "cls"}]
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{keyword}{name}({', '.join(parameters)}){result}"
    if len(line) <= _LINE:
        return line
    return "\n".join([f"{keyword}{name}(", *(f"    {part}," for part in parameters), f"){result}"])


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    without = len(positional) - len(arguments.defaults)
    for place, argument in enumerate(positional):
        yield _parameter(argument, arguments.defaults[place - without] if place >= without else None)
        if place + 1 == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield f"*{_parameter(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    yield from map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg:
        yield f"**{_parameter(arguments.kwarg, None)}"


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    if default is None:
        return f"{argument.arg}{annotation}"
    return f"{argument.arg}{annotation}{' = ' if annotation else '='}{ast.unparse(default)}"
