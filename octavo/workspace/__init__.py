"""The public face of one organization: documents, events, search, ingest, transactions."""

from octavo.workspace.analytics import Analytics
from octavo.workspace.batches import Batches
from octavo.workspace.components import Components
from octavo.workspace.documents import Documents
from octavo.workspace.engines import Engines
from octavo.workspace.events import Events
from octavo.workspace.labels import Labels
from octavo.workspace.links import Links
from octavo.workspace.models import ModelParts, Models
from octavo.workspace.pipelines import Pipelines, RunParts
from octavo.workspace.queries import Queries
from octavo.workspace.results import Results
from octavo.workspace.runs import Runs
from octavo.workspace.schedules import Schedules
from octavo.workspace.synonyms import SynonymSets
from octavo.workspace.templates import Templates
from octavo.workspace.topics import Topics
from octavo.workspace.transactions import UnitOfWork
from octavo.workspace.triggers import Triggers
from octavo.workspace.types import Types
from octavo.workspace.workspace import Parts, Workspace

__all__ = [
    "Analytics",
    "Batches",
    "Components",
    "Documents",
    "Engines",
    "Events",
    "Labels",
    "Links",
    "ModelParts",
    "Models",
    "Parts",
    "Pipelines",
    "Queries",
    "Results",
    "RunParts",
    "Runs",
    "Schedules",
    "SynonymSets",
    "Templates",
    "Topics",
    "Triggers",
    "Types",
    "UnitOfWork",
    "Workspace",
]
