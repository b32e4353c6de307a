"""A place in the whole log: totally ordered inside one shard, opaque text outside."""

from __future__ import annotations

import msgspec

from octavo.errors import InvalidInput

_FORMAT = "o1"


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where an event stands in the log.

    Positions of one shard compare with `<`; `str()` gives the token that leaves the process and `parse`
    reads it back. The order of the fields is the order of the log: xids mean nothing across epochs.
    """

    shard: int
    epoch: int
    xid: int
    id: int

    def __str__(self) -> str:
        return f"{_FORMAT}-{self.shard:x}-{self.epoch:x}-{self.xid:x}-{self.id:x}"


START = Position(0, 0, 0, 0)


def parse(token: str) -> Position:
    """Read a position's text; raises `InvalidInput` for anything else."""
    parts = token.strip().split("-")
    try:
        form, shard, epoch, xid, number = parts
        if form != _FORMAT:
            raise ValueError(form)
        return Position(int(shard, 16), int(epoch, 16), int(xid, 16), int(number, 16))
    except ValueError as error:
        raise InvalidInput(
            f"{token!r} is not a position", remedy="use the text a write, an event or a search returned"
        ) from error
