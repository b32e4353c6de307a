"""Organizations: made and found by the system, since nobody is bound to one before it is known."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import AlreadyExists, InvalidInput, NotFound
from octavo.postgres.pool import Row, Runner
from octavo.postgres.statements import load

_sql = load("octavo.store", "organizations.sql")
_BLOCK_BYTES = 64


class Organization(msgspec.Struct, frozen=True):
    """A tenant: every row, key and message of it carries its id."""

    id: UUID
    name: str
    created_at: datetime


async def create(system: Runner, name: str) -> Organization:
    """Make an organization with a hash key of its own.

    Raises:
        AlreadyExists; InvalidInput when the name is not of a-z, 0-9, `_`, `.` and `-`, at most 63 characters.
    """
    inner, outer = _pads(secrets.token_bytes(32))
    row = await system.fetchrow(_sql.create_organization, uuid7(), _checked(name), inner, outer)
    if row is None:
        raise AlreadyExists(f"the organization {name!r} exists", remedy="choose another name")
    return _organization(row)


async def find(system: Runner, name: str) -> Organization:
    """The organization of this name; raises `NotFound`."""
    row = await system.fetchrow(_sql.find_organization, name)
    if row is None:
        raise NotFound(f"there is no organization {name!r}", remedy=f"create it: `octavo org create {name}`")
    return _organization(row)


async def find_or_create(system: Runner, name: str) -> Organization:
    """The organization of this name, made when it is missing; safe when many processes do it at once."""
    row = await system.fetchrow(_sql.find_organization, name)
    if row is not None:
        return _organization(row)
    try:
        return await create(system, name)
    except AlreadyExists:
        return await find(system, name)


async def listing(system: Runner, *, after: str = "", limit: int = 100) -> list[Organization]:
    """Organizations by name, those behind `after`."""
    return [_organization(row) for row in await system.fetch(_sql.list_organizations, after, limit)]


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """The inner and outer key of HMAC-SHA256 (RFC 2104), so that the server can hash without the key."""
    padded = key.ljust(_BLOCK_BYTES, b"\x00")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def _checked(name: str) -> str:
    if not 1 <= len(name) <= 63 or not name.isascii():
        raise InvalidInput(
            f"{name!r} is not a name for an organization", remedy="use a-z, 0-9, _ . -, at most 63"
        )
    return name


def _organization(row: Row) -> Organization:
    return Organization(row["id"], row["name"], row["created_at"])
