"""Finding documents: by filter, in an order, page by page; counting them; and what a session touched.

One statement a page: candidates by the indexes of `document_filter`, then those documents by key. What no index
finds is looked at, `Limits.scanned` documents at most; a question that would need more is refused, with what to
declare or add, and never answered in part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import structs

from octavo.errors import Contention, InvalidFilter, InvalidInput, LimitExceeded
from octavo.postgres.pool import Pool, Row
from octavo.store.explain import explain
from octavo.store.filters import conjuncts, is_found
from octavo.store.leads import TypeIndex, asked_type
from octavo.store.question import (
    Question,
    Statement,
    count_statement,
    page_statement,
    session_statement,
    sort_value_text,
)
from octavo.store.rows import document_from_row
from octavo.store.scope import Scope
from octavo.values.condition import Attribute, Condition, Every, Filter
from octavo.values.document import Document
from octavo.values.filter import parse
from octavo.values.order import parse_order
from octavo.values.page import Cursor, Page, fingerprint, parse_cursor
from octavo.values.plan import Plan
from octavo.values.projection import parse_projection

Bind = Callable[[], Awaitable[Scope]]
NEWEST_FIRST = "-@created_at"
PAGE = 100
_BODY_NOT_READ = b""
_INVALID_REGULAR_EXPRESSION = "2201B"


class Found:
    """The documents a question finds: `async for` gives them, `page()` a page, `pages()` page after page to the end.

    Nothing is sent before one of them is asked for; every page is one statement.
    """

    def __init__(
        self, bind: Bind, question: Callable[[Scope], Question], cursor: str | None, limit: int | None
    ) -> None:
        self._bind = bind
        self._cursor = cursor
        self._limit = limit
        self.question = question

    async def page(self) -> Page:
        """The page at the cursor, or the first one."""
        return await self._page_at(self._cursor)

    async def pages(self) -> AsyncIterator[Page]:
        """Page after page, from the cursor on."""
        page = await self._page_at(self._cursor)
        yield page
        while page.cursor is not None:
            page = await self._page_at(page.cursor)
            yield page

    async def first(self) -> Document | None:
        """The first document, or None."""
        scope = await self._bind()
        page = await find_page(scope, structs.replace(self.question(scope), limit=1), self._cursor)
        return page.documents[0] if page.documents else None

    async def ids(self) -> AsyncIterator[UUID]:
        """The ids of the documents, page by page, without their bodies."""
        scope, cursor = await self._bind(), self._cursor
        question = structs.replace(self.question(scope), include_body=False)
        given = 0
        while True:
            page = await find_page(scope, question, cursor)
            for document in page.documents[: self._left(given)]:
                yield document.id
            given += len(page.documents)
            if page.cursor is None or self._left(given) == 0:
                return
            cursor = page.cursor

    async def explain(self) -> Plan:
        """How the page at the cursor is found: it is executed, and its documents are thrown away."""
        scope = await self._bind()
        question = self.question(scope)
        after = None if self._cursor is None else parse_cursor(self._cursor, question.fingerprint)
        return await explain(scope, page_statement(question, scope.limits, after))

    async def __aiter__(self) -> AsyncIterator[Document]:
        given = 0
        async for page in self.pages():
            for document in page.documents[: self._left(given)]:
                yield document
            given += len(page.documents)
            if self._left(given) == 0:
                return

    def _left(self, given: int) -> int | None:
        """How many documents are still wanted; None for all there are."""
        return None if self._limit is None else max(self._limit - given, 0)

    async def _page_at(self, cursor: str | None) -> Page:
        scope = await self._bind()
        return await find_page(scope, self.question(scope), cursor)


def find(
    bind: Bind,
    type: str | None = None,
    *,
    where: Mapping[str, Any] | Filter | None = None,
    order: str = NEWEST_FIRST,
    limit: int | None = None,
    cursor: str | None = None,
    namespace: str | None = None,
    include_body: bool = True,
    fields: Sequence[str] | None = None,
) -> Found:
    """Documents of a type, or of all types, for which a filter holds.

    Args:
        where: see `octavo.values.filter`.
        order: see `octavo.values.order`; documents equal in it are ordered by id.
        limit: documents at most; None for all, in pages of 100. `pages()` alone goes on behind them, in pages of so
            many. A page ends earlier when its bodies add up to `Limits.page_bytes`.
        cursor: where the page before ended.
        namespace: None for the scope's own, unless the filter asks for @namespace.
        include_body: without it no body is read, and `Document.body` is refused.
        fields: only these of the body are sent, see `octavo.values.projection`.

    Raises:
        InvalidFilter: at once for a filter or order that means nothing; with the page for a strange cursor.
        LimitExceeded: with the page, when more documents would have to be looked at or sorted than
            `Limits.scanned`; names what to declare or add.
    """
    asked, ordered = as_filter(where), parse_order(order)
    if fields is not None and not include_body:
        raise InvalidInput("fields of a body that is not read", remedy="leave fields or include_body out")
    projection = None if fields is None else parse_projection(fields)

    def question(scope: Scope) -> Question:
        wanted = PAGE if limit is None else limit
        _check_limit(wanted, scope)
        whole = within(asked, type, namespace, scope)
        indexes = scope.types.ready(asked_type(conjuncts(whole.root)))
        return Question(
            filter=whole,
            order=ordered,
            limit=wanted,
            include_body=include_body,
            projection=projection,
            indexes=indexes,
        )

    return Found(bind, question, cursor, limit)


async def find_page(scope: Scope, question: Question, cursor: str | None = None) -> Page:
    """One page of a question."""
    page = await _one_page(scope, question, cursor)
    # A page of which everything has expired, and the sweep has not come yet, is none.
    while not page.documents and page.cursor is not None:
        page = await _one_page(scope, question, page.cursor)
    return page


async def _one_page(scope: Scope, question: Question, cursor: str | None) -> Page:
    after = None if cursor is None else parse_cursor(cursor, question.fingerprint)

    def statement(indexes: tuple[TypeIndex, ...]) -> Statement:
        if after is not None:
            return page_statement(structs.replace(question, indexes=indexes), scope.limits, after)
        return scope.statements.given(
            question.key(scope.limits),
            indexes,
            lambda: page_statement(structs.replace(question, indexes=indexes), scope.limits, None),
        )

    rows = await _answered(scope, statement, question.indexes)
    # The last row may be the mark that says where looking ended: a page that is full by then is a page.
    if rows and (rows[0]["refused"] or (rows[-1]["refused"] and len(rows) <= question.limit)):
        raise _too_many(scope, question)
    return _page(scope, rows, question.limit, question.include_body, lambda: question.fingerprint)


async def count(
    scope: Scope,
    type: str | None = None,
    *,
    where: Mapping[str, Any] | Filter | None = None,
    namespace: str | None = None,
    cap: int | None = None,
) -> int:
    """For how many documents a filter holds, exactly; counting stops at `cap`, if one is given.

    Raises:
        InvalidFilter, LimitExceeded: as `find`.
    """
    whole = within(as_filter(where), type, namespace, scope)
    indexes = scope.types.ready(asked_type(conjuncts(whole.root)))
    (row,) = await _answered(scope, lambda known: count_statement(whole, scope.limits, cap, known), indexes)
    total: int = row["total"] if cap is None else min(row["total"], cap)
    if row["refused"] and total != cap:
        raise refused(scope, whole, "counting documents")
    return total


async def _answered(
    scope: Scope, statement: Callable[[tuple[TypeIndex, ...]], Statement], indexes: tuple[TypeIndex, ...]
) -> Sequence[Row]:
    """The rows of a statement that uses declared indexes; without them, if one was dropped meanwhile."""
    try:
        return await fetch(scope, statement(indexes))
    except Contention as error:
        if not error.fields.get("is_index_gone"):
            raise
        scope.types.forget_ready()
        if not isinstance(scope.runner, Pool):
            raise  # a transaction has failed with it
        return await fetch(scope, statement(()))


async def get_by_session(
    scope: Scope,
    session: str,
    *,
    types: Sequence[str] | None = None,
    include_body: bool = False,
    limit: int = 100,
    cursor: str | None = None,
) -> Page:
    """Live documents with a version made in a session, in the order in which the session first made one.

    They are given as they are now, from all namespaces of the organization.

    Args:
        session: the id the changes were recorded with.
        types: only these; None for all.
        limit: documents of the page.
        cursor: where the page before ended.
    """
    _check_limit(limit, scope)
    asked = fingerprint("session", session, *(types or ()))
    after = None if cursor is None else parse_cursor(cursor, asked)
    wanted = None if types is None else list(types)
    statement = session_statement(
        session, after, scope.limits, types=wanted, include_body=include_body, limit=limit
    )
    return _page(scope, await fetch(scope, statement), limit, include_body, lambda: asked)


def as_filter(where: Mapping[str, Any] | Filter | None) -> Filter:
    """A filter, parsed if it was not."""
    if isinstance(where, Filter):
        return where
    return Filter() if where is None else parse(where)


def within(asked: Filter, type: str | None, namespace: str | None, scope: Scope) -> Filter:
    """The filter with the type and the namespace of the call."""
    parts = [asked.root]
    if type is not None:
        parts.append(Condition(Attribute("@type"), "eq", type))
    names_one = any(condition.subject == Attribute("@namespace") for condition in asked.conditions)
    if namespace is not None or not names_one:
        parts.append(Condition(Attribute("@namespace"), "eq", namespace or scope.namespace))
    return Filter(Every(tuple(parts)))


def _check_limit(limit: int, scope: Scope) -> None:
    if limit < 1:
        raise InvalidInput(f"limit is {limit}", remedy="ask for at least one document")
    if limit > scope.limits.page:
        raise LimitExceeded(
            f"a page of {limit} documents",
            remedy=f"the limit is {scope.limits.page}: ask for several pages",
            limit=scope.limits.page,
            actual=limit,
        )


async def fetch(scope: Scope, statement: Statement) -> Sequence[Row]:
    """The rows of a question's statement; raises `InvalidFilter` for a pattern that is no regular expression."""
    try:
        return await scope.runner.fetch(statement.text, scope.organization, *statement.arguments)
    except InvalidInput as error:
        if error.fields.get("sqlstate") != _INVALID_REGULAR_EXPRESSION:
            raise
        raise InvalidFilter(
            "the pattern of $regex is no regular expression", remedy="mend the pattern"
        ) from error


