"""What the pool and its workers say to each other: MessagePack in frames, each led by its length.

No pickle: a worker reads files nobody vouches for, and what it answers shall not be able to run anything.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from octavo.ingest.extracted import Extracted, Failed, Outcome, Read

_LENGTH_BYTES = 4


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """A file to read: its path as the file system has it, and the encoding of its text, if it is known."""

    path: bytes
    charset: str | None = None


class Request(msgspec.Struct, frozen=True, array_like=True):
    """Files to read."""

    files: list[Wanted]


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One file, read or not: the fields of `Read` or those of `Failed`. The first answer only says hello."""

    sha256: bytes = b""
    size: int = 0
    modified_ns: int = 0
    extracted: Extracted | None = None
    code: str = ""
    message: str = ""

    @classmethod
    def of(cls, outcome: Outcome) -> Answer:
        """The answer for an outcome; its path is known to who asked."""
        if isinstance(outcome, Failed):
            return cls(code=outcome.code, message=outcome.message)
        return cls(outcome.sha256, outcome.bytes, outcome.modified_ns, outcome.extracted)

    def outcome(self, path: Path) -> Outcome:
        """The outcome for the file that was asked for."""
        if self.extracted is None:
            return Failed(path, self.code, self.message)
        return Read(path, self.sha256, self.size, self.modified_ns, self.extracted)


class Frames:
    """Cuts a stream of bytes into the messages that were framed."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """The messages that are complete with this piece, in their order."""
        self._received += piece
        messages, start = [], 0
        while (end := self._end(start)) is not None:
            messages.append(bytes(self._received[start + _LENGTH_BYTES : end]))
            start = end
        del self._received[:start]
        return messages

    def _end(self, start: int) -> int | None:
        body = start + _LENGTH_BYTES
        end = body + int.from_bytes(self._received[start:body])
        return end if body <= len(self._received) and end <= len(self._received) else None


def framed(message: Request | Answer) -> bytes:
    """A message as it is sent."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES) + body
