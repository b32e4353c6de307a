"""Topics: what a collection is about, each with a name, words and a vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, LimitExceeded
from octavo.values.actor import Actor

MAX_TOPICS = 500
MAX_SETS = 100
MAX_KEYWORDS = 100
MAX_CHARACTERS = 200
MAX_DIMENSIONS = 16_000
# Words by which a topic without a name is known to a reader.
TITLE_WORDS = 4
_LARGEST = 2**31 - 1


class TopicDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic as a caller gives it.

    Attributes:
        topic_id: its number in the model; that of `dominant_topic` in the results of documents.
        name: how a reader knows it; by default its first four keywords.
        keywords: the weightiest first, 100 at most.
        coherence_score: how well its words belong together, on the scale of whoever measured it.
        vector: all topics of a set have one, or none has.
    """

    topic_id: int
    name: str = ""
    keywords: list[str] = []
    coherence_score: float | None = None
    vector: list[float] | None = None

    @property
    def title(self) -> str:
        """Its name, or else its first words."""
        return self.name or self._first_words

    @property
    def text(self) -> str:
        """What is embedded of it: its name, if somebody gave it one, and its words."""
        given = "" if self.name == self._first_words else self.name
        return ": ".join(part for part in (given, ", ".join(self.keywords)) if part)

    @property
    def _first_words(self) -> str:
        return ", ".join(self.keywords[:TITLE_WORDS])[:MAX_CHARACTERS]


class TopicSet(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of one version of one model.

    Attributes:
        topics: how many they are.
        embedder: whose vectors they have, as `name@version`; None: they have none.
        dimensions: numbers of a vector.
    """

    model: str
    model_version: str
    topics: int
    embedder: str | None
    dimensions: int | None
    made_at: datetime
    made_by: Actor

    @property
    def reference(self) -> str:
        """The version of the model in one word, as `press-topics@2`."""
        return f"{self.model}@{self.model_version}"

    def as_dict(self) -> dict[str, Any]:
        """The set as plain data."""
        return {**msgspec.structs.asdict(self), "made_by": str(self.made_by)}


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic.

    Attributes:
        topic_id: its number in the model.
        keywords: the weightiest first.
        coherence_score: how well its words belong together, on the scale of whoever measured it.
        document_count: live documents whose current version has this topic before all others, by the newest
            result of the model's version; None where nobody counted.
        embedder: whose vector is kept of it, as `name@version`; None: none is.
        similarity: to what was asked for, -1 to 1; None where nothing was.
    """

    model: str
    model_version: str
    topic_id: int
    name: str
    keywords: Sequence[str]
    coherence_score: float | None
    document_count: int | None
    embedder: str | None
    similarity: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The topic as plain data."""
        return msgspec.structs.asdict(self)


class TopicDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document that belongs to a topic.

    Attributes:
        version: that the result is of.
        share: of the topic in the document's text, 0 to 1.
    """

    id: UUID
    namespace: str
    type: str
    name: str | None
    version: int
    share: float

    def as_dict(self) -> dict[str, Any]:
        """The document as plain data."""
        return {**msgspec.structs.asdict(self), "id": str(self.id)}


def drafts_of(topics: Sequence[TopicDraft | Mapping[str, Any]]) -> list[TopicDraft]:
    """The topics of a set, looked at; raises `InvalidInput` and `LimitExceeded`."""
    if not 1 <= len(topics) <= MAX_TOPICS:
        raise LimitExceeded(
            f"a set of {len(topics)} topics",
            remedy=f"give 1 to {MAX_TOPICS}",
            limit=MAX_TOPICS,
            actual=len(topics),
        )
    drafts = [_draft(topic) for topic in topics]
    if len({draft.topic_id for draft in drafts}) < len(drafts):
        raise InvalidInput("two topics have the same topic_id", remedy="number them")
    lengths = {None if draft.vector is None else len(draft.vector) for draft in drafts}
    if len(lengths) > 1:
        raise InvalidInput(
            f"the vectors of the topics have lengths {sorted(map(str, lengths))}",
            remedy="give each topic a vector of the same model, or none of them",
        )
    return drafts


def _draft(topic: TopicDraft | Mapping[str, Any]) -> TopicDraft:
    try:
        # Both ways, so that what a caller built is looked at as well.
        draft = msgspec.convert(msgspec.to_builtins(topic), TopicDraft)
    except (msgspec.ValidationError, TypeError) as error:
        raise InvalidInput(
            f"this is no topic: {error}", remedy=f"its fields are {', '.join(TopicDraft.__struct_fields__)}"
        ) from None
    if not draft.title:
        raise InvalidInput(f"topic {draft.topic_id} has neither a name nor keywords", remedy="give it one")
    if abs(draft.topic_id) > _LARGEST:
        raise InvalidInput(f"topic_id = {draft.topic_id}", remedy="number topics in 32 bits")
    if draft.coherence_score is not None and not math.isfinite(draft.coherence_score):
        raise InvalidInput(
            f"coherence_score = {draft.coherence_score}", remedy="give a finite number, or none"
        )
    _check_words(draft)
    _check_vector(draft)
    return draft


def _check_words(draft: TopicDraft) -> None:
    if len(draft.keywords) > MAX_KEYWORDS:
        raise LimitExceeded(
            f"topic {draft.topic_id} has {len(draft.keywords)} keywords",
            remedy=f"give the {MAX_KEYWORDS} weightiest",
            limit=MAX_KEYWORDS,
            actual=len(draft.keywords),
        )
    for word in (draft.title, *draft.keywords):
        if not word.strip() or len(word) > MAX_CHARACTERS or "\x00" in word:
            raise InvalidInput(
                f"{word[:50]!r} is no name and no keyword of topic {draft.topic_id}",
                remedy=f"give 1 to {MAX_CHARACTERS} characters",
            )


def _check_vector(draft: TopicDraft) -> None:
    vector = draft.vector
    if vector is None:
        return
    if not 1 <= len(vector) <= MAX_DIMENSIONS or not all(map(math.isfinite, vector)) or not any(vector):
        raise InvalidInput(
            f"topic {draft.topic_id} has no vector of {len(vector)} numbers that could be compared",
            remedy=f"give 1 to {MAX_DIMENSIONS} finite numbers that are not all 0",
        )
