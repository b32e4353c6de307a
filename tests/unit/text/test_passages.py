"""Passages cover a text, end where a reader would end them, and stay small whatever comes."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import InvalidInput
from octavo.text.passages import TARGET_CHARACTERS, split

_TEXTS = st.text(alphabet="ab.!? \n\r\u0301漢。」👩\u200d", max_size=300)


@given(_TEXTS, st.integers(16, 40), st.integers(0, 8))
def test_offsets_are_exact_and_lengths_are_kept(text, target, overlap):
    passages = split(text, target_characters=target, overlap_characters=overlap)

    assert [passage.ordinal for passage in passages] == list(range(len(passages)))
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip()
        assert 0 < len(passage.text) <= target


@given(_TEXTS, st.integers(16, 40), st.integers(0, 8))
def test_everything_but_white_space_is_in_a_passage(text, target, overlap):
    covered = set()
    for passage in split(text, target_characters=target, overlap_characters=overlap):
        covered.update(range(passage.start, passage.end))

    assert not "".join(character for at, character in enumerate(text) if at not in covered).strip()


@given(_TEXTS, st.integers(16, 40))
def test_without_an_overlap_nothing_is_in_two_passages(text, target):
    passages = split(text, target_characters=target)

    assert all(before.end <= after.start for before, after in pairwise(passages))


@given(_TEXTS, st.integers(16, 40), st.integers(1, 8))
def test_an_overlap_repeats_at_most_what_was_asked_for_and_always_advances(text, target, overlap):
    passages = split(text, target_characters=target, overlap_characters=overlap)

    for before, after in pairwise(passages):
        assert before.start < after.start
        assert before.end < after.end
        assert before.end - after.start <= overlap


def test_a_passage_ends_at_a_blank_line_rather_than_at_a_sentence():
    text = "One sentence. Another one here.\n\nA third. And a fourth one."

    assert [passage.text for passage in split(text, target_characters=50)] == [
        "One sentence. Another one here.",
        "A third. And a fourth one.",
    ]


def test_a_passage_ends_at_a_sentence_rather_than_at_a_word():
    text = 'He said: "It is so far away." And then he went on walking.'

    assert split(text, target_characters=50)[0].text == 'He said: "It is so far away."'


def test_an_ideographic_full_stop_needs_no_space():
    text = "署名済みの契約書をお送りください。金曜日の夕方までにお願いします。"

    assert split(text, target_characters=25)[0].text == "署名済みの契約書をお送りください。"


def test_a_word_longer_than_a_passage_is_cut_before_a_letter_and_not_before_its_mark():
    text = "e\u0301" * 20

    passages = split(text, target_characters=17)

    assert [len(passage.text) for passage in passages] == [16, 16, 8]


def test_an_overlap_begins_with_a_word():
    text = " ".join(f"word{number}" for number in range(20))

    second = split(text, target_characters=40, overlap_characters=15)[1]

    assert text[second.start - 1] == " "


def test_blank_text_has_no_passages():
    assert split(" \n\t\u3000") == []


@pytest.mark.parametrize("line", ["x", ". ", '."', "e\u0301", "\u200d", "漢", "a \n", ".", " "])
def test_five_megabytes_are_split_in_linear_time_whatever_they_are(line):
    """A 5 MB line used to be 5 MB of one tsvector, which PostgreSQL refuses. S0-060"""
    text = line * (5_000_000 // len(line))

    start = time.process_time()
    passages = split(text)

    assert time.process_time() - start < 5.0
    assert max((len(passage.text) for passage in passages), default=0) <= TARGET_CHARACTERS


@pytest.mark.parametrize(("target", "overlap"), [(15, 0), (0, 0), (-1, 0), (100, -1), (100, 51)])
def test_lengths_out_of_range_are_refused(target, overlap):
    with pytest.raises(InvalidInput):
        split("text", target_characters=target, overlap_characters=overlap)
