"""The roles of a database whose engines hold the current state of documents: one line of the table for each."""

from __future__ import annotations

from collections.abc import Mapping

from octavo.engines.search import choice as search
from octavo.postgres.record import Record
from octavo.projections.role import Role
from octavo.projections.search import SearchProjection
from octavo.settings import Settings
from octavo.values.login import parse_logins


def check(settings: Settings) -> None:
    """Refuse what names no engine, before anything is started.

    Raises:
        InvalidSetting.
    """
    parse_logins(settings.engine_logins)
    search.address(settings.search or "postgres")


def roles(record: Record, settings: Settings) -> Mapping[str, Role]:
    """The roles by name.

    Raises:
        InvalidSetting: a setting names no engine.
    """
    logins = parse_logins(settings.engine_logins)
    return {
        "search": Role(
            name="search",
            first=search.address(settings.search or "postgres"),
            setting=settings.search,
            address=search.address,
            build=lambda url: search.search_engine(url, record, logins),
            lease=search.lease_name,
            project=SearchProjection,
        ),
    }
