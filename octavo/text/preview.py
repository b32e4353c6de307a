"""The beginning of a text, as lists of documents show it."""

from __future__ import annotations

PREVIEW_CHARACTERS = 1_000


def preview(text: str) -> str:
    """The first 1,000 code points of a text, exactly; shorter texts whole."""
    return text[:PREVIEW_CHARACTERS]
