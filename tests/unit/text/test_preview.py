"""The preview of a text."""

from __future__ import annotations

from octavo.text.preview import preview


def test_five_thousand_characters_give_exactly_the_first_thousand_code_points():
    """S0-048"""
    text = "".join(chr(0x4E00 + number) for number in range(5_000))

    assert preview(text) == text[:1_000]
    assert len(preview(text)) == 1_000


def test_a_short_text_is_its_own_preview():
    assert preview("short") == "short"
