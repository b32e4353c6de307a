"""What writes text when it is asked to: a language model behind an endpoint, or the local stand-in for one."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Finish = Literal["stop", "length", "filtered", "other"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a text.

    Attributes:
        text: what is asked for.
        material: what it is about; part of what a model reads.
        system: how it is to behave.
        model: another one than the generator's own; None for that.
        words: the fewest and the most the text shall have; the request says so by itself, this is for the stand-in.
        max_tokens: of the answer.
        seed: for models that repeat themselves when they are asked to.
        key: the same for each attempt of the same request; sent as `Idempotency-Key`.
    """

    text: str
    material: str = ""
    system: str = ""
    model: str | None = None
    words: tuple[int, int] | None = None
    temperature: float = 0.7
    max_tokens: int = 2_000
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    key: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A text that was written.

    Attributes:
        model: which wrote it, as it calls itself.
        tokens_in, tokens_out: as counted by the endpoint; None when it does not tell.
        finish: why it ended: it was complete, `length`, `filtered`.
    """

    text: str
    model: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    finish: Finish = "stop"


class Generator(Protocol):
    """What writes texts."""

    @property
    def model(self) -> str:
        """What it is asked for when a request names no other."""
        ...

    @property
    def is_language_model(self) -> bool:
        """Whether a language model writes; False for the stand-in."""
        ...

    async def generate(self, asked: Asked) -> Answer:
        """Write a text; the loop is not held up.

        Raises:
            Unavailable: there is no answer now; try again later.
            AccessDenied: the endpoint refuses the key.
            InvalidInput: a request that the endpoint will never answer.
        """
        ...

    async def close(self) -> None:
        """Close what is open; safe to call twice."""
        ...
