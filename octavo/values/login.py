"""Logins of engines, kept apart from their URLs: a URL is shown and stored, a login never is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from octavo.errors import InvalidSetting


class Login(msgspec.Struct, frozen=True):
    """Who an engine is asked as; a key without a name has an empty `user`."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(user={self.user!r}, password='…')"


Logins = Mapping[str, Login]


def parse_logins(text: str) -> Logins:
    """Logins by `host:port`, of a text as `search.example:9200=user:password,other:6333=:key`.

    A comma in a password is written `%2C`, a percent sign `%25`.

    Raises:
        InvalidSetting: without a word of what it holds.
    """
    found: dict[str, Login] = {}
    for place, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), 1):
        where, is_login, login = part.partition("=")
        user, is_pair, password = login.partition(":")
        if not (where and is_login and is_pair and password):
            raise InvalidSetting(
                f"login {place} of engine_logins is none",
                remedy="write host:port=user:password, with commas between several",
                setting="engine_logins",
            )
        found[where.lower()] = Login(_plain(user), _plain(password))
    return found


def _plain(text: str) -> str:
    return text.replace("%2C", ",").replace("%2c", ",").replace("%25", "%")
