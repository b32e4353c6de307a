"""Which facets may be asked for."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidFilter, LimitExceeded
from octavo.search.facets import MAX_FACETS, MAX_VALUES, Asked, parse


def test_a_facet_is_an_attribute_or_a_path_of_body_or_metadata() -> None:
    assert parse(["@type", "status", "address.city", "@metadata.team"], 10) == [
        Asked("@type", "@type", ()),
        Asked("status", "", ("status",)),
        Asked("address.city", "", ("address", "city")),
        Asked("@metadata.team", "@metadata", ("team",)),
    ]


@pytest.mark.parametrize("name", ["@created_at", "@id", "@unknown"])
def test_what_differs_in_every_document_or_is_unknown_is_refused(name: str) -> None:
    with pytest.raises(InvalidFilter):
        parse([name], 10)


@pytest.mark.parametrize(("number", "values"), [(MAX_FACETS + 1, 10), (1, 0), (1, MAX_VALUES + 1)])
def test_facets_and_values_have_limits(number: int, values: int) -> None:
    with pytest.raises(LimitExceeded):
        parse(["status"] * number, values)
