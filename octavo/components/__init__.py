"""What comes in the box: small components that need no network."""

from collections.abc import Callable

from octavo.components.count import count
from octavo.components.embed import embedding
from octavo.components.entities import entities
from octavo.components.generate import generating
from octavo.components.keywords import keywords
from octavo.components.summarize import summarize
from octavo.components.template import template
from octavo.components.transform import transform, transform_1
from octavo.roles.embedder import Embedder
from octavo.roles.generator import Generator
from octavo.values.component import Component

BUILT_IN: tuple[Component, ...] = (
    count,
    entities,
    keywords,
    summarize,
    template,
    transform_1,
    transform,
)


def served(embedder: Callable[[], Embedder], generator: Callable[[], Generator]) -> tuple[Component, ...]:
    """The components that work by what a database's settings name.

    Args:
        embedder, generator: asked when a step needs them: an extra that is not installed is missed no sooner.
    """
    return embedding(embedder), generating(generator)


__all__ = ["BUILT_IN", "count", "entities", "keywords", "served", "summarize", "template", "transform"]
