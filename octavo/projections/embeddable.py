"""Which text of a document is embedded, piece by piece, and what tells a piece from others.

Pieces are shorter than those of keyword search, because a vector is the mean of what it stands for. The title stands
before each, and the description before the first: a piece by itself does not say what it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from octavo.projections.searchable import TITLE_CHARACTERS, clean, description_of, language, text_of, title_of
from octavo.roles.embedder import Model
from octavo.text.passages import Passage, split
from octavo.values.json import decode

PASSAGE_CHARACTERS = 1_000
# Of a document; what is behind them, four million characters, is found by its words only.
MOST_PASSAGES = 4_000

_DIGEST_BYTES = 16


class Piece(msgspec.Struct, frozen=True):
    """A passage, the text that stands for it, and the digest of model and text."""

    passage: Passage
    text: str
    digest: bytes


class Embeddable(msgspec.Struct, frozen=True, kw_only=True):
    """What of a document is embedded."""

    title: str | None
    language: str | None
    author: str
    pieces: Sequence[Piece]


def embeddable(row: Mapping[str, Any], model: Model) -> Embeddable:
    """What of a document is embedded; a document without any text has no pieces.

    Args:
        row: a live document as `heads.sql` gives it.
        model: whose vectors they will be.
    """
    body, metadata = decode(row["body"]), decode(row["metadata"])
    text = clean(text_of(body))
    title = title_of(body, row["name"])
    description = description_of(body, metadata, row["name"] if row["name"] != title else None)
    passages = split(text, target_characters=PASSAGE_CHARACTERS)[:MOST_PASSAGES]
    if not passages and (title or description):
        passages = [Passage(0, 0, 0, "")]
    return Embeddable(
        title=title and title[:TITLE_CHARACTERS],
        language=language(body, metadata, row["language"], text or title or ""),
        author=f"{row['created_by_kind']}:{row['created_by']}",
        pieces=[_piece(passage, title, description, model) for passage in passages],
    )


def _piece(passage: Passage, title: str | None, description: str | None, model: Model) -> Piece:
    before = (title and title[:TITLE_CHARACTERS], description if passage.ordinal == 0 else None)
    text = "\n".join(part for part in (*before, passage.text) if part)
    digest = hashlib.sha256(f"{model.key}\0{text}".encode()).digest()[:_DIGEST_BYTES]
    return Piece(passage, text, digest)
