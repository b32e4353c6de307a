"""The public face of one organization: documents, events, search, ingest, transactions."""

from octavo.workspace.analytics import Analytics
from octavo.workspace.documents import Documents
from octavo.workspace.engines import Engines
from octavo.workspace.events import Events
from octavo.workspace.labels import Labels
from octavo.workspace.links import Links
from octavo.workspace.pipelines import Pipelines, RunParts
from octavo.workspace.runs import Runs
from octavo.workspace.synonyms import SynonymSets
from octavo.workspace.transactions import UnitOfWork
from octavo.workspace.types import Types
from octavo.workspace.workspace import Parts, Workspace

__all__ = [
    "Analytics",
    "Documents",
    "Engines",
    "Events",
    "Labels",
    "Links",
    "Parts",
    "Pipelines",
    "RunParts",
    "Runs",
    "SynonymSets",
    "Types",
    "UnitOfWork",
    "Workspace",
]
