"""The conformance suite of search engines: what whoever uses one relies on.

    from octavo.testing.search_engine import Library, SearchEngineSuite

    class TestMyEngine(SearchEngineSuite):
        pass

The suite asks for two fixtures: `library` and `other`, two organizations of one record and one engine, each a
`Library` of its own; and for asyncio tests in one event loop (pytest-asyncio in auto mode). Matches, filters,
pages, counts and isolation must be as the suite says; scores may differ.
"""

from octavo.testing.search_engine.comparing import Comparing
from octavo.testing.search_engine.counting import Counting
from octavo.testing.search_engine.library import Library, marked
from octavo.testing.search_engine.matching import Matching
from octavo.testing.search_engine.ranking import Ranking
from octavo.testing.search_engine.state import State

__all__ = ["Library", "SearchEngineSuite", "marked"]


class SearchEngineSuite(Matching, Ranking, State, Comparing, Counting):
    """Everything an engine of the search role must do."""
