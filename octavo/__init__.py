"""Octavo: a document database that starts inside your process and grows without a rewrite."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octavo import errors
    from octavo.database import Octavo, open
    from octavo.settings import Settings
    from octavo.settings import load as load_settings
    from octavo.values.actor import Actor
    from octavo.values.component import Component, Given, component
    from octavo.values.document import Document
    from octavo.values.event import Event
    from octavo.values.position import Position
    from octavo.values.type import CompositeIndex, DocumentType, Index, Unique, upcast
    from octavo.values.upcast import Upcasters
    from octavo.workspace import Workspace

__all__ = [
    "Actor",
    "Component",
    "CompositeIndex",
    "Document",
    "DocumentType",
    "Event",
    "Given",
    "Index",
    "Octavo",
    "Position",
    "Settings",
    "Unique",
    "Upcasters",
    "Workspace",
    "component",
    "errors",
    "load_settings",
    "open",
    "upcast",
]

# Where the public names are, loaded when first asked for (PEP 562): the processes that read files need none of
# them, and would start half as fast.
_HOMES = {
    "Actor": ("octavo.values.actor", "Actor"),
    "Component": ("octavo.values.component", "Component"),
    "CompositeIndex": ("octavo.values.type", "CompositeIndex"),
    "Document": ("octavo.values.document", "Document"),
    "DocumentType": ("octavo.values.type", "DocumentType"),
    "Event": ("octavo.values.event", "Event"),
    "Given": ("octavo.values.component", "Given"),
    "Index": ("octavo.values.type", "Index"),
    "Octavo": ("octavo.database", "Octavo"),
    "Position": ("octavo.values.position", "Position"),
    "Settings": ("octavo.settings", "Settings"),
    "Unique": ("octavo.values.type", "Unique"),
    "Upcasters": ("octavo.values.upcast", "Upcasters"),
    "Workspace": ("octavo.workspace", "Workspace"),
    "component": ("octavo.values.component", "component"),
    "load_settings": ("octavo.settings", "load"),
    "open": ("octavo.database", "open"),
    "upcast": ("octavo.values.type", "upcast"),
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("octavo.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'octavo' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
