"""Vectors as PostgreSQL reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector


def written(vector: Vector) -> str:
    """A vector as the text of a halfvec, which is that of a JSON list.

    As a list of numbers it would take ten times as long: the driver looks at each of them twice.
    """
    return msgspec.json.encode(vector.tolist()).decode()