def _page(
    scope: Scope, rows: Sequence[Row], limit: int, include_body: bool, question: Callable[[], str]
) -> Page:
    body = None if include_body else _BODY_NOT_READ
    page = rows[:limit]
    documents = [document_from_row(row, scope.shard, body=body) for row in page if not row["has_expired"]]
    if not page or page[0]["candidates"] <= len(page):
        return Page(documents, None)
    last = page[-1]
    return Page(documents, str(Cursor(question(), sort_value_text(last["key"]), last["id"])))


def _too_many(scope: Scope, question: Question) -> LimitExceeded:
    if not question.has_order:
        return refused(scope, question.filter, "ordering documents", question.order.subject.name)
    return refused(scope, question.filter, "finding documents")


def _declaration(asked: Filter, name: str) -> str:
    """What to write so that an index knows a field."""
    type = asked_type(conjuncts(asked.root))
    if type is None:
        return f"declare an index on the field {name!r} of a type and ask for this type"
    if not name.isidentifier():
        return f"declare an index on the field {name!r} of {type}: `__indexes__ = [CompositeIndex({name!r})]`"
    return f"declare an index on the field {name!r} of {type}: `{name}: Annotated[…, octavo.Index()]`"


def refused(scope: Scope, asked: Filter, doing: str, order: str | None = None) -> LimitExceeded:
    """The error of a question that no index can answer: what it does not know, and what to do about it."""
    most = scope.limits.scanned
    parts = [part for part in asked.conditions if not is_found(part)]
    names = list(dict.fromkeys([*([order] if order else []), *(part.subject.name for part in parts)]))
    fields = [name for name in names if not name.startswith("@")]
    declare = f", or {_declaration(asked, fields[0])}" if fields else ""
    return LimitExceeded(
        f"{doing} by {' and '.join(names)} would have to look at more than {most} documents",
        remedy=f"narrow it by a namespace, a type or an equal field{declare}",
        limit=most,
        names=names,
    )
