from __future__ import annotations

import inspect
import pkgutil
import statistics
from collections.abc import Iterator
from importlib import import_module

import pytest

from octavo.components.trained.classifier_training import Trained, train_classifier
from octavo.components.trained.examples import Example
from octavo.components.trained.topic_training import TrainedTopics, train_topics
from tests.unit.components.tickets import examples


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A classifier of tickets."""
    return train_classifier(examples())


@pytest.fixture(scope="session")
def documentation() -> list[Example]:
    """What some packages of the standard library say of their functions."""
    return [Example(text, "", name) for name, text in sorted(_docstrings())]


@pytest.fixture(scope="session")
def topics(documentation: list[Example]) -> TrainedTopics:
    """A model of five topics of that documentation."""
    return train_topics(documentation, topics=5)


def _docstrings() -> Iterator[tuple[str, str]]:
    for package in ("asyncio", "email", "http", "logging", "unittest"):
        for module in _modules(package):
            for name, thing in vars(module).items():
                if getattr(thing, "__module__", None) == module.__name__ and inspect.getdoc(thing):
                    yield f"{module.__name__}.{name}", inspect.getdoc(thing) or ""
    for name in statistics.__all__:
        yield f"statistics.{name}", inspect.getdoc(getattr(statistics, name)) or ""


def _modules(package: str) -> Iterator[object]:
    whole = import_module(package)
    yield whole
    for found in pkgutil.iter_modules(whole.__path__):
        if not found.name.startswith(("_", "windows")):
            yield import_module(f"{package}.{found.name}")
