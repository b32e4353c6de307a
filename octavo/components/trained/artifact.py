"""Trained models as bytes: arrays and JSON in one safetensors file, which can run no code when it is read.

Format: safetensors 0.x (a header with the place of each array, then the arrays); the array `about` is JSON in UTF-8.
The same model is always the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from octavo.components.extra import library
from octavo.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

FORMAT = 1
MAX_BYTES = 256 * 1024 * 1024
_ABOUT = "about"


def packed(kind: str, about: dict[str, Any], arrays: dict[str, Array]) -> bytes:
    """A model as bytes.

    Args:
        kind: what it is, as `classifier`; only that is made of it again.
        about: JSON beside the arrays.
    """
    numpy, save = library("numpy"), library("safetensors.numpy").save
    told = msgspec.json.encode({**about, "kind": kind, "format": FORMAT})
    contiguous = {name: numpy.ascontiguousarray(array) for name, array in arrays.items()}
    data: bytes = save({_ABOUT: numpy.frombuffer(told, dtype=numpy.uint8), **contiguous})
    return data


def unpacked(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `packed` was given.

    Raises:
        InvalidInput: the bytes are no model, or one of another kind or format.
    """
    if len(data) > MAX_BYTES:
        raise InvalidInput(
            f"a model of {len(data):,} bytes", remedy=f"the largest that is read has {MAX_BYTES:,} bytes"
        )
    safetensors = library("safetensors.numpy")
    try:
        arrays: dict[str, Array] = safetensors.load(data)
        about: dict[str, Any] = msgspec.json.decode(arrays.pop(_ABOUT).tobytes(), type=dict[str, Any])
    except (library("safetensors").SafetensorError, KeyError, msgspec.MsgspecError) as error:
        raise InvalidInput("the bytes are no model that was trained here", remedy="train it again") from error
    if (about.get("kind"), about.get("format")) != (kind, FORMAT):
        raise InvalidInput(
            f"the model is a {about.get('kind')!r} of format {about.get('format')!r}, not a {kind!r} of {FORMAT}",
            remedy="name a model of the right kind, or train it again",
        )
    return about, arrays
