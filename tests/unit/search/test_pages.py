"""Cursors of search pages."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import InvalidFilter
from octavo.roles.search import Place
from octavo.search import pages

MARK = pages.fingerprint("refund", None)


@given(st.integers(0, 1), st.floats(width=32, allow_nan=False) | st.binary(max_size=50), st.uuids())
def test_a_cursor_is_read_back_exactly(band, value, id):
    place = Place(band, value, id)

    assert pages.read(pages.write(place, MARK), MARK) == place


def test_a_cursor_of_another_query_is_refused():
    cursor = pages.write(Place(0, 0.5, uuid.UUID(int=1)), pages.fingerprint("return", None))

    with pytest.raises(InvalidFilter, match="another query"):
        pages.read(cursor, MARK)


@pytest.mark.parametrize("cursor", ["", "x", "é", "not a cursor", "gaFhoWI", "=" * 9])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(InvalidFilter, match="not a cursor"):
        pages.read(cursor, MARK)
