"""Which embedder a setting names, and what is refused."""

from __future__ import annotations

import pytest

from octavo.engines.embedders.choice import Embedders, check, parse
from octavo.engines.embedders.openai import OpenAIEmbedder
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.vectors import choice as vectors
from octavo.errors import InvalidSetting, MissingExtra
from octavo.roles.embedder import Model


@pytest.mark.parametrize(
    ("setting", "model", "url"),
    [
        (
            "openai:text-embedding-3-small@https://api.openai.com/v1",
            Model("text-embedding-3-small", "1", 1536),
            "https://api.openai.com/v1",
        ),
        (
            "openai:nomic-embed-text@http://127.0.0.1:11434/v1?dimensions=768&version=1.5",
            Model("nomic-embed-text", "1.5", 768),
            "http://127.0.0.1:11434/v1",
        ),
        ("sentence-transformers:intfloat/e5-small?dimensions=384", Model("intfloat/e5-small", "1", 384), ""),
    ],
)
def test_a_setting_names_a_model_and_where_it_is(setting, model, url):
    named = parse(setting)

    assert (named.model, named.url) == (model, url)


def test_shortened_vectors_are_asked_for_only_of_models_that_can():
    assert parse("openai:text-embedding-3-large@https://h/v1?dimensions=256").shortened
    assert not parse("openai:text-embedding-3-large@https://h/v1").shortened
    assert not parse("openai:other@https://h/v1?dimensions=256").shortened


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "openai",
        "openai:model",
        "openai:@https://h/v1?dimensions=8",
        "openai:model@https://h/v1",
        "openai:model@https://h/v1?dimensions=0",
        "openai:model@https://h/v1?dimensions=9999",
        "openai:model@ftp://h/v1?dimensions=8",
        "openai:model@https://h/v1?dimensions=8&color=red",
        "sentence-transformers:model",
        "word2vec:model?dimensions=8",
    ],
)
def test_what_names_no_embedder_is_refused_with_what_does(setting):
    with pytest.raises(InvalidSetting) as refused:
        check(setting)

    assert "wordllama" in refused.value.remedy
    assert refused.value.fields["setting"] == "embedder"


def test_a_login_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(InvalidSetting) as refused:
        check("openai:model@https://user:secret@host/v1?dimensions=8")

    assert "secret" not in str(refused.value.as_dict())


async def test_an_embedder_is_made_once_and_known_by_its_model():
    embedders = Embedders()

    offline = embedders.named("wordllama")
    remote = embedders.named("openai:model@http://127.0.0.1:9/v1?dimensions=8")

    assert (type(offline), type(remote)) == (WordLlamaEmbedder, OpenAIEmbedder)
    assert embedders.named("wordllama") is offline
    assert embedders.of(remote.model) is remote
    await embedders.close()


def test_what_is_not_installed_is_named():
    with pytest.raises(MissingExtra) as refused:
        Embedders().named("sentence-transformers:model?dimensions=8")

    assert "octavo[sentence-transformers]" in refused.value.remedy


def test_the_url_of_an_engine_tells_its_embedder():
    """S0-109: vectors of two models never share an engine."""
    assert vectors.address("postgres", "wordllama") == "postgres#wordllama"
    assert vectors.address("postgres#openai:m@https://h/v1?dimensions=8", "wordllama") == (
        "postgres#openai:m@https://h/v1?dimensions=8"
    )
    assert vectors.embedder_of("postgres#wordllama") == "wordllama"
    assert vectors.lease_name("postgres#a") != vectors.lease_name("postgres#b")


@pytest.mark.parametrize("url", ["", "none", "postgres:", "mysql://h", "weaviate://h"])
def test_what_names_no_vector_engine_is_refused(url):
    with pytest.raises(InvalidSetting) as refused:
        vectors.address(url, "wordllama")

    assert refused.value.fields["setting"] == "vectors"
