"""Which embedder a setting names.

    wordllama                                              offline, in the extra `vectors`
    openai:MODEL@https://host/v1?dimensions=768            any endpoint that speaks OpenAI's protocol
    sentence-transformers:MODEL?dimensions=384             in this process, an extra of its own

`&version=2` behind the dimensions tells that the same name gives other vectors than before.
"""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import parse_qsl, urlsplit

import msgspec

from octavo.engines.embedders.sentence_transformers import SentenceTransformersEmbedder
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.errors import InvalidSetting, MissingExtra
from octavo.roles.embedder import Embedder, Model
from octavo.values.login import Logins

OFFLINE = "wordllama"

# Models whose length need not be given. They can shorten their vectors, all but the oldest.
_KNOWN = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_MOST_DIMENSIONS = 3_800
_PORTS = {"http": 80, "https": 443}


class Named(msgspec.Struct, frozen=True):
    """A setting, taken apart; `url` is empty for models that run here."""

    kind: str
    model: Model
    url: str = ""
    shortened: bool = False


class Embedders:
    """The embedders of a process, each made once, when it is first named.

    Args:
        logins: keys of endpoints, by `host:port`.
    """

    def __init__(self, logins: Logins | None = None) -> None:
        self._logins = logins or {}
        self._made: dict[str, Embedder] = {}

    def named(self, setting: str) -> Embedder:
        """The embedder of a setting; it loads and asks nothing yet.

        Raises:
            InvalidSetting: the setting names none. MissingExtra: its extra is not installed.
        """
        if setting not in self._made:
            self._made[setting] = _embedder(setting, self._logins)
        return self._made[setting]

    def of(self, model: Model) -> Embedder:
        """The embedder of a model that was named."""
        return next(one for one in self._made.values() if one.model == model)

    async def close(self) -> None:
        """Close what the embedders have open."""
        for one in self._made.values():
            await one.close()


def check(setting: str) -> None:
    """Refuse a setting that names no embedder; raises `InvalidSetting`."""
    if setting != OFFLINE:
        parse(setting)


def parse(setting: str) -> Named:
    """The parts of a setting other than `wordllama`.

    Raises:
        InvalidSetting: it has none, or one that cannot be.
    """
    kind, _, rest = setting.partition(":")
    address, _, query = rest.partition("?")
    options = dict(parse_qsl(query))
    version = options.pop("version", "1")
    dimensions = options.pop("dimensions", "")
    name, at, url = address.partition("@") if kind == "openai" else (address, "", "")
    if (
        kind not in ("openai", "sentence-transformers")
        or not name
        or options
        or bool(at) != (kind == "openai")
    ):
        raise _refused(setting, "it names no embedder")
    if url and not _is_plain(url):
        raise _refused(setting, "its address must be http:// or https://, without a login")
    length = int(dimensions) if dimensions.isdecimal() else _KNOWN.get(name, 0)
    if not 1 <= length <= _MOST_DIMENSIONS:
        raise _refused(setting, f"its dimensions must be given, 1 to {_MOST_DIMENSIONS}")
    return Named(kind, Model(name, version, length), url, shortened=_KNOWN.get(name, length) != length)


def _embedder(setting: str, logins: Logins) -> Embedder:
    if setting == OFFLINE:
        return WordLlamaEmbedder()
    named = parse(setting)
    if named.kind == "sentence-transformers":
        return SentenceTransformersEmbedder(named.model)
    if find_spec("httpx") is None or find_spec("tenacity") is None:
        raise MissingExtra(
            f"the embedder {named.model.name} needs the extra `vectors`",
            remedy="pip install 'octavo[vectors]'",
        )
    from octavo.engines.embedders.openai import OpenAIEmbedder  # noqa: PLC0415 - needs the extra

    login = logins.get(_place(named.url))
    key = login.password if login else None
    return OpenAIEmbedder(named.model, named.url, key, shortened=named.shortened)


def _place(url: str) -> str:
    """Host and port, as logins are told apart."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"


def _is_plain(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in _PORTS and bool(parts.hostname) and "@" not in parts.netloc


def _refused(setting: str, why: str) -> InvalidSetting:
    # A login in an address is a secret: then nothing of the address is told.
    shown = setting if setting.count("@") <= 1 else setting.partition("@")[0]
    return InvalidSetting(
        f"embedder = {shown!r}: {why}",
        remedy="give wordllama, openai:MODEL@https://host/v1?dimensions=N or sentence-transformers:MODEL?dimensions=N",
        setting="embedder",
    )
