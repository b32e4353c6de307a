"""Declared indexes in SQL: how one is named and made, and which conditions of a question it leads by.

A declared index is a b-tree over (organization, namespace, sort value of each field, id) of one type's rows in
`document_filter`. It knows one value of a field, so another index, which never has an entry, refuses rows with
several: what a filter finds is the same with it and without. Its predicate is said as `(…) IS TRUE`, which
PostgreSQL proves word for word and offers to no other index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from octavo.errors import InvalidInput
from octavo.store import jsonpath
from octavo.store.filters import LOOKUP, Compiler, after_prefix
from octavo.values.condition import Attribute, Condition, Every, Field, Node, Not
from octavo.values.declared import DeclaredIndex, is_equality
from octavo.values.json import encode

# An entry of a b-tree has 2,700 bytes at most.
_ROOM_BYTES = 2_100
_MISSING, _NULL, _FIRST_TEXT, _FIRST_FLAG = b"[]", b"null", b'""', b"false"
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_TEXTUAL = {"gt", "gte", "lt", "lte", "prefix"}


class TypeIndex(msgspec.Struct, frozen=True):
    """A declared index of a type, with its names and its SQL.

    Attributes:
        by_code_point: whether this database orders text by code point, as ranges of filters do.
    """

    type: str
    declared: DeclaredIndex
    by_code_point: bool = True

    @property
    def name(self) -> str:
        """Name of the index, another one for every other definition."""
        return f"type_{'unique' if self.is_unique else 'key'}_{self._digest}"

    @property
    def guard(self) -> str | None:
        """Name of the index that refuses what this one could not find; a unique one needs none."""
        return None if self.is_unique else f"type_guard_{self._digest}"

    @property
    def is_unique(self) -> bool:
        """Whether it refuses a second value, and finds nothing."""
        return self.declared.kind == "unique"

    def check(self) -> None:
        """Raise `InvalidInput` when an index cannot say what it holds."""
        if self.declared.where is not None and self._partial is None:
            raise InvalidInput(
                f"the index on {', '.join(self.declared.fields)} of {self.type} has a filter it cannot hold",
                remedy="compare fields with strings, numbers, true and false, without $not",
            )

    @property
    def keys(self) -> list[str]:
        """SQL of what it has behind organization and namespace, the id aside."""
        if self.is_unique:
            return [_unique_sql(field) for field in self.declared.subjects]
        return [_sort_sql(field) for field in self.declared.subjects]

    @property
    def columns(self) -> str:
        """SQL of its columns."""
        id = [] if self.is_unique else ["document_id"]
        return ", ".join(["organization_id", "namespace", *self.keys, *id])

    @property
    def predicate(self) -> str:
        """SQL of which rows are in it, in a form that questions repeat word for word."""
        # No type has a name that begins with a digit; so each index has a predicate of its own, and is the only one
        # that a question which says it can use.
        parts = [f"(type = {_quoted(self.type)} AND type <> '0{self._digest}') IS TRUE"]
        if partial := self._partial:
            parts.append(f"(fields @@ {_quoted(partial)}::jsonpath) IS TRUE")
        return " AND ".join(parts)

    @property
    def room_bytes(self) -> int:
        """Bytes that a value of one field may have."""
        return _ROOM_BYTES // len(self.declared.fields)

    @property
    def refusals(self) -> str:
        """SQL of the predicate that refuses rows: never true, but an error for them."""
        said = [
            f"octavo.refuse_many(fields, {_scalars(field)}, {_elements(field)}, {_quoted(field.name)}, "
            f"{self.room_bytes})"
            for field in self.declared.subjects
        ]
        return f"{self.predicate} AND ({' OR '.join(said)})"

    @property
    def _partial(self) -> str | None:
        return jsonpath.predicate(Every(tuple(self.declared.conditions)), "body", True)

    @property
    def _digest(self) -> str:
        content = f"{self.declared.kind} {self.type} {self.columns} {self._partial}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]


class Lead(msgspec.Struct, frozen=True):
    """A declared index and what it leads by: equal values of its first fields, and a range of the next."""

    index: TypeIndex
    namespace: Condition
    equal: tuple[Condition, ...]
    ranged: tuple[Node, ...]

    @property
    def found(self) -> list[Node]:
        """The conditions it finds exactly."""
        kind = Condition(Attribute("@type"), "eq", self.index.type)
        return [kind, self.namespace, *self.index.declared.conditions, *self.equal, *self.ranged]

    @property
    def is_narrow(self) -> bool:
        """Whether it finds what no other index does, or finds it better."""
        return bool(self.ranged) or len(self.equal) > 1 or bool(self.equal and self.index.declared.where)

    def sql(self, compiler: Compiler) -> str:
        """A condition that the index finds and that holds exactly where all of `found` hold."""
        parts = [compiler.sql(self.namespace), self.index.predicate]
        keys = self.index.keys
        for key, condition in zip(keys, self.equal, strict=False):
            parts.append(f"{key} = {compiler.parameter(encode(condition.operand), 'jsonb')}")
        if self.ranged:
            key = keys[len(self.equal)]
            parts += [bound for node in self.ranged for bound in _bounds(compiler, key, node)]
            parts.append(f"({compiler.sql(Every(self.ranged))}) IS TRUE")
        parts.append(f"(SELECT octavo.require_index({_quoted(self.index.guard or '')}))")
        return " AND ".join(parts)


def narrowing_lead(parts: Sequence[Node], indexes: Sequence[TypeIndex]) -> Lead | None:
    """The declared index that narrows a question most, if one does."""
    leads = [lead for index in indexes if (lead := _lead(index, parts)) is not None and lead.is_narrow]
    return max(leads, key=lambda lead: len(lead.found), default=None)


def ordering_lead(parts: Sequence[Node], order: Field, indexes: Sequence[TypeIndex]) -> Lead | None:
    """The declared index that has the documents in an order, if one does; the narrowest of several."""
    leads = [
        lead
        for index in indexes
        if (lead := _lead(index, parts)) is not None
        and len(lead.equal) < len(index.declared.fields)
        and index.declared.subjects[len(lead.equal)].path == order.path
        and order.source == "body"
    ]
    return max(leads, key=lambda lead: len(lead.found), default=None)


def asked_type(parts: Sequence[Node]) -> str | None:
    """The one type a question asks for."""
    asked = _asked(parts, "@type")
    return None if asked is None else str(asked.operand)


def _lead(index: TypeIndex, parts: Sequence[Node]) -> Lead | None:
    namespace = _asked(parts, "@namespace")
    fits = all(condition in parts for condition in index.declared.conditions)
    if index.is_unique or namespace is None or not fits or asked_type(parts) != index.type:
        return None
    equal: list[Condition] = []
    for field in index.declared.subjects:
        on_field = [part for part in parts if _subject(part) is not None and _is_at(part, field)]
        same = next((part for part in on_field if isinstance(part, Condition) and is_equality(part)), None)
        if same is None:
            ranged = [part for part in on_field if _is_range(part, index.by_code_point)]
            return Lead(index, namespace, tuple(equal), tuple(ranged))
        equal.append(same)
    return Lead(index, namespace, tuple(equal), ())


def _asked(parts: Sequence[Node], attribute: str) -> Condition | None:
    """The only condition on an attribute, if there is one and it is an equality."""
    asked = [part for part in parts if isinstance(part, Condition) and part.subject.name == attribute]
    return asked[0] if len(asked) == 1 and asked[0].operator == "eq" else None


def _subject(node: Node) -> Field | None:
    """The field that a condition or its negation is about."""
    inner = node.part if isinstance(node, Not) else node
    return inner.subject if isinstance(inner, Condition) and isinstance(inner.subject, Field) else None


def _is_at(node: Node, field: Field) -> bool:
    subject = _subject(node)
    return subject is not None and (subject.source, subject.path) == (field.source, field.path)


def _is_range(node: Node, by_code_point: bool) -> bool:
    if isinstance(node, Not):
        return isinstance(node.part, Condition) and node.part.operator == "exists"
    if not isinstance(node, Condition):
        return False
    if node.operator in _TEXTUAL and isinstance(node.operand, str):
        return by_code_point
    return node.operator in _COMPARE or node.operator == "exists" or _is_null(node)


def _is_null(node: Condition) -> bool:
    return node.operator == "eq" and node.operand is None


def _bounds(compiler: Compiler, key: str, node: Node) -> list[str]:
    """Where in the index a condition looks; it may look at more than holds."""

    def bound(comparison: str, value: bytes) -> str:
        return f"{key} {comparison} {compiler.parameter(value, 'jsonb')}"

    if isinstance(node, Not):
        return [bound("=", _MISSING)]
    assert isinstance(node, Condition)
    if node.operator == "exists":
        return [bound(">", _MISSING)]
    if _is_null(node):
        return [bound("<=", _NULL)]
    if node.operator == "prefix":
        end = after_prefix(node.operand)
        return [bound(">=", encode(node.operand)), bound("<", _FIRST_FLAG if end is None else encode(end))]
    if node.operator in {"gt", "gte"}:
        return [bound(_COMPARE[node.operator], encode(node.operand)), bound("<", _FIRST_FLAG)]
    return [bound(_COMPARE[node.operator], encode(node.operand)), bound(">=", _FIRST_TEXT)]


def _sort_sql(field: Field) -> str:
    return f"octavo.sort_value({LOOKUP.expressions['body']}, {_scalars(field)}, {_place(field)})"


def _unique_sql(field: Field) -> str:
    return f"octavo.unique_value({LOOKUP.expressions['body']}, {_place(field)})"


def _scalars(field: Field) -> str:
    return f"{_quoted(jsonpath.first_scalar(field))}::jsonpath"


def _elements(field: Field) -> str:
    return f"{_quoted(jsonpath.elements(field))}::jsonpath"


def _place(field: Field) -> str:
    return f"{_quoted(jsonpath.path(field))}::jsonpath"


def _quoted(text: str) -> str:
    """A literal of SQL; with an E where a backslash would otherwise depend on a setting of the server."""
    quoted = "'" + text.replace("'", "''") + "'"
    return quoted if "\\" not in text else "E" + quoted.replace("\\", "\\\\")
