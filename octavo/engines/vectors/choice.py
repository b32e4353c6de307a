"""Which vector engine a URL names, and whose vectors it holds: the embedder stands behind a `#`.

    postgres#wordllama
    qdrants://host:6333#openai:text-embedding-3-small@https://api.openai.com/v1
    postgres#wordllama#2        the same, built anew beside the first one

So another model is another engine: it is filled beside the one that serves, and then switched to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.util import find_spec

import msgspec

from octavo.engines.vectors.postgres import PostgresVectors
from octavo.errors import InvalidSetting, MissingExtra
from octavo.postgres.record import Record
from octavo.roles.embedder import Model
from octavo.roles.vectors import VectorEngine
from octavo.values.login import Logins
from octavo.values.numbered import FIRST, numbered, parted

OFF = "none"


class Kind(msgspec.Struct, frozen=True):
    """Engines of one kind.

    Attributes:
        address: the URL without its embedder as it is kept: absolute, in one spelling, without a login.
        build: the engine of a number behind such a URL; connects to nothing yet; raises `MissingExtra`.
        place: where it is, however it is spoken to.
    """

    address: Callable[[str], str]
    build: Callable[[str, int, Record, Model, Logins], VectorEngine]
    place: Callable[[str, int], str]


def address(url: str, embedder: str) -> str:
    """The URL as the catalogue keeps it, with its embedder.

    Args:
        embedder: of a URL that names none.

    Raises:
        InvalidSetting: it names no engine.
    """
    base, number = parted(url)
    engine, _, named = base.partition("#")
    return numbered(f"{_kind(engine).address(engine)}#{named or embedder}", number)


def embedder_of(url: str) -> str:
    """The embedder in a URL of the catalogue."""
    return parted(url)[0].partition("#")[2]


def vector_engine(url: str, record: Record, model: Model, logins: Logins) -> VectorEngine:
    """The engine behind a URL of the catalogue; raises `InvalidSetting` and `MissingExtra`."""
    base, number = parted(url)
    engine = base.partition("#")[0]
    return _kind(engine).build(engine, number, record, model, logins)


def lease_name(url: str) -> str:
    """What only the process that fills the engine has: one for each place and embedder."""
    base, number = parted(url)
    engine = base.partition("#")[0]
    where = f"{_kind(engine).place(engine, number)}#{embedder_of(url)}".encode()
    return f"vectors in {hashlib.sha256(where).hexdigest()[:16]}"


def _kind(url: str) -> Kind:
    kind = _KINDS.get(url.partition(":")[0])
    if kind is None:
        raise _no_engine(url)
    return kind


def _no_engine(url: str) -> InvalidSetting:
    return InvalidSetting(
        f"vectors = {url!r} names no engine",
        remedy="give postgres, qdrant:DIR, qdrant://HOST:6333 or qdrants://HOST:6333; none for no vectors",
        setting="vectors",
    )


def _inside(url: str) -> str:
    if url != "postgres":
        raise _no_engine(url)
    return url


def _qdrant_address(url: str) -> str:
    _demand_qdrant(url)
    from octavo.engines.vectors.qdrant_address import parse  # noqa: PLC0415 - of the extra `qdrant`

    folder = parse(url).folder
    return url if folder is None else f"qdrant:{folder}"


def _inside_place(url: str, number: int) -> str:
    return numbered(_inside(url), number)


def _qdrant_place(url: str, number: int) -> str:
    _demand_qdrant(url)
    from octavo.engines.vectors.qdrant_address import beside, parse  # noqa: PLC0415 - of the extra `qdrant`

    where = parse(beside(url, number) if number != FIRST else url)
    return f"{(where.url or '').partition('://')[2] or where.folder}/{where.prefix}"


def _qdrant(url: str, number: int, record: Record, model: Model, logins: Logins) -> VectorEngine:
    _demand_qdrant(url)
    from octavo.engines.vectors.qdrant import QdrantVectors  # noqa: PLC0415 - of the extra `qdrant`
    from octavo.engines.vectors.qdrant_address import beside, parse  # noqa: PLC0415 - the same

    if number != FIRST:
        url = beside(url, number)
    place = (parse(url).url or "").partition("://")[2]
    login = logins.get(place)
    return QdrantVectors(record, model, url, login.password if login else None)


def _demand_qdrant(url: str) -> None:
    if find_spec("qdrant_client") is None:
        raise MissingExtra(
            f"vectors = {url!r} needs the extra `qdrant`", remedy="pip install 'octavo[qdrant]'"
        )


_QDRANT = Kind(_qdrant_address, _qdrant, _qdrant_place)

_KINDS = {
    "postgres": Kind(
        _inside,
        lambda _, number, record, model, __: PostgresVectors(record, model, number=number),
        _inside_place,
    ),
    "qdrant": _QDRANT,
    "qdrants": _QDRANT,
}
