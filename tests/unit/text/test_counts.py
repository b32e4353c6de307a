"""The published counting rule, on texts whose counts a person can check, and against UAX #29."""

from __future__ import annotations

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from octavo.text.counts import Counts, count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one", 1),
        ("  two   words\n", 2),
        ("don't stop at 3.14, well-known user@example.org", 6),
        ("a \u2013 b", 2),
        ("--- *** ...", 0),
        ("Die Straße führt „irgendwohin“.", 4),
        ("Дорога ведёт через мост", 4),
        ("हिन्दी में लिखा", 3),
        ("안녕하세요 세계", 2),
        ("漢字", 2),
        ("日本語のテキスト。", 8),
        ("Octavoは速い", 4),
        ("hello 👋 world", 2),
        ("สวัสดี\u200bโลก", 2),
        ("x²\u00a0y", 2),
        ("m\u0301a", 1),
    ],
)
def test_words_are_what_stands_between_white_space_and_each_ideograph_is_one(text, words):
    """S0-080"""
    assert count(text).words == words


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("", 0),
        ("abc", 3),
        ("a\r\nb", 3),
        ("e\u0301tude", 5),
        ("👋", 1),
        ("👋🏽", 1),
        ("👩‍👩‍👧‍👦!", 2),
        ("❤️", 1),
        ("🇩🇪🇫🇷", 2),
        ("🇩🇪🇫", 2),
        ("🏴\U000e0067\U000e0062\U000e007f", 1),
        ("नमस्ते", 4),
        ("\u1112\u1161\u11ab", 1),
        ("漢字です", 4),
        ("\n\u0301", 2),
        ("\ud800", 1),
    ],
)
def test_characters_are_what_a_reader_sees_as_one(text, characters):
    """S0-080"""
    assert count(text).characters == characters


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("", 0),
        ("\n\n  \n", 0),
        ("one\nline after line", 1),
        ("one\n\ntwo", 2),
        ("one\r\n\r\ntwo\r\n", 2),
        ("one\n \t \n\n\ntwo\n\nthree", 3),
        ("\n\none", 1),
        ("…\n\n— — —", 2),
        ("漢\n\n字", 2),
    ],
)
def test_paragraphs_are_separated_by_blank_lines(text, paragraphs):
    """S0-080"""
    assert count(text).paragraphs == paragraphs


@given(st.text(alphabet="aé漢नि字क्👩🏽\u200d👧🇩🇪.- \r\n\u1112\u1161\u11abßЖ0_", max_size=40))
def test_what_is_counted_does_not_depend_on_the_way_it_is_classified(text):
    """Western text is classified by a codec, other text point by point: one letter forces the other way."""
    western, other = count(text + " z"), count(text + " ж")

    assert western == other


_READ_AS_ONE = [
    "a",
    " ",
    "é",
    "\n",
    "\u0301",
    "漢",
    "नि",
    "👩",
    "👧🏽",
    "❤\ufe0f",
    "👩\u200d👧",
    "🇩🇪",
    "\u1112\u1161\u11ab",
]


@given(st.lists(st.sampled_from(_READ_AS_ONE), max_size=20).map("".join))
def test_characters_agree_with_the_clusters_of_uax_29(text):
    clusters = regex.findall(r"\X", text)

    assert count(text).characters == len(clusters)


def test_a_piece_boundary_changes_nothing():
    text = "don't\r\n\r\né 👩‍👧 漢 " * 20_000

    assert count(text) == Counts(words=3 * 20_000, characters=13 * 20_000, paragraphs=20_001)


def test_twenty_megabytes_of_ascii_take_less_than_a_second():
    text = "The road leads over the bridge, and nobody knows where to.\n" * 340_000

    start = time.process_time()
    words = count(text).words

    assert words == 11 * 340_000
    assert time.process_time() - start < 1.0
