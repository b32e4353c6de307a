"""The suite of search engines, on every engine there is; and queries nobody thinks of."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.errors import InvalidInput, LimitExceeded
from octavo.search.parse import parse
from octavo.testing.search_engine import Library, SearchEngineSuite


class TestSearchEngines(SearchEngineSuite):
    pass


@given(text=st.text(max_size=60))
@settings(max_examples=60)
async def test_no_query_that_can_be_read_is_an_error(library: Library, text: str) -> None:
    try:
        parse(text)
    except (InvalidInput, LimitExceeded):
        return
    assert await library.ids(text) == []
