"""Why an attempt failed, as its run keeps it."""

from __future__ import annotations

import msgspec

from octavo.errors import InvalidInput, NotFound, OctavoError, StepFailed
from octavo.values.json import encode

TIMEOUT = "timeout"
_SHOWN = 2_000
# Trying these again gives the same: the input, not the moment, is wrong.
FINAL = (InvalidInput, NotFound, StepFailed)


class Failed(msgspec.Struct, frozen=True):
    """Why an attempt failed, and whether another one is of use."""

    code: str
    message: str
    step: str | None
    is_final: bool

    @classmethod
    def of(cls, error: BaseException, step: str | None = None) -> Failed:
        """The failure that an exception means. What it says is kept, cut to 2,000 characters."""
        message = (str(error) or type(error).__name__).replace("\x00", "")[:_SHOWN]
        if isinstance(error, OctavoError):
            return cls(error.code, message, step, is_final(error))
        if isinstance(error, TimeoutError):
            return cls(TIMEOUT, message, step, False)
        return cls(type(error).__name__, message, step, False)

    def told(self) -> dict[str, str]:
        """The failure as plain data."""
        told = {"code": self.code, "message": self.message, "step": self.step}
        return {name: value for name, value in told.items() if value is not None}

    def encoded(self) -> bytes:
        """The failure as the run keeps it."""
        return encode(self.told())


class StepError(Exception):
    """A step of an attempt failed, by an exception of the component's own."""

    def __init__(self, step: str, cause: Exception) -> None:
        super().__init__(step)
        self.step = step
        self.cause = cause


def is_final(error: BaseException) -> bool:
    """Whether trying again is of no use."""
    return isinstance(error, FINAL)
