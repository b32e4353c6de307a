"""Going through all documents that a filter holds for, piece by piece: never refused, each piece bounded.

Where `find` refuses a question that no index helps with, a walk gives what it found so far and goes on from where it
looked last. So it can be interrupted and gone on with anywhere, by anybody.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from octavo.store.find import as_filter, fetch, within
from octavo.store.question import Question, page_statement, sort_value_text
from octavo.store.scope import Scope
from octavo.values.condition import Attribute, Condition, Every, Filter
from octavo.values.order import parse_order
from octavo.values.page import Cursor, parse_cursor

_BY_AGE, _BY_ID = "@created_at", "@id"


class Piece(msgspec.Struct, frozen=True):
    """Documents of a walk, and where it goes on; None: that was the end."""

    ids: list[UUID]
    cursor: str | None


def question(scope: Scope, type: str | None, where: dict[str, object] | None, until: datetime) -> Question:
    """What a walk asks: documents of the scope's namespace that were there at a moment.

    Raises:
        InvalidFilter.
    """
    asked = within(as_filter(where), type, None, scope)
    there = Condition(Attribute(_BY_AGE), "lte", until)
    walked = Question(
        filter=Filter(Every((asked.root, there))),
        order=parse_order(_BY_AGE),
        limit=scope.limits.page,
        include_body=False,
    )
    if walked.has_order:
        return walked
    return msgspec.structs.replace(walked, order=parse_order(_BY_ID))


async def walk(scope: Scope, asked: Question, cursor: str) -> Piece:
    """The next documents, a page at most, each as it is now.

    Args:
        cursor: where the piece before ended; empty at the beginning.
    """
    after = parse_cursor(cursor, asked.fingerprint) if cursor else None
    rows = await fetch(scope, page_statement(asked, scope.limits, after))
    page = rows[: asked.limit]
    is_cut = bool(page) and page[-1]["refused"]
    found = page[:-1] if is_cut else page
    ids = [row["id"] for row in found if not row["has_expired"]]
    if not page or (not is_cut and page[0]["candidates"] <= len(page)):
        return Piece(ids, None)
    last = page[-1]
    # The last row only says how far was looked, and has not been asked itself: the next piece begins with it.
    behind = UUID(int=last["id"].int - 1) if is_cut else last["id"]
    return Piece(ids, str(Cursor(asked.fingerprint, sort_value_text(last["key"]), behind)))
