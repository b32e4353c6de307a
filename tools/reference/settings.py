"""Every setting: name, variable, type and range, default, meaning."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

import msgspec

from octavo.settings import Settings
from tools.reference.markdown import document, literal, table

_LEAD = (
    "A flag of the command line weighs most, then the environment, then `octavo.toml` in the working "
    "directory, then the default. Units are in the names: `_seconds`, `_bytes`."
)

_MACHINE = (
    "## Variables of the machine\n\n"
    "They tell of the machine and not of a database, so they are in the environment alone.\n\n"
    "- `OCTAVO_POSTGRES_BIN`: folder of PostgreSQL's programs, in place of those that are installed with Octavo.\n"
    "- `OCTAVO_SERVER_USER`: the ordinary user who owns an embedded server that root starts; PostgreSQL refuses to "
    "run as root. By default the owner of the data directory, or `octavo`, which is made."
)


def page() -> str:
    """The page."""
    head = ("Setting", "Environment", "Type", "Default", "Meaning")
    settings = table(head, map(_row, msgspec.structs.fields(Settings)))
    return document("Settings", _LEAD, [settings, _MACHINE])


def _row(field: msgspec.structs.FieldInfo) -> tuple[str, ...]:
    kind, meta = _parts(field.type)
    default = "" if field.default is msgspec.NODEFAULT else field.default
    return (
        literal(field.name),
        literal(f"OCTAVO_{field.name.upper()}"),
        f"{getattr(kind, '__name__', kind)}{_range(meta)}",
        literal(default) or "empty",
        (meta.description if meta else None) or "",
    )


def _parts(kind: Any) -> tuple[Any, msgspec.Meta | None]:
    if get_origin(kind) is not Annotated:
        return kind, None
    bare, *notes = get_args(kind)
    return bare, next((note for note in notes if isinstance(note, msgspec.Meta)), None)


def _range(meta: msgspec.Meta | None) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{sign} {limit}" for name, sign in signs.items() if (limit := getattr(meta, name, None)) is not None
    ]
    return f", {', '.join(limits)}" if limits else ""
