"""From filters to SQL: every value a parameter, every expression total.

Total: no stored value can make an expression fail, because candidates come from a view that shows rows to an
expression before their organization was looked at, and an error could quote a value of another one (record.md
1). So a body is asked by jsonpath with `@@`, which swallows what does not fit, and by containment; its values
are never cast.

What indexes of `document_filter` find: equality, `$in` and containment in body and metadata, type and author
(one GIN together), and ids, names and times (b-trees). `Compiler.narrowed` is that part of a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from octavo.errors import InvalidFilter
from octavo.store import jsonpath, labelled
from octavo.store.jsonpath import Source
from octavo.values.condition import Attribute, Condition, Either, Every, Field, Filter, Node, Not
from octavo.values.json import encode

_TYPES = {"id": "uuid", "text": "text", "integer": "integer", "moment": "timestamptz"}
_COMPARE = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_HOLDS = {"eq": "holds_equal", "contains": "holds_containing"}
_FOUND = {"@id", "@name", "@namespace", "@type", "@created_at", "@created_by", "@updated_at", "@labels"}
Say = Callable[[Node, Source, bool], str | None]
_SOURCES: tuple[Source, ...] = ("body", "metadata")


class Columns(msgspec.Struct, frozen=True):
    """Where a statement has what filters ask for.

    Attributes:
        expressions: SQL of "body", "metadata" and of the attributes ("@id" …) that may be asked.
        digested: long strings of the body are stored as their digests.
    """

    expressions: Mapping[str, str]
    digested: bool


LOOKUP = Columns(
    {
        "body": "fields",
        "metadata": "metadata",
        "@id": "document_id",
        "@name": "name",
        "@namespace": "namespace",
        "@type": "type",
        "@version": "version",
        "@created_at": "created_at",
        "@created_by": "created_by",
        "@updated_at": "updated_at",
        "@updated_by": "updated_by",
    },
    digested=True,
)


def compile_guard(filter: Filter, *, body: str, metadata: str, first: int) -> tuple[str, list[object]]:
    """A filter over a row at hand, such as the locked one that a guarded change looks at.

    Args:
        body, metadata: SQL of the row's columns; the body with its strings as they are.
        first: number of the first parameter.

    Returns:
        A condition that is true or false and never null, and the values of its parameters.

    Raises:
        InvalidFilter: the filter asks for an attribute other than @metadata.
    """
    compiler = Compiler(Columns({"body": body, "metadata": metadata}, digested=False), first)
    return f"({compiler.sql(filter.root)}) IS TRUE", compiler.arguments


def compile_lookup(filter: Filter, *, first: int) -> tuple[str, list[object]]:
    """A filter over `octavo.lookup`, with what its indexes find said in a way that they can be used.

    Args:
        first: number of the first parameter.

    Returns:
        The condition and the values of its parameters.
    """
    compiler = Compiler(LOOKUP, first)
    parts = [compiler.sql(filter.root)]
    is_said = is_found(filter.root) and not labelled.asks_labels(filter)
    if not is_said and (narrowed := compiler.narrowed(filter.root)) is not None:
        parts.append(narrowed)
    return " AND ".join(f"({part})" for part in parts), compiler.arguments


def conjuncts(node: Node) -> list[Node]:
    """The parts that must all hold."""
    if isinstance(node, Every):
        return [inner for part in node.parts for inner in conjuncts(part)]
    return [node]


def is_found(node: Node) -> bool:
    """Whether indexes find exactly the documents of a condition, so that nothing else has to be looked at."""
    match node:
        case Condition(subject=Attribute()):
            return node.subject.name in _FOUND and node.operator not in {"exists", "regex"}
        case Condition():
            return jsonpath.is_found(node)
        case Every(parts=parts) | Either(parts=parts):
            return all(is_found(part) for part in parts)
    return False


def found_part(node: Node) -> Node | None:
    """The weaker condition that indexes find: what cannot be found is left out of it. None if nothing can."""
    match node:
        case Condition(subject=Field(source=source)):
            return None if jsonpath.narrowed(node, source, False) is None else node
        case Condition():
            return node if is_found(node) else None
        case Every(parts=parts):
            found = [inner for part in parts if (inner := found_part(part)) is not None]
            return Every(tuple(found)) if found else None
        case Either(parts=parts):
            inners = [found_part(part) for part in parts]
            return None if None in inners else Either(tuple(inner for inner in inners if inner is not None))
    return None


class Compiler:
    """Makes conditions into SQL and collects the values of their parameters, from `$first` on.

    A condition that PostgreSQL finds null does not hold.
    """

    def __init__(self, columns: Columns, first: int) -> None:
        self.arguments: list[object] = []
        self._columns = columns
        self._first = first

    def parameter(self, value: object, type: str) -> str:
        """`$n::type` for a value."""
        self.arguments.append(value)
        return f"${self._first + len(self.arguments) - 1}::{type}"

    def sql(self, node: Node) -> str:
        """A condition that holds exactly when the node does."""
        return self._sql(node, jsonpath.predicate)

    def led_by_labels(self, conditions: Sequence[Condition], others: str | None) -> str:
        """A condition that leads to what conditions on labels and `others` find together, or to more."""
        return labelled.leading(conditions, others, self._columns.expressions["@id"], self.parameter)

    def narrowed(self, node: Node) -> str | None:
        """A condition that indexes find and that holds wherever the node does; None if there is none."""
        found = found_part(node)
        return None if found is None else self._sql(found, jsonpath.narrowed)

    def _sql(self, node: Node, say: Say) -> str:
        match node:
            case Condition():
                return self._condition(node, say)
            case Every(parts=parts):
                return " AND ".join(self._grouped(parts, say, " && ")) or "true"
            case Either(parts=parts):
                return " OR ".join(self._grouped(parts, say, " || "))
            case Not(part=part):
                return f"({self._sql(part, say)}) IS NOT TRUE"

    def _condition(self, condition: Condition, say: Say) -> str:
        about = condition.subject
        if isinstance(about, Attribute):
            return self._on_attribute(about, condition, say)
        predicate = self._say(say, condition, about.source)
        return self._match(about.source, predicate) if predicate else self._on_container(about, condition)

    def _grouped(self, parts: Sequence[Node], say: Say, word: str) -> Iterator[str]:
        """One match for all that jsonpath can say of the body, one for the metadata, then the others."""
        others = [part for part in parts if _is_on_attribute(part)]
        asked = [part for part in parts if not _is_on_attribute(part)]
        for source in _SOURCES if asked else ():
            said = [(part, self._say(say, part, source)) for part in asked]
            asked = [part for part, predicate in said if predicate is None]
            predicates = [predicate for _, predicate in said if predicate is not None]
            if predicates:
                yield self._match(source, word.join(predicates))
        for part in (*asked, *others):
            yield f"({self._sql(part, say)})"

    def _say(self, say: Say, node: Node, source: Source) -> str | None:
        return say(node, source, self._columns.digested and source == "body")

    def _match(self, source: Source, predicate: str) -> str:
        return f"{self._columns.expressions[source]} @@ {self.parameter(predicate, 'jsonpath')}"

    def _on_attribute(self, attribute: Attribute, condition: Condition, say: Say) -> str:
        expressions = self._columns.expressions
        if attribute.kind == "labels" and "@id" in expressions:
            on_labels = labelled.looked_at if say is jsonpath.predicate else labelled.found
            return on_labels(condition, expressions["@id"], self.parameter)
        column = expressions.get(attribute.name)
        if column is None:
            raise InvalidFilter(
                f"{attribute.name} cannot be asked here", remedy="ask for fields of the body and @metadata"
            )
        compared = self._compared(column, _TYPES[attribute.kind], condition)
        if attribute.name == "@name" and condition.operator not in {"eq", "in", "exists"}:
            # No name is the empty one here, and in no range.
            return f"({compared} AND {column} <> '')"
        return compared

    def _compared(self, column: str, type: str, condition: Condition) -> str:
        operand = condition.operand
        match condition.operator:
            case "in":
                return f"{column} = ANY({self.parameter(operand, f'{type}[]')})"
            case "exists":
                return f"{column} <> ''"
            case "prefix":
                return self._between(column, operand)
            case "regex":
                return f"to_jsonb({column}) @@ {self.parameter(jsonpath.like('$', operand), 'jsonpath')}"
        return f"{column} {_COMPARE[condition.operator]} {self.parameter(operand, type)}"

    def _between(self, column: str, prefix: str) -> str:
        """A prefix as a range by code point, which a b-tree finds even where the plan must not know it."""
        end = after_prefix(prefix)
        start = f"{column} >= {self.parameter(prefix, 'text')}"
        return start if end is None else f"{start} AND {column} < {self.parameter(end, 'text')}"

    def _on_container(self, field: Field, condition: Condition) -> str:
        """Comparisons with objects and arrays, which jsonpath has not: of each value found at the path."""
        if condition.operator == "in":
            choices = [Condition(field, "eq", choice) for choice in condition.operand]
            return self._sql(Either(tuple(choices)), jsonpath.predicate) if choices else "false"
        column, path = self._columns.expressions[field.source], jsonpath.path(field)
        digested = self._columns.digested and field.source == "body"
        operand = jsonpath.stored(condition.operand) if digested else condition.operand
        arguments = [self.parameter(path, "jsonpath")]
        if condition.operator == "eq":
            arguments.append(self.parameter(f"{path}[*]", "jsonpath"))
        arguments.append(self.parameter(encode(operand), "jsonb"))
        return f"octavo.{_HOLDS[condition.operator]}({column}, {', '.join(arguments)})"


def _is_on_attribute(node: Node) -> bool:
    return isinstance(node, Condition) and isinstance(node.subject, Attribute)


def after_prefix(prefix: str) -> str | None:
    """The first text by code point that follows every text with this prefix; None if there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    last = ord(kept[-1]) + 1
    # Surrogates are no characters: the code point after U+D7FF is U+E000.
    return kept[:-1] + chr(0xE000 if last == 0xD800 else last)
