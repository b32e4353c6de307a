"""Queries of a tantivy index.

Every alternative is asked in each language that the organization has documents in: its terms together in one
passage, or, a hundred times weaker, anywhere in a document of several passages.

The text, which holds title, preview and description too, is scored by BM25. To a word that stands in one of these
three its rarity is added several times: more often than a word's frequency in the text can count, which is at most
2.2 times, and independent of how long titles are on the average, since most documents have no description at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from octavo.engines.search import tantivy_documents as stored
from octavo.engines.search.meaning import Asked, Meaning, meaning
from octavo.engines.search.prepared import GAP
from octavo.engines.search.tantivy_index import Snapshot, TantivyIndex, key
from octavo.engines.search.word_forms import WordForms
from octavo.roles.search import Query
from octavo.text.language import CONFIGURATIONS

WEIGHED = ("title", "preview", "description")
# How many times its rarity a word adds where it stands in what weighs 1: half of what BM25 counts it at most.
_RARITIES = 1.1
APART = 0.01
# Of a word that resembles one in a language without a dictionary: what stays of it, and what it is worth.
_STEM, _SHORTEST_STEM, _ROUGH = 0.6, 3, 0.05


async def asked(query: Query, snapshot: Snapshot, forms: WordForms) -> Meaning:
    """Look the words of a query up."""
    organization = query.organization
    has_rough = bool(snapshot.searcher.doc_freq("trait", stored.language_trait(organization, None)))
    return await meaning(query.words, _spoken(organization, snapshot), has_rough=has_rough, forms=forms)


def _spoken(organization: UUID, snapshot: Snapshot) -> Sequence[str]:
    """The text search configurations of an organization's documents."""
    if organization not in snapshot.languages:
        snapshot.languages[organization] = [
            configuration
            for configuration in CONFIGURATIONS
            if snapshot.searcher.doc_freq("trait", stored.language_trait(organization, configuration))
        ]
    return snapshot.languages[organization]


