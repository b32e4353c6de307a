"""topics: how much of each topic of a trained topic model a document's text has."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from octavo.components.fields import content, texts
from octavo.components.loaded import Loaded
from octavo.components.trained.topic_model import TopicModel
from octavo.components.trained.used import weights
from octavo.values.component import Given, ModelName, component
from octavo.values.result import Topics, TopicWord

# Words by which a topic is known to a reader.
_TITLE_WORDS = 4


class TopicsConfig(BaseModel):
    """By which model, as `news-topics@production`, over what, and how many words of the dominant topic are told.

    `field` is what is looked at, as `article.text`; without it every text of the body.
    """

    model: ModelName
    field: str | None = None
    most_words: Annotated[int, Field(ge=1, le=100)] = 10


class FindingTopics:
    """The share of each topic in a document's text, and the words of the dominant one that the text has."""

    def __init__(self, config: TopicsConfig) -> None:
        self._config = config
        self._models = Loaded(TopicModel.loads)

    def __call__(self, given: Given) -> Topics:
        """The distribution over topics, which sums to 1."""
        text = texts(content(given, self._config.field))
        given.measure(tokens_in=len(text.split()))
        return topics_of(self._models.of(weights(given)), text, self._config.most_words)


def topics_of(model: TopicModel, text: str, most_words: int = 10) -> Topics:
    """The topics of a text; topics that share it alike are told by the lowest number."""
    (shares,) = model.shares([text]).tolist()
    dominant = max(range(len(shares)), key=lambda topic: (shares[topic], -topic))
    title = ", ".join(word for word, _ in model.best_words(dominant, _TITLE_WORDS))
    return Topics(
        topic_distribution=dict(enumerate(shares)),
        dominant_topic=dominant,
        dominant_topic_score=shares[dominant],
        keywords=[
            TopicWord(word=word, weight=weight, frequency=count)
            for word, weight, count in model.words_of(text, dominant, most_words)
        ],
        metadata={"title": title},
    )


topics = component("topics", version=1)(FindingTopics)
