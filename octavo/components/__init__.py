"""What comes in the box; none needs the network, but for a model whose address a setting names."""

from collections.abc import Callable

from octavo.components.classify import classify
from octavo.components.count import count
from octavo.components.embed import embedding
from octavo.components.entities import entities
from octavo.components.generate import generating
from octavo.components.keywords import keywords
from octavo.components.language import language
from octavo.components.sentiment import sentiment
from octavo.components.summarize import summarize
from octavo.components.template import template
from octavo.components.topics import topics
from octavo.components.transform import transform, transform_1
from octavo.roles.embedder import Embedder
from octavo.roles.generator import Generator
from octavo.values.component import Component

BUILT_IN: tuple[Component, ...] = (
    classify,
    count,
    entities,
    keywords,
    language,
    sentiment,
    summarize,
    template,
    topics,
    transform_1,
    transform,
)


def served(embedder: Callable[[], Embedder], generator: Callable[[], Generator]) -> tuple[Component, ...]:
    """The components that work by what a database's settings name.

    Args:
        embedder, generator: asked when a step needs them: an extra that is not installed is missed no sooner.
    """
    return embedding(embedder), generating(generator)


__all__ = [
    "BUILT_IN",
    "classify",
    "count",
    "entities",
    "keywords",
    "language",
    "sentiment",
    "served",
    "summarize",
    "template",
    "topics",
    "transform",
]
