"""Which loads count, when some were never known to be done."""

from __future__ import annotations

from uuid import UUID

import msgspec

from octavo.engines.vectors.qdrant_standing import MOST_VOID, announced, emptied, first, settled
from octavo.roles.state import NO_DOCUMENT, Cursor
from octavo.values.position import Position


def at(cursor: Cursor, xid: int) -> Cursor:
    return Cursor(cursor.generation, Position(0, 1, xid, 1))


def test_a_load_has_a_number_above_all_before_it() -> None:
    begun = first(0)

    one = announced(begun, at(begun.cursor, 1))
    other = announced(settled(one, at(begun.cursor, 1)), at(begun.cursor, 2))

    assert begun.floor <= begun.load < one.load < other.load


def test_a_load_that_was_settled_is_never_void() -> None:
    begun = first(0)
    one = settled(announced(begun, at(begun.cursor, 1)), at(begun.cursor, 1))

    other = settled(announced(one, at(begun.cursor, 2)), at(begun.cursor, 2))

    assert (other.unsettled, other.void) == ((), ())


def test_a_load_that_was_not_settled_counts_until_a_later_one_has_done_its_work() -> None:
    begun = first(0)
    lost = announced(begun, at(begun.cursor, 5))
    again = announced(lost, at(begun.cursor, 3))

    halfway = settled(again, at(begun.cursor, 3))
    done = settled(announced(halfway, at(begun.cursor, 7)), at(begun.cursor, 7))

    assert [one.load for one in halfway.unsettled] == [lost.load]
    assert halfway.void == ()
    assert (done.unsettled, done.void) == ((), (lost.load,))


def test_a_load_that_does_not_move_the_cursor_is_never_void() -> None:
    """Nobody does a repair again, so what it wrote before it broke off counts."""
    begun = first(0)
    repair = announced(begun, begun.cursor)

    done = settled(announced(repair, at(begun.cursor, 9)), at(begun.cursor, 9))

    assert done.void == ()


def test_the_scan_comes_before_the_log() -> None:
    begun = first(0)
    half = msgspec.structs.replace(at(begun.cursor, 1), scanned=(UUID(int=1), UUID(int=5)))
    scanning = announced(settled(announced(begun, half), half), at(begun.cursor, 1))

    done = settled(announced(scanning, at(begun.cursor, 1)), at(begun.cursor, 1))

    assert begun.cursor.scanned == NO_DOCUMENT
    assert done.void == (scanning.load,)


def test_a_new_generation_leaves_every_earlier_load_below_its_floor() -> None:
    lost = announced(first(0), at(first(0).cursor, 1))

    begun = emptied(lost)

    assert begun.floor > lost.load
    assert begun.cursor.generation != lost.cursor.generation
    assert begun.unsettled == ()


def test_so_many_void_loads_are_remembered_and_no_more() -> None:
    standing = first(0)
    for xid in range(MOST_VOID + 5):
        after = at(standing.cursor, xid)
        lost = announced(standing, after)
        standing = settled(announced(lost, after), after)

    assert len(standing.void) == MOST_VOID
