"""What a listing asks, and which statement of `find.sql` answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter
from octavo.postgres.statements import load
from octavo.store import jsonpath
from octavo.store.filters import LOOKUP, Compiler, conjuncts, is_found
from octavo.store.leads import Lead, TypeIndex, narrowing_lead, ordering_lead
from octavo.store.narrowing import index_for, leads_to, sql_of
from octavo.store.scope import Limits
from octavo.values.condition import Attribute, Condition, Field, Filter, Kind, Node
from octavo.values.json import decode
from octavo.values.order import Order
from octavo.values.page import Cursor, fingerprint

_sql = load("octavo.store", "find.sql")
FIRST_PARAMETER = 2
# The attributes that an index of document_filter has in front of the one it orders by; the longest first.
_INDEXES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "@created_at": (("@namespace", "@type"), ("@namespace",)),
    "@updated_at": (("@namespace",),),
    "@name": (("@namespace",),),
    "@id": ((),),
}
# Text and names of parts in turn.
_TEMPLATES = {name: tuple(re.split(r"{(\w+)}", text)) for name, text in _sql.items()}
_UNBOUNDED = 2**62
_MAX_INTEGER = 2**31 - 1
# If one in 20 holds, a walk over so many times the documents of a page fills it nearly always.
_NEAR = 40
_RANGES = {"gt", "gte", "lt", "lte", "prefix"}
_TYPES: Mapping[Kind, str] = {"moment": "timestamptz", "text": "text", "id": "uuid", "integer": "integer"}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents, in which order, how many of them a page, and what of their bodies (None for all)."""

    filter: Filter
    order: Order
    limit: int
    include_body: bool
    projection: bytes | None = None
    indexes: tuple[TypeIndex, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What its cursors are tied to."""
        return fingerprint(str(self.order), self.filter.fingerprint)

    def key(self, limits: Limits) -> bytes:
        """All that the statement of its first page depends on, but for the indexes."""
        return msgspec.json.encode((msgspec.structs.replace(self, indexes=()), limits))

    @property
    def parts(self) -> list[Node]:
        """The conditions that must all hold."""
        return conjuncts(self.filter.root)

    @property
    def index_prefix(self) -> tuple[str, ...] | None:
        """What the index that has the order has in front of it, all asked for by equality; None: no index has it."""
        equal = {
            part.subject.name for part in self.parts if isinstance(part, Condition) and part.operator == "eq"
        }
        for prefix in _INDEXES.get(self.order.subject.name, ()):
            if equal.issuperset(prefix):
                return prefix
        return None

    @property
    def ordering_lead(self) -> Lead | None:
        """The declared index that has the order; None if none has."""
        if isinstance(self.order.subject, Attribute):
            return None
        return ordering_lead(self.parts, self.order.subject, self.indexes)

    @property
    def has_order(self) -> bool:
        """Whether an index has the order, so that nothing has to be sorted."""
        return self.index_prefix is not None or self.ordering_lead is not None


class Statement(msgspec.Struct, frozen=True):
    """A statement and the values of its parameters from $2 on."""

    text: str
    arguments: list[object]


def page_statement(question: Question, limits: Limits, after: Cursor | None) -> Statement:
    """The statement of one page."""
    builder = _Builder(question, limits, after)
    lead = question.ordering_lead
    if lead is not None:
        text = builder.along(lead)
    else:
        text = builder.ordered(question.index_prefix) if question.has_order else builder.sorted()
    return Statement(text, builder.arguments)


def count_statement(
    filter: Filter, limits: Limits, cap: int | None, indexes: Sequence[TypeIndex] = ()
) -> Statement:
    """The statement that counts, up to a cap."""
    compiler = Compiler(LOOKUP, FIRST_PARAMETER)
    asked = conjuncts(filter.root)
    lead = leads_to(asked, narrowing_lead(asked, indexes))
    rest = unfound(asked, lead)
    index = index_for(compiler, asked, lead)
    narrowed = "true" if index is None else index.within("true")
    if not rest:
        parts = {"narrowed": narrowed, "limit": compiler.parameter(cap, "bigint")}
        return Statement(fill("count_found", parts), compiler.arguments)
    parts = {
        "narrowed": narrowed,
        "rest": sql_of(compiler, rest),
        "bound": compiler.parameter(limits.scanned + 1, "bigint"),
    }
    return Statement(fill("count_scanned", parts), compiler.arguments)


def session_statement(
    session: str,
    after: Cursor | None,
    limits: Limits,
    *,
    types: list[str] | None,
    include_body: bool,
    limit: int,
) -> Statement:
    """The statement of one page of what a session touched."""
    compiler = Compiler(LOOKUP, FIRST_PARAMETER)
    parts = {
        "session": compiler.parameter(session, "text"),
        "types": compiler.parameter(types, "text[]"),
        "after": _behind(compiler, after, _FIRST_TOUCHED),
        "key_order": "key, document_id",
        **_page_parts(compiler, limit, include_body, limits),
    }
    return Statement(fill("session_page", parts), compiler.arguments)


class _Sort(msgspec.Struct, frozen=True):
    """SQL of what rows are sorted by, and its type; `before` are values that are equal in all of them."""

    key: str
    id: str
    type: str
    descending: bool = False
    before: tuple[str, ...] = ()

    @property
    def order(self) -> str:
        direction = " DESC" if self.descending else ""
        return ", ".join(f"{part}{direction}" for part in (*self.before, self.key, self.id))


_FIRST_TOUCHED = _Sort("touched.created_at", "touched.document_id", "timestamptz")


class _Builder:
    """Fills the statement of a page in; parameters are numbered in the order the parts are made."""

    def __init__(self, question: Question, limits: Limits, after: Cursor | None) -> None:
        self._question = question
        self._limits = limits
        self._after = after
        self._compiler = Compiler(LOOKUP, FIRST_PARAMETER)
        self._inside = self._sort(question.order)
        self._outside = msgspec.structs.replace(self._inside, key="key", before=())
        self._parts = {
            "key": self._inside.key,
            "order": self._inside.order,
            "key_order": self._outside.order,
            **_page_parts(self._compiler, question.limit, question.include_body, limits, question.projection),
        }

    @property
    def arguments(self) -> list[object]:
        return self._compiler.arguments

    def ordered(self, prefix: tuple[str, ...] | None) -> str:
        """Along the index that has the order, or by the index that knows the filter."""
        order, parts = self._question.order.subject.name, self._question.parts
        scope = [part for part in parts if _is_in_scope(part, prefix or (), order)]
        asked = [part for part in parts if part not in scope]
        lead = leads_to(asked, narrowing_lead(parts, self._question.indexes))
        return self._walked(sql_of(self._compiler, scope), asked, lead)

    def along(self, lead: Lead) -> str:
        """Along the declared index that has the order, or by another one that knows the rest of the filter."""
        parts = self._question.parts
        asked = [part for part in parts if part not in lead.found]
        other = narrowing_lead(parts, self._question.indexes)
        if other is not None and not any(part in other.found for part in asked):
            other = None
        return self._walked(lead.sql(self._compiler), asked, leads_to(asked, other))

    def _walked(self, scope: str, asked: list[Node], lead: Lead | None) -> str:
        compiler, most = self._compiler, self._limits.scanned + 1
        rest = unfound(asked, lead)
        self._parts["scope"] = f"({scope}) AND {_behind(compiler, self._after, self._inside)}"
        if not asked:
            return fill("list_page", self._parts)
        index = index_for(compiler, asked, lead)
        self._parts["walked"] = sql_of(compiler, asked) if rest or index is None or lead else index.condition
        self._parts["bound"] = compiler.parameter(most if rest else _UNBOUNDED, "bigint")
        if index is None:
            return fill("scan_page", self._parts)
        self._parts["narrowed"] = index.within(self._parts["scope"])
        self._parts["rest"] = sql_of(compiler, rest)
        self._parts["most"] = compiler.parameter(most, "bigint")
        self._parts["near"] = compiler.parameter(_NEAR * self._question.limit, "bigint")
        return fill("narrow_page", self._parts)

    def sorted(self) -> str:
        """What indexes find of the filter, sorted."""
        compiler, parts = self._compiler, self._question.parts
        lead = leads_to(parts, narrowing_lead(parts, self._question.indexes))
        index = index_for(compiler, parts, lead)
        self._parts["narrowed"] = "true" if index is None else index.within("true")
        self._parts["rest"] = sql_of(compiler, unfound(parts, lead))
        self._parts["after"] = _behind(compiler, self._after, self._outside)
        self._parts["bound"] = compiler.parameter(self._limits.scanned + 1, "bigint")
        return fill("sort_page", self._parts)

    def _sort(self, order: Order) -> _Sort:
        lead = self._question.ordering_lead
        if lead is not None:
            # With the paths as literals, word for word as in the index; and behind values that are all equal, which
            # PostgreSQL does not take for known under row-level security, and would sort again.
            *before, key = lead.index.keys[: len(lead.equal) + 1]
            return _Sort(key, "document_id", "jsonb", order.descending, tuple(before))
        if isinstance(order.subject, Attribute):
            key, type = LOOKUP.expressions[order.subject.name], _TYPES[order.subject.kind]
            return _Sort(key, "document_id", type, order.descending)
        column = LOOKUP.expressions[order.subject.source]
        scalars = self._compiler.parameter(jsonpath.first_scalar(order.subject), "jsonpath")
        place = self._compiler.parameter(jsonpath.path(order.subject), "jsonpath")
        key = f"octavo.sort_value({column}, {scalars}, {place})"
        return _Sort(key, "document_id", "jsonb", order.descending)


def _behind(compiler: Compiler, after: Cursor | None, sort: _Sort) -> str:
    """The condition that continues behind a cursor."""
    if after is None:
        return "true"
    key, id = (
        compiler.parameter(_sort_value(after, sort.type), sort.type),
        compiler.parameter(after.id, "uuid"),
    )
    return f"({sort.key}, {sort.id}) {'<' if sort.descending else '>'} ({key}, {id})"


def sort_value_text(key: object) -> str:
    """A sort value as a cursor carries it."""
    if isinstance(key, datetime):
        return key.isoformat()
    return key.decode() if isinstance(key, bytes) else str(key)


def fill(name: str, parts: Mapping[str, str]) -> str:
    """A statement of `find.sql` with its `{parts}` filled in."""
    pieces = list(_TEMPLATES[name])
    pieces[1::2] = [parts[part] for part in pieces[1::2]]
    return "".join(pieces)


def _page_parts(
    compiler: Compiler, limit: int, include_body: bool, limits: Limits, projection: bytes | None = None
) -> dict[str, str]:
    body = "stored.value"
    if projection is not None:
        body = f"octavo.project({body}, {compiler.parameter(projection, 'jsonb')})"
    return {
        "body": body,
        "limit": compiler.parameter(limit + 1, "bigint"),
        "with_body": compiler.parameter(include_body, "boolean"),
        "page_bytes": compiler.parameter(limits.page_bytes, "bigint"),
    }


def unfound(asked: list[Node], lead: Lead | None) -> list[Node]:
    """What has to be looked at, because no index finds it exactly."""
    found = [] if lead is None else lead.found
    return [part for part in asked if not is_found(part) and part not in found]


def _is_in_scope(part: Node, prefix: tuple[str, ...], order: str) -> bool:
    """Whether the index that has the order narrows to it: equality in front, or a range of the sort value."""
    if not isinstance(part, Condition) or isinstance(part.subject, Field):
        return False
    if part.operator == "eq":
        return part.subject.name in prefix
    return part.subject.name == order and part.operator in _RANGES


def _sort_value(cursor: Cursor, type: str) -> object:
    try:
        match type:
            case "timestamptz":
                return datetime.fromisoformat(cursor.key).astimezone(UTC)
            case "uuid":
                return UUID(cursor.key)
            case "integer":
                return max(min(int(cursor.key), _MAX_INTEGER), 0)
            case "jsonb":
                decode(cursor.key.encode())
                return cursor.key.encode()
    except ValueError as error:
        raise InvalidFilter(
            f"{str(cursor)[:60]!r} is not a cursor", remedy="use the text the page before returned"
        ) from error
    return cursor.key
