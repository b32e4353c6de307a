"""Which text of a document is searched, and in what language."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.projections.searchable import DESCRIPTION_CHARACTERS, TITLE_CHARACTERS, searchable, text_of
from octavo.roles.search import MATCH_START
from octavo.values.json import encode


def row(body, *, metadata=None, name=None, preview=None, language=None):
    return {
        "organization_id": uuid.UUID(int=1),
        "id": uuid.UUID(int=2),
        "namespace": "default",
        "type": "article",
        "name": name,
        "version": 3,
        "body": encode(body),
        "metadata": encode(metadata or {}),
        "preview": preview,
        "language": language,
    }


def text(document):
    return " ".join(passage.text for passage in document.passages)


@pytest.mark.parametrize(
    ("body", "name", "title"),
    [
        ({"title": "A", "name": "B"}, "c", "A"),
        ({"name": "B"}, "c", "B"),
        ({}, "c", "c"),
        ({"title": "  ", "name": 7}, "c", "c"),
        ({}, None, None),
    ],
)
def test_the_title_is_the_bodys_title_or_name_or_the_documents_name(body, name, title):
    assert searchable(row(body, name=name)).title == title


def test_a_name_that_is_not_the_title_is_described():
    found = searchable(row({"title": "Report", "description": "Of the year"}, name="annual.pdf"))

    assert found.description == "Of the year\nannual.pdf"


def test_the_description_comes_from_the_body_before_the_metadata():
    assert searchable(row({}, metadata={"description": "m"})).description == "m"
    assert searchable(row({"description": "b"}, metadata={"description": "m"})).description == "b"


def test_the_preview_of_a_file_counts_when_the_body_has_none():
    assert searchable(row({}, preview="of the file")).preview == "of the file"
    assert searchable(row({"preview": "own"}, preview="of the file")).preview == "own"


def test_text_comes_first_and_the_rest_in_the_order_of_names():
    body = {
        "status": "draft",
        "content": "two",
        "text": "one",
        "author": {"name": "four", "city": "three"},
        "n": 5,
    }

    assert text_of(body) == "one\n\ntwo\n\nthree\n\nfour\n\ndraft"


def test_title_description_preview_and_language_are_not_text():
    assert (
        text_of({"title": "t", "description": "d", "preview": "p", "language": "de", "x": ["y", ["z"]]})
        == "y\n\nz"
    )


def test_a_document_without_any_text_is_searchable_by_nothing():
    found = searchable(row({"n": 1}))

    assert (found.title, found.description, found.preview, list(found.passages)) == (None, None, None, [])


def test_marks_of_highlights_are_taken_out_of_the_text():
    found = searchable(row({"title": f"a{MATCH_START}b", "text": f"c{MATCH_START}d"}))

    assert (found.title, text(found)) == ("ab", "cd")


def test_titles_and_descriptions_are_cut():
    found = searchable(row({"title": "t" * 5000, "description": "d" * 9000}))

    assert (len(found.title), len(found.description)) == (TITLE_CHARACTERS, DESCRIPTION_CHARACTERS)


@pytest.mark.parametrize(
    ("body", "metadata", "of_file", "configuration"),
    [
        ({"language": "de-AT"}, {"language": "fr"}, "it", "german"),
        ({}, {"language": "fr"}, "it", "french"),
        ({}, {}, "it", "italian"),
        ({"language": "pl"}, {}, "en", None),
        ({"language": 7, "text": "Der Hund und die Katze sind nicht im Haus."}, {}, None, "german"),
        ({"text": "Der Hund und die Katze sind nicht im Haus."}, {}, "und", "german"),
        ({"text": "吾輩は猫である。名前はまだ無い。"}, {}, None, None),
        ({"text": "x = 1; y = 2"}, {}, None, "english"),
        ({"text": "fresh41 and new"}, {}, None, "english"),
        ({}, {}, None, "english"),
    ],
)
def test_the_language_is_given_or_told_by_the_text(body, metadata, of_file, configuration):
    assert searchable(row(body, metadata=metadata, language=of_file)).configuration == configuration


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["text", "content", "a", "b", "c"]), json, max_size=5))
def test_every_string_of_a_body_is_in_its_text_and_the_order_of_keys_means_nothing(body):
    def strings(value):
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [found for part in inner for found in strings(part)]

    apart = {"title", "description", "preview", "language"}
    assert all(string in text_of(body) for key in body.keys() - apart for string in strings(body[key]))
    assert text_of(dict(reversed(body.items()))) == text_of(body)
