"""Texts with `{{ variables }}`, filled in: Jinja2 in its sandbox, and less of it than the sandbox allows.

There are values, `if`, `for` and a few filters; no calls, no attributes but the fields of what is given, no
assignments, no imports. What a text can make is bounded: rounds of its loops, and characters of its result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from octavo.errors import InvalidTemplate, LimitExceeded

MAX_CHARACTERS = 500_000
MAX_ROUNDS = 10_000
_MAX_DEPTH = 3

_FILTERS = frozenset({
    "abs", "capitalize", "d", "default", "dictsort", "first", "float", "int", "items", "join", "last", "length",
    "list", "lower", "max", "min", "reverse", "round", "sort", "string", "sum", "title", "trim", "truncate",
    "unique", "upper", "wordcount",
})  # fmt: skip
_LOOP = frozenset({"index", "index0", "first", "last", "length", "revindex"})
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Concat, nodes.List, nodes.Tuple, nodes.Keyword,
)  # fmt: skip
# Of texts they would make longer ones: "x" * 10**9, "%999999999d" % 1.
_OF_NUMBERS = frozenset({"*", "%"})
_ROUNDS = "rounds "  # with a space: no text can name it


class _Missing(StrictUndefined):
    """What is not given; the error names it."""

    @property
    def name(self) -> str:
        """What was asked for."""
        return str(self._undefined_name)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Reads fields of mappings and elements of lists, and nothing else of any value."""

    intercepted_binops = _OF_NUMBERS

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        is_key = isinstance(obj, Mapping) and isinstance(argument, str)
        is_place = isinstance(obj, str | list | tuple) and isinstance(argument, int | slice)
        if is_key or is_place:
            try:
                return obj[argument]
            except LookupError:
                pass
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f"{operator} is for numbers")
        return super().call_binop(context, operator, left, right)


class _Rounds:
    """The rounds that all loops of a text still have."""

    def __init__(self) -> None:
        self.left = MAX_ROUNDS

    def of(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self.left -= 1
            if self.left < 0:
                raise LimitExceeded(
                    f"the loops of a text have more than {MAX_ROUNDS} rounds", limit=MAX_ROUNDS
                )
            yield value


@pass_context
def _counted(context: Context, values: Any) -> list[Any]:
    """The values of a loop, each a round; a list, so that the loop knows how many there are."""
    if isinstance(values, str) or not isinstance(values, Sequence | Iterator | Mapping):
        if isinstance(values, Undefined):
            len(values)  # raises what is missing
        raise InvalidTemplate("a loop goes over a list", remedy="loop over one, or over `… | items`")
    rounds: _Rounds = context[_ROUNDS]
    return list(rounds.of(values))


def _join(values: Iterable[Any], separator: str = "") -> str:
    """The values in one text, no longer than a result may be."""
    parts = [str(value) for value in values]
    if sum(map(len, parts)) + len(parts) * len(separator) > MAX_CHARACTERS:
        raise _too_long()
    return separator.join(parts)


class _Counting(NodeTransformer):
    """Makes every loop count its rounds; refuses what texts may not hold."""

    def __init__(self) -> None:
        self._depth = 0

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        if not isinstance(node, _ALLOWED):
            raise TemplateSyntaxError(f"{type(node).__name__.lower()} is not allowed", node.lineno)
        if isinstance(node, nodes.Name) and node.name == "self":
            raise TemplateSyntaxError("self is not allowed", node.lineno)
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise TemplateSyntaxError(f"there is no filter {node.name!r}", node.lineno)
        return super().generic_visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802 - Jinja2's name
        if node.recursive or self._depth == _MAX_DEPTH:
            raise TemplateSyntaxError(f"loops are at most {_MAX_DEPTH} deep", node.lineno)
        self._depth += 1
        found = self.generic_visit(node, *args, **kwargs)
        self._depth -= 1
        node.iter = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
        return found


class Filling:
    """Fills texts; each text is read once and remembered for as long as this is.

    One a thread: it is not shared.
    """

    def __init__(self) -> None:
        self._sandbox = _Sandbox(undefined=_Missing, autoescape=False, keep_trailing_newline=True)
        self._sandbox.filters = {name: self._sandbox.filters[name] for name in _FILTERS}
        self._sandbox.filters |= {"counted": _counted, "join": _join}
        self._sandbox.globals.clear()
        self._read: dict[str, Any] = {}

    def check(self, text: str, where: str) -> None:
        """Refuse a text that could never be filled; raises `InvalidTemplate`, which says where and in which line."""
        self._template(text, where)

    def fill(self, text: str, data: Mapping[str, Any], where: str) -> str:
        """The text with its variables filled in.

        Args:
            where: what the text is called in an error.

        Raises:
            InvalidTemplate: a variable that is not given, by its name; or what the text does with one cannot be done.
            LimitExceeded: too many rounds of loops, or too long a result.
        """
        if "{" not in text:
            return text
        template = self._template(text, where)
        parts, length = [], 0
        try:
            for part in template.generate({**data, _ROUNDS: _Rounds()}):
                parts.append(part)
                length += len(part)
                if length > MAX_CHARACTERS:
                    raise _too_long()
        except (InvalidTemplate, LimitExceeded):
            raise
        except UndefinedError as error:
            raise _missing(error, data, where) from None
        except Exception as error:
            raise InvalidTemplate(f"{where} cannot be filled: {error}", where=where) from error
        return "".join(parts)

    def _template(self, text: str, where: str) -> Any:
        if text not in self._read:
            try:
                tree = _Counting().visit(self._sandbox.parse(text))
                self._read[text] = self._sandbox.from_string(tree)
            except TemplateSyntaxError as error:
                raise InvalidTemplate(
                    f"{where} cannot be read, line {error.lineno}: {error.message}",
                    remedy="see what templates may hold in docs/how-to/generate-text.md",
                    where=where,
                    line=error.lineno,
                ) from None
        return self._read[text]


def _missing(error: UndefinedError, data: Mapping[str, Any], where: str) -> InvalidTemplate:
    """The error with the name that is not given, as Jinja2 tells it in quotes, the last ones."""
    message = error.message or ""
    name = message.split("'")[-2] if message.count("'") >= 2 else message
    given = ", ".join(sorted(name for name in data if name != _ROUNDS)[:20]) or "nothing"
    return InvalidTemplate(
        f"{where} needs {name!r}, which is not given",
        remedy=f"there is: {given}; or write {{{{ {name} | default('') }}}}",
        where=where,
        variable=name,
    )


def _too_long() -> LimitExceeded:
    return LimitExceeded(f"a filled text has more than {MAX_CHARACTERS} characters", limit=MAX_CHARACTERS)
