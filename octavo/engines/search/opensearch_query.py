"""Queries of an OpenSearch index.

Every alternative is asked in each language that the organization has documents in: its terms together in one
passage, or, a hundred times weaker, anywhere in a document.

A passage, which holds title, preview and description too if it is the first, is scored by BM25. A word that stands
in one of these three adds its rarity several times: more often than its frequency in a passage can count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from octavo.engines.search.meaning import Asked, Meaning
from octavo.engines.search.opensearch_documents import DOCUMENT, fitting, key, mark
from octavo.engines.search.prepared import GAP
from octavo.errors import LimitExceeded
from octavo.roles.search import Query

Clause = dict[str, Any]

_TEXT = "passages.text"

WEIGHED = ("title", "preview", "description")
# How many times its rarity a word adds where it stands in what weighs 1: somewhat more than it can in a passage.
_RARITIES = 1.1
# What OpenSearch takes at most, unless it is told otherwise, with some to spare.
MOST_CLAUSES = 1_000
APART = 0.01
# Of a word that resembles one in a language without a dictionary: what stays of it, and what it is worth.
_STEM, _SHORTEST_STEM, _ROUGH = 0.6, 3, 0.05
# Words that the last one of a phrase may become.
_CONTINUATIONS = 500
# Passages of a document from which the one to show is taken.
_BEST = 3


class Builder:
    """Makes queries for one organization.

    Args:
        query: whose, and what narrows it.
        meaning: what it means there.
    """

    def __init__(self, query: Query, meaning: Meaning) -> None:
        self._query = query
        self._meaning = meaning
        self._mark = mark(query.organization)

    def matching(self) -> Clause:
        """What matches.

        Raises:
            LimitExceeded: in the languages of the organization the query has too many words.
        """
        meaning = self._meaning
        groups = [terms for alternative in meaning.alternatives for terms in alternative]
        wanted = [self._together(terms) for terms in groups]
        wanted += [self._apart(terms) for terms in groups if len(terms) > 1]
        wanted += [_in_passage(self._resembling(words)) for words in meaning.rough if words]
        excluded = [_in_passage(self._term(term, _TEXT)) for term in meaning.excluded]
        scored = self._boosted(_any(wanted))
        query = {"bool": {"must": [scored], "must_not": excluded, "filter": self._narrowed()}}
        _demand_few_clauses(query)
        return query

    def together(self) -> Clause:
        """What a passage has that matches by itself."""
        meaning = self._meaning
        groups = [terms for alternative in meaning.alternatives for terms in alternative]
        wanted = [_all([self._term(term, _TEXT) for term in terms]) for terms in groups]
        return _any([*wanted, *(self._resembling(words) for words in meaning.rough if words)])

    def anything(self) -> Clause:
        """What a passage has of the query, which may be nothing."""
        wanted = [self._term(term, _TEXT) for term in self._meaning.terms]
        return {"bool": {"must": [{"match_all": {"boost": 0.0}}], "should": wanted}}

    def best_passages(self, documents: Sequence[UUID], having: Clause) -> Clause:
        """These documents, with their best passages that have something as inner hits."""
        keys = [key(self._query.organization, document) for document in documents]
        inner = {"size": _BEST, "_source": ["passages.shown"]}
        passages = _in_passage(having, inner_hits=inner)
        told = self.standing() if self._query.explain else []
        return {"bool": {"filter": [{"ids": {"values": keys}}], "must": [passages], "should": told}}

    def standing(self) -> list[Clause]:
        """Which words stand in title, preview and description of a document, as names of what matches it."""
        asked = [("term", form, form) for form in sorted(self._meaning.whole_forms)]
        asked += [("prefix", form, f"{form}*") for form in self._meaning.beginnings]
        return [
            {kind: {part: {"value": fitting(self._mark + form), "boost": 0.0, "_name": f"{part}:{name}"}}}
            for kind, form, name in asked
            for part in WEIGHED
        ]

    def _boosted(self, scored: Clause) -> Clause:
        """What matches, worth more or less by its type."""
        if not self._query.boosts:
            return scored
        functions = [
            {"filter": {"term": {"type": type}}, "weight": factor}
            for type, factor in self._query.boosts.items()
        ]
        return {"function_score": {"query": scored, "functions": functions, "boost_mode": "multiply"}}

    def _together(self, terms: Sequence[Asked]) -> Clause:
        weights = self._query.weights
        weighed = [
            self._term(term, part, boost=weight * _RARITIES)
            for term in terms
            for part in WEIGHED
            if (weight := getattr(weights, part)) > weights.text
        ]
        passage = _in_passage(_all([self._term(term, _TEXT, boost=weights.text) for term in terms]))
        return {"bool": {"must": [passage], "should": weighed}}

    def _apart(self, terms: Sequence[Asked]) -> Clause:
        boost = APART * self._query.weights.text
        anywhere = [_in_passage(self._term(term, _TEXT, boost=boost)) for term in terms]
        return {"bool": {"must": anywhere}}

    def _term(self, term: Asked, field: str, boost: float = 1.0) -> Clause:
        words = [GAP if form is None else self._mark + form for form in term.forms]
        words = [fitting(word) for word in words]
        if len(words) == 1:
            return {"prefix" if term.begins else "term": {field: {"value": words[0], "boost": boost}}}
        asked: dict[str, Any] = {"query": " ".join(words), "boost": boost}
        if term.begins:
            return {"match_phrase_prefix": {field: {**asked, "max_expansions": _CONTINUATIONS}}}
        return {"match_phrase": {field: asked}}

    def _resembling(self, words: Sequence[str]) -> Clause:
        stems = [word.lower()[: max(_SHORTEST_STEM, round(len(word) * _STEM))] for word in words]
        begin = [{"prefix": {"passages.rough": {"value": self._mark + stem}}} for stem in stems]
        return {"constant_score": {"filter": _all(begin), "boost": _ROUGH}}

    def _narrowed(self) -> list[Clause]:
        given = {"namespace": self._query.namespaces, "type": self._query.types}
        return [
            {"term": {"kind": DOCUMENT}},
            {"term": {"organization": self._query.organization.hex}},
            *({"terms": {field: list(names)}} for field, names in given.items() if names is not None),
        ]


def _in_passage(query: Clause, **inner: Clause) -> Clause:
    return {"nested": {"path": "passages", "score_mode": "max", "query": query, **inner}}


def _all(queries: Sequence[Clause]) -> Clause:
    return queries[0] if len(queries) == 1 else {"bool": {"must": list(queries)}}


def _any(queries: Sequence[Clause]) -> Clause:
    if not queries:
        return {"match_none": {}}
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _demand_few_clauses(query: Clause) -> None:
    if (found := _clauses(query)) > MOST_CLAUSES:
        raise LimitExceeded(
            f"in the languages of the documents the query has {found} parts",
            remedy="search for fewer words at once",
            limit=MOST_CLAUSES,
            actual=found,
        )


def _clauses(query: Any) -> int:
    """How many queries of words are in it."""
    if isinstance(query, list):
        return sum(map(_clauses, query))
    if not isinstance(query, dict):
        return 0
    return sum(1 if name in _LEAVES else _clauses(inner) for name, inner in query.items())


_LEAVES = {"term", "terms", "prefix", "match_phrase", "match_phrase_prefix"}
