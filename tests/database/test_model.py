"""The store held against a plain-Python model: every operation, two organizations, conflicts, time travel."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from octavo.errors import AlreadyExists, InvalidInput, NotFound, VersionConflict
from octavo.postgres.pool import Pool
from octavo.store import organizations
from octavo.values.document import Document
from octavo.workspace import Documents
from tests.database.conftest import documents_for

NAMES = st.sampled_from(["a", "b", "c", None])
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["x", "y", "é", "long " * 600])
BODIES = st.dictionaries(
    st.sampled_from(["p", "q", "r"]), SCALARS | st.lists(SCALARS, max_size=2), max_size=3
)
METADATA = st.none() | st.dictionaries(st.sampled_from(["m", "n"]), st.integers(0, 2), max_size=2)
WHO = st.sampled_from([0, 1])
LABELS = st.sampled_from(["legal", "tax"])


class Model:
    """One document as plain Python: its states, one a version."""

    def __init__(self, organization: int, name: str | None) -> None:
        self.organization = organization
        self.name = name
        self.states: list[tuple[dict[str, Any], dict[str, Any], bool]] = []
        self.times: list[datetime] = []
        self.tags: dict[str, int] = {}
        self.labels: dict[str, float | None] = {}
        self.links: set[tuple[str, uuid.UUID]] = set()
        self.purged = False

    @property
    def version(self) -> int:
        return len(self.states)

    @property
    def body(self) -> dict[str, Any]:
        return self.states[-1][0]

    @property
    def metadata(self) -> dict[str, Any]:
        return self.states[-1][1]

    @property
    def deleted(self) -> bool:
        return self.states[-1][2]

    @property
    def live(self) -> bool:
        return not self.deleted and not self.purged


class StoreMachine(RuleBasedStateMachine):
    """Runs each rule against PostgreSQL and against the model, and compares after every step."""

    arguments: ClassVar[dict[str, Any]] = {}
    documents = Bundle("documents")

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.model: dict[uuid.UUID, Model] = {}
        self.run(self._open())

    async def _open(self) -> None:
        self.app = await Pool({**self.arguments, "user": "octavo_app"}, size=2).open()
        self.system = await Pool({**self.arguments, "user": "octavo_system"}, size=1).open()
        self.sides: list[Documents] = []
        for _ in range(2):
            made = await organizations.create(self.system, f"model-{uuid.uuid4().hex[:20]}")
            self.sides.append(documents_for(_Holder(self.app), made))

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.app.close())
            self.run(self.system.close())
            self.runner.close()

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    @rule(target=documents, who=WHO, name=NAMES, body=BODIES, metadata=METADATA, create_only=st.booleans())
    def put(self, who: int, name: str | None, body: dict, metadata: dict | None, create_only: bool) -> Any:
        known = self._named(who, name)
        call = self.sides[who].put(
            "thing", body, name=name, metadata=metadata, expect=0 if create_only else None
        )
        if known is not None and create_only:
            self._refused(call, AlreadyExists)
            return known
        doc = self.run(call)
        model = self.model.setdefault(doc.id, Model(who, name))
        wanted = metadata if metadata is not None or not model.states else model.metadata
        self._record(model, doc, body, wanted or {})
        return doc.id

    @rule(target=documents, who=WHO, bodies=st.lists(st.tuples(NAMES, BODIES), min_size=1, max_size=4))
    def put_many(self, who: int, bodies: list) -> Any:
        batch = {name or object(): (name, body) for name, body in bodies}.values()
        put = self.run(
            self.sides[who].put_many([{"type": "thing", "name": name, "body": body} for name, body in batch])
        )
        for doc, (name, body) in zip(put, batch, strict=True):
            self._record(self.model.setdefault(doc.id, Model(who, name)), doc, body, {})
        return put[0].id

    @rule(id=documents, changes=BODIES, stale=st.booleans())
    def patch(self, id: uuid.UUID, changes: dict, stale: bool) -> None:
        model = self.model[id]
        call = self.sides[model.organization].patch(
            id, changes, expect=model.version + 1 if stale else model.version
        )
        if not model.live:
            self._refused(call, NotFound)
        elif stale:
            self._refused(call, VersionConflict)
        else:
            merged = {k: v for k, v in {**model.body, **changes}.items() if not (k in changes and v is None)}
            self._record(model, self.run(call), merged, model.metadata)

    @rule(id=documents, amount=st.integers(1, 3))
    def increment(self, id: uuid.UUID, amount: int) -> None:
        model = self.model[id]
        call = self.sides[model.organization].patch(id, {"$inc": {"count": amount}})
        if not model.live:
            self._refused(call, NotFound)
            return
        body = {**model.body, "count": model.body.get("count", 0) + amount}
        self._record(model, self.run(call), body, model.metadata)

    @rule(id=documents, back=st.integers(0, 5))
    def revert(self, id: uuid.UUID, back: int) -> None:
        model = self.model[id]
        target = max(1, model.version - back)
        call = self.sides[model.organization].revert(id, target)
        if not model.live or model.states[target - 1][2]:
            self._refused(call, NotFound)
            return
        body, metadata, _ = model.states[target - 1]
        self._record(model, self.run(call), body, metadata)

    @rule(id=documents)
    def delete(self, id: uuid.UUID) -> None:
        model = self.model[id]
        call = self.sides[model.organization].delete(id)
        if not model.live:
            self._refused(call, NotFound)
            return
        doc = self.run(call)
        model.states.append((model.body, model.metadata, True))
        model.times.append(doc.updated_at)
        assert doc.version == model.version

    @rule(id=documents)
    def restore(self, id: uuid.UUID) -> None:
        model = self.model[id]
        call = self.sides[model.organization].restore(id)
        if model.purged:
            self._refused(call, NotFound)
        elif model.deleted and self._named(model.organization, model.name) is not None:
            self._refused(call, AlreadyExists)
        else:
            doc = self.run(call)
            if model.deleted:
                model.states.append((model.body, model.metadata, False))
                model.times.append(doc.updated_at)
            assert doc.version == model.version

    @rule(id=documents)
    def purge(self, id: uuid.UUID) -> None:
        model = self.model[id]
        call = self.sides[model.organization].purge(id)
        if model.purged:
            self._refused(call, NotFound)
            return
        self.run(call)
        model.purged = True
        model.labels.clear()
        model.links.clear()
        for other in self.model.values():
            other.links = {(type, end) for type, end in other.links if end != id}

    @rule(id=documents, tag=st.sampled_from(["production", "staging"]), back=st.integers(0, 3))
    def tag(self, id: uuid.UUID, tag: str, back: int) -> None:
        model = self.model[id]
        version = max(1, model.version - back)
        call = self.sides[model.organization].tag(id, tag, version=version)
        if not model.live or model.states[version - 1][2]:
            self._refused(call, NotFound)
            return
        moved = self.run(call)
        assert moved.version == version
        model.tags[tag] = version

    @rule(id=documents, tag=st.sampled_from(["production", "staging"]))
    def read_by_tag(self, id: uuid.UUID, tag: str) -> None:
        model = self.model[id]
        call = self.sides[model.organization].get(id, tag=tag)
        if not model.live or tag not in model.tags:
            self._refused(call, NotFound)
            return
        doc = self.run(call)
        assert (doc.version, doc.body) == (model.tags[tag], model.states[model.tags[tag] - 1][0])

    @rule(id=documents, label=LABELS, confidence=st.none() | st.sampled_from([0.25, 0.75]))
    def label(self, id: uuid.UUID, label: str, confidence: float | None) -> None:
        model = self.model[id]
        call = self.sides[model.organization].label(id, label.upper(), confidence=confidence)
        if not model.live:
            self._refused(call, NotFound)
            return
        assigned = self.run(call)
        assert assigned.changed == (model.labels.get(label, -1) != confidence)
        model.labels[label] = confidence

    @rule(id=documents, label=LABELS)
    def unlabel(self, id: uuid.UUID, label: str) -> None:
        model = self.model[id]
        call = self.sides[model.organization].unlabel(id, label)
        if not model.live or label not in model.labels:
            self._refused(call, NotFound)
            return
        self.run(call)
        del model.labels[label]

    @rule(who=WHO, label=LABELS, least=st.none() | st.just(0.5))
    def find_by_label(self, who: int, label: str, least: float | None) -> None:
        asked = {"@labels": label if least is None else {"$eq": label, "$min_confidence": least}}
        wanted = {
            id
            for id, model in self.model.items()
            if model.organization == who and model.live and label in model.labels
            if least is None or model.labels[label] is None or (model.labels[label] or 0) >= least
        }
        assert {
            doc.id for doc in self.run(self.sides[who].find(where=asked, limit=1_000).page()).documents
        } == wanted
        assert self.run(self.sides[who].count(where=asked)) == len(wanted)

    @rule(id=documents, other=documents, type=st.sampled_from(["cites", "answers"]))
    def link(self, id: uuid.UUID, other: uuid.UUID, type: str) -> None:
        model, end = self.model[id], self.model[other]
        call = self.sides[model.organization].link(id, type, other)
        if id == other:
            self._refused(call, InvalidInput)
        elif not (model.live and end.live and model.organization == end.organization):
            self._refused(call, NotFound)
        else:
            assert self.run(call).changed == ((type, other) not in model.links)
            model.links.add((type, other))

    @rule(id=documents, other=documents, type=st.sampled_from(["cites", "answers"]))
    def unlink(self, id: uuid.UUID, other: uuid.UUID, type: str) -> None:
        model = self.model[id]
        call = self.sides[model.organization].unlink(id, type, other)
        if not (model.live and self.model[other].live and (type, other) in model.links):
            self._refused(call, NotFound)
            return
        self.run(call)
        model.links.remove((type, other))

    @rule(id=documents, back=st.integers(0, 6))
    def travel_in_time(self, id: uuid.UUID, back: int) -> None:
        model = self.model[id]
        place = max(0, model.version - 1 - back)
        call = self.sides[model.organization].get(id, at=model.times[place])
        if model.purged or model.states[place][2]:
            self._refused(call, NotFound)
        else:
            assert self.run(call).body == model.states[place][0]

    @rule(id=documents)
    def the_other_organization_finds_nothing(self, id: uuid.UUID) -> None:
        other = self.sides[1 - self.model[id].organization]
        self._refused(other.get(id, deleted=True), NotFound)
        self._refused(other.patch(id, {"p": 1}), NotFound)
        self._refused(other.history(id), NotFound)

    @invariant()
    def heads_and_histories_agree(self) -> None:
        for id, model in list(getattr(self, "model", {}).items())[-4:]:
            docs = self.sides[model.organization]
            if model.purged:
                self._refused(docs.get(id, deleted=True), NotFound)
                continue
            doc = self.run(docs.get(id, deleted=True))
            assert (doc.version, doc.body, doc.metadata, doc.deleted_at is not None) == (
                model.version,
                model.body,
                model.metadata,
                model.deleted,
            )
            history = self.run(docs.history(id))
            assert [entry.number for entry in history] == list(range(model.version, 0, -1))
            assert [entry.created_at for entry in reversed(history)] == model.times

    @invariant()
    def labels_and_links_agree(self) -> None:
        for id, model in list(getattr(self, "model", {}).items())[-4:]:
            docs = self.sides[model.organization]
            shown = {label.name.lower(): label.confidence for label in self.run(docs.labels(id))}
            assert shown == (model.labels if model.live else {})
            links = {(link.type, link.target) for link in self.run(docs.links(id, direction="out")).links}
            live = {(type, other) for type, other in model.links if self.model[other].live}
            assert links == (live if model.live else set())

    @invariant()
    def counts_agree(self) -> None:
        for who, docs in enumerate(getattr(self, "sides", [])):
            live = sum(model.live for model in self.model.values() if model.organization == who)
            assert self.run(docs.count("thing")) == live

    def _named(self, who: int, name: str | None) -> uuid.UUID | None:
        if name is None:
            return None
        found = (i for i, m in self.model.items() if m.organization == who and m.name == name and m.live)
        return next(found, None)

    def _record(self, model: Model, doc: Document, body: dict, metadata: dict) -> None:
        if not model.states or (body, metadata, False) != model.states[-1]:
            model.states.append((body, metadata, False))
            model.times.append(doc.updated_at)
            assert doc.changed
        assert (doc.version, doc.body, doc.metadata) == (model.version, body, metadata)

    def _refused(self, call: Any, error: type[Exception]) -> None:
        try:
            self.run(call)
        except error:
            return
        raise AssertionError(f"{error.__name__} was not raised")


class _Holder:
    def __init__(self, app: Pool) -> None:
        self.app = app


def test_the_store_equals_a_plain_python_model(connect_arguments: dict[str, Any]) -> None:
    """S0-176"""
    machine = type("Machine", (StoreMachine,), {"arguments": connect_arguments})
    machine.TestCase.settings = settings(  # type: ignore[attr-defined]
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    machine.TestCase().runTest()  # type: ignore[attr-defined]
