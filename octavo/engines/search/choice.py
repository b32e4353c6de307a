"""Which search engine the setting names."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.search.tantivy import TantivySearch
from octavo.errors import InvalidSetting
from octavo.postgres.record import Record
from octavo.roles.search import SearchEngine

_EMBEDDED = "tantivy:"


def folder_of(setting: str) -> Path | None:
    """The folder of an embedded index; None for the engine inside the record.

    Raises:
        InvalidSetting: neither `postgres` nor `tantivy:DIR`.
    """
    if setting == "postgres":
        return None
    if setting.startswith(_EMBEDDED) and (folder := setting.removeprefix(_EMBEDDED)):
        return Path(folder).expanduser().absolute()
    raise InvalidSetting(
        f"search = {setting!r} names no engine",
        remedy="give postgres, or tantivy:DIR with a folder of this machine",
        setting="search",
    )


def search_engine(setting: str, record: Record) -> SearchEngine:
    """The engine of the setting; raises `InvalidSetting` and `MissingExtra`."""
    folder = folder_of(setting)
    return PostgresSearch(record) if folder is None else TantivySearch(record, folder)


def lease_name(setting: str) -> str:
    """What only the process that fills the engine has: one for the record's own, one for each folder."""
    folder = folder_of(setting)
    if folder is None:
        return "search"
    place = f"{socket.gethostname()}:{folder}".encode()
    return f"search in {hashlib.sha256(place).hexdigest()[:16]}"