class Builder:
    """Makes the library's queries for one organization."""

    def __init__(self, index: TantivyIndex, query: Query, searcher: Any) -> None:
        self._searcher = searcher
        self._make = index.library.Query
        self._occur = index.library.Occur
        self._schema = index.schema
        self._query = query
        self._tag = stored.tag(query.organization)
        self._frequencies: dict[tuple[str, str], int] = {}

    def matching(self, meaning: Meaning) -> Any:
        """What matches: passages and wholes."""
        spoken = [
            terms
            for alternative in meaning.alternatives
            for terms in alternative
            if all(self._is_known(term, "text") for term in terms)
        ]
        wanted = [self._together(terms, bool(meaning.excluded)) for terms in spoken]
        wanted += [self._resembling(words) for words in meaning.rough if words]
        if self._has_long():
            wanted += [
                self._make.boost_query(self._all([self._term(term, "whole") for term in terms]), APART)
                for terms in spoken
                if len(terms) > 1 or meaning.excluded
            ]
        clauses = [(self._occur.Must, self._boosted(self._any(wanted))), *self._narrowed()]
        clauses += [
            (self._occur.MustNot, self._term(term, field))
            for term in meaning.excluded
            for field in ("text", "whole")
        ]
        return self._make.boolean_query(clauses)

    def _has_long(self) -> bool:
        """Whether there are documents of several passages."""
        return bool(self._searcher.doc_freq("trait", stored.whole_trait(self._query.organization)))

    def best_passage(self, meaning: Meaning, document: Any) -> Any:
        """The passages of a document, best first."""
        return self._make.boolean_query(
            [
                (self._occur.Must, self._silent("key", [key(self._query.organization, document)])),
                (
                    self._occur.Must,
                    self._silent("trait", [stored.passage_trait(self._query.organization)]),
                ),
                *((self._occur.Should, self._anywhere(term)) for term in meaning.terms),
            ]
        )

    def standing(self, meaning: Meaning, place: Any) -> dict[str, list[str]]:
        """Which of the words that are looked for stand in title, preview and description of a passage."""
        return {
            name: [part for part in WEIGHED if self._holds(query(part), place)]
            for name, query in self._words(meaning)
        }

    def _words(self, meaning: Meaning) -> Iterator[tuple[str, Callable[[str], Any]]]:
        for form in sorted(meaning.whole_forms):
            yield form, partial(self._make.term_query, self._schema, field_value=self._tag + form)
        for form in meaning.beginnings:
            yield f"{form}*", partial(self._beginning, word=self._tag + form)

    def _holds(self, query: Any, place: Any) -> bool:
        try:
            query.explain(self._searcher, place)
        except ValueError:  # the library tells so that the document does not match
            return False
        return True

    def _together(self, terms: Sequence[Asked], only_single: bool) -> Any:
        clauses = [(self._occur.Must, self._anywhere(term)) for term in terms]
        if only_single:
            # A passage does not know what stands in the others, so long documents are asked as a whole.
            single = stored.single_trait(self._query.organization)
            clauses.append((self._occur.Must, self._silent("trait", [single])))
        return self._make.boolean_query(clauses) if len(clauses) > 1 else clauses[0][1]

    def _anywhere(self, term: Asked) -> Any:
        """A term in a passage, worth more where it stands in what is weighed more."""
        rarity = self._rarity(term)
        weights = self._query.weights
        weighed = [
            (
                self._occur.Should,
                self._make.const_score_query(self._term(term, part), weight * _RARITIES * rarity),
            )
            for part in WEIGHED
            if (weight := getattr(weights, part)) > weights.text and self._is_known(term, part)
        ]
        text = self._term(term, "text")
        if weights.text != 1.0:
            text = self._make.boost_query(text, weights.text)
        return self._make.boolean_query([(self._occur.Must, text), *weighed])

    def _boosted(self, matching: Any) -> Any:
        """What matches, worth more or less by its type; each document is in one of the parts."""
        boosts = self._query.boosts
        if not boosts:
            return matching
        parts = [
            self._make.boost_query(self._all([matching, self._silent("type", [type])]), factor)
            for type, factor in boosts.items()
        ]
        others = [(self._occur.Must, matching), (self._occur.MustNot, self._silent("type", list(boosts)))]
        return self._any([*parts, self._make.boolean_query(others)])

    def _rarity(self, term: Asked) -> float:
        """The inverse document frequency of BM25, of a phrase the sum of its words'; 1 of a beginning."""
        if term.begins:
            return 1.0
        frequencies = [self._frequency(form, "text") for form in term.forms if form is not None]
        documents = self._searcher.num_docs
        return sum(math.log(1 + (max(documents - found, 0) + 0.5) / (found + 0.5)) for found in frequencies)

    def _is_known(self, term: Asked, field: str) -> bool:
        """Whether a field may have a term: what no document has in it need not be looked for."""
        whole = term.forms[: -1 if term.begins else None]
        return all(form is None or self._frequency(form, field) for form in whole)

    def _frequency(self, form: str, field: str) -> int:
        """How many documents of the index have a word in a field."""
        if (form, field) not in self._frequencies:
            self._frequencies[form, field] = self._searcher.doc_freq(field, self._tag + form)
        return self._frequencies[form, field]

    def _term(self, term: Asked, field: str) -> Any:
        words = [GAP if form is None else self._tag + form for form in term.forms]
        if len(words) == 1:
            if term.begins:
                return self._beginning(field, words[0])
            return self._make.term_query(self._schema, field, words[0])
        if term.begins:
            return self._make.phrase_prefix_query(self._schema, field, words)
        return self._make.phrase_query(self._schema, field, words)

    def _resembling(self, words: Sequence[str]) -> Any:
        stems = [word.lower()[: max(_SHORTEST_STEM, round(len(word) * _STEM))] for word in words]
        query = self._all([self._beginning("rough", self._tag + stem) for stem in stems])
        return self._make.const_score_query(query, _ROUGH)

    def _beginning(self, field: str, word: str) -> Any:
        """What begins so: a fuzzy term without an error, since a regular expression takes milliseconds to make."""
        return self._make.fuzzy_term_query(self._schema, field, word, distance=0, prefix=True)

    def _narrowed(self) -> list[tuple[Any, Any]]:
        given = {"namespace": self._query.namespaces, "type": self._query.types}
        return [
            (self._occur.Must, self._silent(field, names))
            for field, names in given.items()
            if names is not None
        ]

    def _silent(self, field: str, values: Sequence[str]) -> Any:
        """A demand that adds nothing to a score; the library's own set of terms would read all that have one."""
        terms = [self._make.term_query(self._schema, field, value) for value in values]
        return self._make.const_score_query(self._any(terms), 0.0)

    def _all(self, queries: Sequence[Any]) -> Any:
        if len(queries) == 1:
            return queries[0]
        return self._make.boolean_query([(self._occur.Must, query) for query in queries])

    def _any(self, queries: Sequence[Any]) -> Any:
        if len(queries) == 1:
            return queries[0]
        if not queries:
            return self._make.empty_query()
        return self._make.boolean_query([(self._occur.Should, query) for query in queries])
