"""What processing gives: one closed shape for each processing type, chosen by the type and never guessed.

A field that is misspelt or missing is refused; what a shape has no place for goes into its `metadata`. A component
whose result is one of these leaves a *result* when its run completes, with nothing to declare.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from octavo.errors import InvalidInput

ProcessingType = Literal[
    "classification",
    "sentiment",
    "topic_modeling",
    "summarization",
    "entity_extraction",
    "keyword_extraction",
    "embedding",
]
# How far sums of shares and repeated scores may be off: floats in JSON, rounded by whoever made them.
_TOLERANCE = 1e-3
Share = Annotated[float, Field(ge=0, le=1)]
Word = Annotated[str, Field(min_length=1, max_length=500)]


class Shape(BaseModel):
    """What all shapes have in common: no unknown field, no NaN, and a free `metadata`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    metadata: dict[str, Any] = {}


class Classification(Shape):
    """The category of a text, and what the others scored; the predicted one has the highest score."""

    predicted_category: Word
    confidence: Share
    category_scores: Annotated[dict[Word, Share], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_the_top(self) -> Self:
        top = max(self.category_scores.values())
        if self.category_scores.get(self.predicted_category) != top:
            raise ValueError("predicted_category is not the one with the highest of category_scores")
        return self


Feeling = Literal["very_negative", "negative", "neutral", "positive", "very_positive"]


class Sentiment(Shape):
    """How a text feels: one of five, a score from -1 to 1, and emotions from 0 to 1."""

    sentiment: Feeling
    score: Annotated[float, Field(ge=-1, le=1)]
    confidence: Share
    emotion_scores: dict[Word, Share]


class TopicWord(BaseModel):
    """A word of a topic: its weight in the topic, and how often the text has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    word: Word
    weight: Annotated[float, Field(ge=0)]
    frequency: Annotated[int, Field(ge=0)]


class Topics(Shape):
    """The share of each topic, by its number, in a text; the shares sum to 1 and the dominant one is the greatest."""

    topic_distribution: Annotated[dict[int, Share], Field(min_length=1)]
    dominant_topic: int
    dominant_topic_score: Share
    keywords: list[TopicWord]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        shares = self.topic_distribution
        total = sum(shares.values())
        if abs(total - 1) > _TOLERANCE:
            raise ValueError(f"topic_distribution sums to {total:.4f}, not to 1")
        if shares.get(self.dominant_topic) != max(shares.values()):
            raise ValueError("dominant_topic is not the one with the greatest share")
        if abs(shares[self.dominant_topic] - self.dominant_topic_score) > _TOLERANCE:
            raise ValueError("dominant_topic_score is not the share of dominant_topic")
        return self


class Summary(Shape):
    """A summary, and how long it is beside the text: `ratio` is its length by the text's."""

    summary: str
    ratio: Share


class Entity(BaseModel):
    """A thing that is named in a text: `text` is what stands there from character `start` to before `end`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    text: Word
    type: Word
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    confidence: Share

    @model_validator(mode="after")
    def _is_as_long_as_its_span(self) -> Self:
        if self.end - self.start != len(self.text):
            raise ValueError(f"the span {self.start} to {self.end} is not as long as {self.text[:50]!r}")
        return self


class Entities(Shape):
    """What is named in a text."""

    entities: list[Entity]


class Keyword(BaseModel):
    """A word or phrase that a text is about, and how often the text has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    word: Word
    weight: Annotated[float, Field(ge=0)]
    frequency: Annotated[int, Field(ge=0)]


class Keywords(Shape):
    """What a text is about, the weightiest first."""

    keywords: list[Keyword]


class Embedding(Shape):
    """That a text was embedded: in how many passages, of so many dimensions; the vectors are the engine's."""

    dimensions: Annotated[int, Field(ge=1)]
    passages: Annotated[int, Field(ge=0)]


RESULT_TYPES: dict[ProcessingType, type[Shape]] = {
    "classification": Classification,
    "sentiment": Sentiment,
    "topic_modeling": Topics,
    "summarization": Summary,
    "entity_extraction": Entities,
    "keyword_extraction": Keywords,
    "embedding": Embedding,
}


_TYPE_OF: dict[type[BaseModel] | None, ProcessingType] = {shape: type for type, shape in RESULT_TYPES.items()}


def processing_type_of(model: type[BaseModel] | None) -> ProcessingType | None:
    """The processing type whose shape a component's result has; None when it makes no result."""
    return _TYPE_OF.get(model)


def processing_type(text: object) -> ProcessingType:
    """A processing type by its name; raises `InvalidInput` for another word, with those there are."""
    if text not in RESULT_TYPES:
        raise InvalidInput(
            f"{str(text)[:100]!r} is no processing type", remedy=f"there are: {', '.join(RESULT_TYPES)}"
        )
    return text


def result_shape(type: ProcessingType, value: object) -> Shape:
    """A value as the shape of its type.

    Raises:
        InvalidInput: a field is unknown, missing or out of its range; says which.
    """
    shape = RESULT_TYPES[type]
    if isinstance(value, shape):
        return value
    given = value.model_dump() if isinstance(value, BaseModel) else value
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"])) or type
        raise InvalidInput(
            f"this is no result of {type}: {path}: {first['msg']}",
            remedy=f"its fields are {', '.join(shape.model_fields)}; what else there is goes into metadata",
        ) from None
