"""Which generator a setting names, and what is refused."""

from __future__ import annotations

import pytest

import octavo
from octavo.engines.generators.choice import check, generator, parse
from octavo.engines.generators.local import LocalGenerator
from octavo.engines.generators.openai import OpenAIGenerator
from octavo.errors import InvalidSetting


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("openai:gpt-4o-mini@https://api.openai.com/v1", ("gpt-4o-mini", "https://api.openai.com/v1")),
        ("openai:llama3.2:3b@http://127.0.0.1:11434/v1", ("llama3.2:3b", "http://127.0.0.1:11434/v1")),
        ("openai:writer@2@http://host/v1", ("writer@2", "http://host/v1")),
    ],
)
def test_a_setting_names_a_model_and_where_it_is(setting, parts):
    assert parse(setting) == parts


async def test_the_generator_is_the_one_that_is_named():
    made = generator("openai:m@http://127.0.0.1:9/v1", {})

    assert (type(made), made.model, made.is_language_model) == (OpenAIGenerator, "m", True)
    assert type(generator("local", {})) is LocalGenerator
    await made.close()


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "openai",
        "openai:m",
        "openai:@https://h/v1",
        "openai:m@ftp://h/v1",
        "openai:m@https://",
        "llama:m@http://h",
    ],
)
def test_what_names_no_generator_is_refused_with_what_does(setting):
    with pytest.raises(InvalidSetting) as refused:
        check(setting)

    assert "give local or openai:" in refused.value.remedy
    assert refused.value.fields["setting"] == "generator"


def test_a_login_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(InvalidSetting) as refused:
        check("openai:model@https://user:secret@host/v1")

    assert "secret" not in str(refused.value.as_dict())


async def test_a_database_with_a_wrong_generator_is_not_opened(tmp_path):
    with pytest.raises(InvalidSetting, match="generator = 'llama'"):
        await octavo.open(tmp_path / "data", generator="llama")

    assert not (tmp_path / "data").exists()
