"""Sentences and summaries: exactly what stands in the text, in its order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from octavo.components.sentences import sentences
from octavo.components.summarize import SummarizeConfig, summarize, summary_of
from octavo.errors import InvalidPipeline

TEXT = (
    "PostgreSQL keeps every version of a document. Each version is immutable and shares its body. "
    "Lunch was 3.5 EUR, said Dr. Smith. A tag points to one version of a document.\n\n"
    "Every version of a document can be read for ever! Backups hold all versions of all documents. It rained."
)


def test_sentences_stand_where_they_are_said_to():
    found = sentences(TEXT, "en")

    assert [one.text for one in found][2] == "Lunch was 3.5 EUR, said Dr. Smith."
    assert len(found) == 7
    assert all(TEXT[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(
    ("text", "language", "number"),
    [
        ("これは文です。次の文です。", "ja", 2),
        ("Das kostet z. B. 5 €. Der 3. Oktober ist frei.", "de", 2),
        ("¿Qué? ¡Nada! Fin.", "es", 3),
        ("A heading\n\nand a text. More", "en", 3),
        (" \n\n ", None, 0),
    ],
)
def test_sentences_are_told_apart_by_the_rules_of_their_language(text, language, number):
    assert len(sentences(text, language)) == number


@settings(max_examples=60)
@generated(st.text(st.sampled_from("Ab .!?\n\"'é。🎉1)"), max_size=60))
def test_sentences_of_any_text_hold_all_of_it_in_order(text):
    found = sentences(text, "en")

    assert all(text[one.start : one.end] == one.text for one in found)
    assert "".join("".join(one.text.split()) for one in found) == "".join(text.split())


def test_a_summary_consists_of_exact_sentences_of_the_text_in_their_order():
    """S0-142."""
    made = summary_of(TEXT, SummarizeConfig(sentences=2))

    spans = made.metadata["spans"]
    assert made.summary == " ".join(TEXT[start:end] for start, end in spans)
    assert spans == sorted(spans)
    assert len(spans) == 2
    assert made.ratio == pytest.approx(len(made.summary) / len(TEXT), abs=1e-4)


def test_what_says_most_is_in_it_and_what_is_beside_the_point_is_not():
    made = summary_of(TEXT, SummarizeConfig(sentences=3))

    assert "version" in made.summary
    assert "Lunch" not in made.summary
    assert "rained" not in made.summary


def test_a_summary_is_the_same_each_time():
    page = Path("ARCHITECTURE.md").read_text("utf-8")

    assert summary_of(page) == summary_of(page)


@pytest.mark.parametrize(("ratio", "sentences"), [(0.3, 2), (1.0, 7), (0.01, 1)])
def test_a_ratio_is_one_of_sentences(ratio, sentences):
    assert len(summary_of(TEXT, SummarizeConfig(ratio=ratio)).metadata["spans"]) == sentences


@pytest.mark.parametrize(("text", "summary"), [("", ""), ("Hi", "Hi"), ("One. Two.", "One. Two.")])
def test_a_short_text_is_its_own_summary(text, summary):
    assert summary_of(text).summary == summary


def test_the_step_reads_a_field(given):
    step = given({"title": "T", "text": TEXT})

    made = summarize.bind(summarize.configured({"field": "text", "sentences": 1}))(step)

    assert made.summary in TEXT


def test_two_lengths_are_refused():
    with pytest.raises(InvalidPipeline, match="give sentences or ratio, not both"):
        summarize.configured({"sentences": 2, "ratio": 0.5})
