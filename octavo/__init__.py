"""Octavo: a document database that starts inside your process and grows without a rewrite."""

from octavo import errors
from octavo.database import Octavo, open
from octavo.settings import Settings
from octavo.settings import load as load_settings
from octavo.values.actor import Actor
from octavo.values.document import Document
from octavo.values.event import Event
from octavo.values.position import Position
from octavo.workspace import Workspace

__all__ = [
    "Actor",
    "Document",
    "Event",
    "Octavo",
    "Position",
    "Settings",
    "Workspace",
    "errors",
    "load_settings",
    "open",
]
