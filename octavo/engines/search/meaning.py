"""What a query means in the languages of an organization: words in the forms an index outside the record holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import msgspec

from octavo.engines.search import lexemes, marking
from octavo.engines.search.word_forms import PLAIN, Forms, WordForms, asked_words_of
from octavo.roles.search import Term, Words


class Asked(msgspec.Struct, frozen=True):
    """A term as a language indexes it: its words with gaps, and whether the last one may go on."""

    forms: tuple[str | None, ...]
    begins: bool


class Meaning(msgspec.Struct, frozen=True, dict=True):
    """What a query means in the languages of its organization.

    Attributes:
        alternatives: for each alternative and language, the terms that all must match.
        excluded: terms none of which may match.
        rough: for each alternative, the words that documents without a dictionary may resemble.
    """

    alternatives: Sequence[Sequence[Sequence[Asked]]]
    excluded: Sequence[Asked]
    rough: Sequence[Sequence[str]]

    @cached_property
    def terms(self) -> list[Asked]:
        """All that is looked for, once each."""
        return list({term: None for one in self.alternatives for terms in one for term in terms})

    @cached_property
    def whole_forms(self) -> set[str]:
        """The words that are looked for as they are."""
        return {form for term in self.terms for form in term.forms[: -1 if term.begins else None] if form}

    @cached_property
    def beginnings(self) -> tuple[str, ...]:
        """The beginnings of words that are looked for."""
        return tuple(form for term in self.terms if term.begins and (form := term.forms[-1]))


async def meaning(
    words: Words, configurations: Sequence[str], *, has_rough: bool, forms: WordForms
) -> Meaning:
    """Look the words of a query up.

    Args:
        configurations: text search configurations of the organization's documents.
        has_rough: whether it has documents in languages without one.
    """
    every = [*configurations, PLAIN]
    return Meaning(
        [await _in_languages(terms, every, forms) for terms in words.alternatives],
        [asked for term in words.excluded for [asked] in await _in_languages([term], every, forms)],
        [lexemes.resembling_words(terms) if has_rough else [] for terms in words.alternatives],
    )


def marked(text: str, forms: Forms, asked: Meaning) -> str:
    """A passage with its matching words between marks.

    Args:
        forms: those of its words that differ from the words.
    """
    whole, beginnings = asked.whole_forms, asked.beginnings
    inflected = {
        word
        for word, form in forms.items()
        if form and (form in whole or (beginnings and form.startswith(beginnings)))
    }
    plain = {word for word in whole if forms.get(word, word) in whole}
    return marking.marked(text, inflected | plain, beginnings)


async def _in_languages(
    terms: Sequence[Term], configurations: Iterable[str], forms: WordForms
) -> list[list[Asked]]:
    """The terms in each language that has words for them; languages that agree are one."""
    divided = [(asked_words_of(term.text), lexemes.is_beginning(term)) for term in terms]
    every = {word for words, _ in divided for word in words}
    found: dict[tuple[Asked, ...], None] = {}
    for configuration in configurations:
        known = await forms.of(configuration, every)
        asked = tuple(_asked([known[word] for word in words], begins) for words, begins in divided)
        if spoken := tuple(term for term in asked if term.forms):
            found[spoken] = None
    return [list(one) for one in found]


def _asked(forms: list[str | None], begins: bool) -> Asked:
    spoken = [at for at, form in enumerate(forms) if form is not None]
    if not spoken:
        return Asked((), False)
    return Asked(tuple(forms[spoken[0] : spoken[-1] + 1]), begins and forms[-1] is not None)
