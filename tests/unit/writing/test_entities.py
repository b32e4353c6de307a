"""entities: what has a form, what a title, a legal form or a list of places tells, and exactly where it stands."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from octavo.components.entities import EntitiesConfig, entities, entities_in
from octavo.errors import InvalidPipeline, StepFailed

# Lines of Debian's documentation and of this project's example documents, judged by a person. The rules were mended by
# the seen ones; the others were judged when all but the rule of names before an address was there.
SEEN, UNSEEN = (Path(__file__).with_name(f"{name}_entities.txt") for name in ("seen", "unseen"))
_MARK = re.compile(r"⟦([A-Z]+)\|(.*?)⟧")


def found(text: str, **config: object) -> list[tuple[str, str]]:
    return [(one.type, one.text) for one in entities_in(text, EntitiesConfig(**config))]


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("(see https://example.org/a_(b), please)", ("URL", "https://example.org/a_(b)")),
        ("at www.example.org.", ("URL", "www.example.org")),
        ("to first.last+tag@mail.example.co.uk.", ("EMAIL", "first.last+tag@mail.example.co.uk")),
        ("IBAN DE89 3704 0044 0532 0130 00 now", ("IBAN", "DE89 3704 0044 0532 0130 00")),
        ("card 4111 1111 1111 1111", ("CARD", "4111 1111 1111 1111")),
        ("call +49 30 901820", ("PHONE", "+49 30 901820")),
        ("from 192.168.1.254:80", ("IP", "192.168.1.254")),
        ("from 2001:db8::1 on", ("IP", "2001:db8::1")),
        ("fixes CVE-2024-12345.", ("CVE", "CVE-2024-12345")),
        ("id 6f1c1a52-2a5e-4d57-9d6e-0d4b1c7a9f10", ("UUID", "6f1c1a52-2a5e-4d57-9d6e-0d4b1c7a9f10")),
        ("on 2024-02-29,", ("DATE", "2024-02-29")),
        ("am 4. Juli 2023", ("DATE", "4. Juli 2023")),
        ("le 1er mai 2024", ("DATE", "1er mai 2024")),
        ("on March 3rd, 1992", ("DATE", "March 3rd, 1992")),
        ("on 12/31/2024", ("DATE", "12/31/2024")),
        ("for $1,234.50 only", ("MONEY", "$1,234.50")),
        ("für 1.234,56 €", ("MONEY", "1.234,56 €")),
        ("of 5 million EUR", ("MONEY", "5 million EUR")),
        ("Dear Dr. Anna von Berg,", ("PERSON", "Anna von Berg")),
        ("by Acme Widgets GmbH & Co. KG of", ("ORGANIZATION", "Acme Widgets GmbH & Co. KG")),
        ("at the University of Oxford", ("ORGANIZATION", "University of Oxford")),
        ("They went to New York.", ("LOCATION", "New York")),
        ("Germany won.", ("LOCATION", "Germany")),
    ],
)
def test_what_is_named_is_found(text, entity):
    """S0-142."""
    assert found(text) == [entity]


@pytest.mark.parametrize(
    "text",
    [
        "IBAN DE89 3704 0044 0532 0130 01",
        "card 4111 1111 1111 1112",
        "version 1.2.3.4.5 and 300.1.1.1",
        "2024-02-30 and 31.02.2024 and 13/32/2024",
        "at 10:30 we may 2024 times",
        "Nice Reading in Mobile",
        "user@localhost and @name",
        "no. 12345 of 67890",
    ],
)
def test_what_only_looks_like_it_is_not(text):
    assert found(text) == []


def test_a_national_number_is_found_with_its_country():
    assert found("Tel. (030) 901820") == []
    assert found("Tel. (030) 901820", region="DE") == [("PHONE", "(030) 901820")]


def test_only_wanted_types_are_given_and_others_still_take_their_place():
    text = "mail a@example.org about https://example.org on 2024-01-02"

    assert found(text, types=["DATE", "EMAIL"]) == [("EMAIL", "a@example.org"), ("DATE", "2024-01-02")]
    assert found("see https://example.org/2024-01-02", types=["DATE"]) == []


def test_what_is_less_sure_can_be_left_out():
    assert found("They went to Cedar Park.", least_confidence=0.7) == []


def test_spans_point_at_the_exact_text_of_a_field(given):
    """S0-142: stored entity spans point at the exact text."""
    text = "🎉 Ünïcödé — Dr. Zoë Ångström, zoe@example.org, 2024-01-02"

    made = entities.bind(EntitiesConfig(field="a.text"))(given({"a": {"text": text}}))

    assert [one.type for one in made.entities] == ["PERSON", "EMAIL", "DATE"]
    assert all(text[one.start : one.end] == one.text for one in made.entities)


def test_a_field_that_is_not_there_and_a_type_there_is_not_are_told(given):
    with pytest.raises(StepFailed, match="has no field 'b'"):
        entities.bind(EntitiesConfig(field="b"))(given({"a": 1}))
    with pytest.raises(InvalidPipeline):
        entities.configured({"types": ["ANIMAL"]})


PIECES = "Dr. ~Ann ~O'B ~Acme ~Inc.~, ~a@b.cd~http://x.y/(~)~1~12~-~.~:~$~ €~2024-01-02~May ~+49 30 ~Berlin~\n~é~🎉~ "


@settings(max_examples=80)
@generated(st.lists(st.sampled_from(PIECES.split("~")), max_size=25).map("".join))
def test_entities_of_any_text_are_exact_ordered_and_apart(text):
    made = entities_in(text)

    assert all(text[one.start : one.end] == one.text for one in made)
    assert all(before.end <= after.start for before, after in pairwise(made))


@pytest.mark.parametrize("piece", ["Aa ", "1 ", "a@", "a.b", "1.", "Dr. ", "Aa, ", "http://a)", ":"])
def test_work_grows_with_the_text_and_no_faster(piece):
    """A pattern that would look at everything again and again does not end within the time a test has."""
    assert isinstance(entities_in(piece * (20_000 // len(piece))), list)


def test_on_real_documentation_forms_are_found_and_names_as_far_as_is_told():
    """The figures of docs/how-to/generate-text.md."""
    seen, unseen = judged(SEEN), judged(UNSEEN)

    assert {kind: seen[kind] for kind in ("DATE", "IP", "LOCATION", "ORGANIZATION", "PERSON")} == {
        "DATE": (9, 0, 0),
        "IP": (1, 2, 0),
        "LOCATION": (6, 1, 0),
        "ORGANIZATION": (9, 2, 3),
        "PERSON": (1, 0, 9),
    }
    assert unseen == {
        "DATE": (1, 0, 0),
        "EMAIL": (14, 0, 0),
        "LOCATION": (1, 0, 1),
        "ORGANIZATION": (10, 0, 1),
        "PERSON": (9, 0, 4),
        "URL": (7, 0, 0),
    }


def judged(file: Path) -> dict[str, tuple[int, int, int]]:
    """Of each type: entities that were found rightly, wrongly, and not."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for line in file.read_text("utf-8").splitlines():
        wanted = Counter((kind, text) for kind, text in _MARK.findall(line))
        told = Counter(found(_MARK.sub(r"\2", line)))
        for kinds, entities_of in ((right, wanted & told), (wrong, told - wanted), (missed, wanted - told)):
            for (kind, _), number in entities_of.items():
                kinds[kind] += number
    return {kind: (right[kind], wrong[kind], missed[kind]) for kind in sorted(right | wrong | missed)}
