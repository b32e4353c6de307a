"""A judged set from real documentation: what numpy's and the standard library's docstrings say, and of each other.

A document is one docstring without its first paragraph and without its list of related entries: that is what the
questions are made of, by rule, so nobody's taste decides what is relevant.
"""

from __future__ import annotations

import ast
import inspect
import random
import re
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

SEED = 20261121
LEAST_WORDS, FEWEST_ASKED, MOST_ASKED = 40, 4, 24

OWN = "its own first sentence"
ELSEWHERE = "described elsewhere"
RELATED = "related entries"
KINDS = (OWN, ELSEWHERE, RELATED)

_SIGNATURE = re.compile(r"^[\w.]+\(.*\)( ->.*)?$", re.DOTALL)
_SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_NAME = re.compile(r"^(:\w+:)?`?~?(?P<name>[\w.]+)`?$")
_MARKUP = re.compile(r"[`*|<>\\^{}\[\]]|:\w+:")
_PACKAGES = ("numpy", "numpy.linalg", "numpy.fft", "numpy.ma", "numpy.random", "numpy.polynomial")


@dataclass(frozen=True)
class Entry:
    """A docstring, taken apart: `related` are the names it points to, with what it says of each."""

    name: str
    summary: str
    text: str
    related: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What is asked, and the names of the entries that answer it; `asker` is no answer and is left out."""

    kind: str
    text: str
    relevant: frozenset[str]
    asker: str | None = None


def entries() -> list[Entry]:
    """All documents, each text once, in the order of their names."""
    found: dict[str, Entry] = {}
    for name, docstring in sorted([*_numpy(), *_standard_library()]):
        entry = _entry(name, docstring)
        if entry is not None:
            found.setdefault(entry.text, entry)
    return list(found.values())


def questions(of: Sequence[Entry], each: int) -> list[Question]:
    """So many questions of each kind, chosen by a fixed seed."""
    chance = random.Random(SEED)
    kinds = (_own(of), _elsewhere(of), _related(of))
    return [one for kind in kinds for one in chance.sample(kind, min(each, len(kind)))]


def _own(of: Sequence[Entry]) -> list[Question]:
    """The first sentence asks for the rest; entries that begin alike answer alike."""
    answers: dict[str, set[str]] = {}
    for entry in of:
        answers.setdefault(entry.summary, set()).add(entry.name)
    return [Question(OWN, text, frozenset(names)) for text, names in sorted(answers.items()) if _asks(text)]


def _elsewhere(of: Sequence[Entry]) -> list[Question]:
    """What one entry says of another asks for it, unless it repeats that one's first sentence."""
    by_name = {entry.name: entry for entry in of}
    answers: dict[str, set[str]] = {}
    for entry in of:
        for name, said in entry.related.items():
            target = _resolved(entry.name, name, by_name)
            if target is not None and _asks(said) and _bare(said) not in _bare(by_name[target].summary):
                answers.setdefault(said, set()).add(target)
    return [Question(ELSEWHERE, text, frozenset(names)) for text, names in sorted(answers.items())]


def _related(of: Sequence[Entry]) -> list[Question]:
    """The first sentence asks for the entries that its author points to."""
    by_name = {entry.name: entry for entry in of}
    made = []
    for entry in of:
        named = {_resolved(entry.name, name, by_name) for name in entry.related} - {None, entry.name}
        if len(named) > 1 and _asks(entry.summary):
            relevant = frozenset(name for name in named if name)
            made.append(Question(RELATED, entry.summary, relevant, entry.name))
    return made


def _entry(name: str, docstring: str) -> Entry | None:
    body = inspect.cleandoc(docstring).replace("\x00", "")
    summary, _, rest = body.partition("\n\n")
    while rest and (_SIGNATURE.match(summary.strip()) or summary.strip().startswith(".. ")):
        summary, _, rest = rest.partition("\n\n")
    sections = _sections(rest)
    text = "\n\n".join(text for title, text in sections if title != "See Also").strip()
    if len(text.split()) < LEAST_WORDS:
        return None
    related = "\n".join(text for title, text in sections if title == "See Also")
    return Entry(name, _plain(summary), text, dict(_pointed_to(related)))


def _sections(text: str) -> list[tuple[str, str]]:
    """The sections of a docstring, with their titles; the first has none."""
    starts = [
        ("", 0, 0),
        *((found["title"], found.start(), found.end()) for found in _SECTION.finditer(text)),
    ]
    ends = [start for _, start, _ in starts[1:]] + [len(text)]
    return [
        (title, f"{title}\n{text[end:until]}".strip())
        for (title, _, end), until in zip(starts, ends, strict=True)
    ]


def _pointed_to(text: str) -> Iterator[tuple[str, str]]:
    """Names and what is said of them: `name, other : a description`, which may go on in the next, indented lines."""
    lines = re.sub(r"\n\s+", " ", text).splitlines()
    for line in lines[1:]:
        names, colon, said = line.partition(" : ")
        for name in names.rstrip(" :").split(","):
            if found := _NAME.match(name.strip()):
                yield found["name"], _plain(said) if colon else ""


def _resolved(asker: str, name: str, by_name: Mapping[str, Entry]) -> str | None:
    """The entry a name stands for: nearest to who names it first."""
    around = asker.rpartition(".")[0]
    places = [f"{around}.{name}", name, *(f"{package}.{name}" for package in _PACKAGES)]
    return next((place for place in places if place in by_name), None)


def _asks(text: str) -> bool:
    return FEWEST_ASKED <= len(re.findall(r"[^\W_]+", text)) <= MOST_ASKED


def _plain(text: str) -> str:
    """The first sentence, without markup."""
    line = " ".join(_MARKUP.sub(" ", text).split())
    return re.split(r"(?<=[a-z)]{2})\.\s", line)[0].rstrip(". ")


def _bare(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def _numpy() -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    yield from _members(numpy, "numpy", seen)


def _members(of: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """The docstrings of a module or class of numpy and of all it holds, each object once."""
    seen.add(id(of))
    for name in sorted(vars(of) if inspect.isclass(of) else dir(of)):
        member = None if name.startswith("_") else getattr(of, name, None)
        if member is None or id(member) in seen:
            continue
        place = f"{prefix}.{name}"
        if isinstance(member, ModuleType):
            if member.__name__ == place:
                yield from _members(member, place, seen)
        elif callable(member) and (docstring := inspect.getdoc(member)):
            seen.add(id(member))
            yield place, docstring
            if inspect.isclass(member) and member.__module__.startswith("numpy"):
                yield from _members(member, place, seen)


def _standard_library() -> Iterator[tuple[str, str]]:
    """The docstrings in the standard library's sources, tests and third parties left out."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if {"test", "tests", "idlelib", "lib2to3", "site-packages"} & set(parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8", errors="ignore"))
        except SyntaxError:
            continue
        yield from _documented(tree, ".".join(part for part in parts if part != "__init__"))


def _documented(tree: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{node.name}"
            if docstring := ast.get_docstring(node):
                yield name, docstring
            if isinstance(node, ast.ClassDef):
                yield from _documented(node, name)
