"""Which generator a setting names.

local                              no language model: sentences of the material, always the same; for trying out
openai:MODEL@https://host/v1       any endpoint that speaks OpenAI's protocol
"""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from octavo.engines.generators.local import LocalGenerator
from octavo.errors import InvalidSetting, MissingExtra
from octavo.roles.generator import Generator
from octavo.values.login import Logins

LOCAL = "local"
_PORTS = {"http": 80, "https": 443}


def check(setting: str) -> None:
    """Refuse a setting that names no generator; raises `InvalidSetting`."""
    if setting != LOCAL:
        parse(setting)


def parse(setting: str) -> tuple[str, str]:
    """Model and address of a setting other than `local`; raises `InvalidSetting`."""
    kind, _, rest = setting.partition(":")
    # The last @: a model may be called name@version, an address holds none.
    name, _, url = rest.rpartition("@")
    if kind != "openai" or not name or not url:
        raise _refused(setting, "it names no generator")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "://" in name:
        raise _refused(setting, "its address must be http:// or https://, without a login")
    return name, url


def generator(setting: str, logins: Logins) -> Generator:
    """The generator of a setting; it asks nothing yet.

    Args:
        logins: keys of endpoints, by `host:port`.

    Raises:
        InvalidSetting: the setting names none. MissingExtra: its extra is not installed.
    """
    if setting == LOCAL:
        return LocalGenerator()
    name, url = parse(setting)
    if find_spec("httpx") is None or find_spec("tenacity") is None:
        raise MissingExtra(
            f"the generator {name} needs the extra `generate`", remedy="pip install 'octavo[generate]'"
        )
    from octavo.engines.generators.openai import OpenAIGenerator  # noqa: PLC0415 - needs the extra

    parts = urlsplit(url)
    login = logins.get(f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}")
    return OpenAIGenerator(name, url, login.password if login else None)


def _refused(setting: str, why: str) -> InvalidSetting:
    # A login in an address is a secret: then nothing of the address is told.
    shown = setting if setting.count("@") <= 1 else setting.partition("@")[0]
    return InvalidSetting(
        f"generator = {shown!r}: {why}",
        remedy="give local or openai:MODEL@https://host/v1, and its key in engine_logins: host:port=:key",
        setting="generator",
    )
