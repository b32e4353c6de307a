"""Templates: their structure, their variables, and how long their texts shall be."""

from __future__ import annotations

import pytest

from octavo.components.template import TemplateConfig, filled, template
from octavo.errors import InvalidPipeline, InvalidTemplate
from octavo.values.template import parse_template

SAMPLE = {
    "description": "Template for technical articles with structured sections",
    "structure": {
        "sections": [
            {
                "id": "introduction",
                "type": "text",
                "name": "Introduction",
                "instructions": "Introduce {{ topic }}",
                "word_range": [150, 300],
            },
            {
                "id": "main_content",
                "type": "sections",
                "name": "Main Content",
                "each": "aspects",
                "min_sections": 2,
                "max_sections": 5,
                "section_template": {
                    "type": "text",
                    "instructions": "Expand on {{ item }}, which is number {{ number }}",
                    "word_range": [300, 600],
                },
            },
            {"id": "conclusion", "name": "Conclusion", "text": "That was {{ topic }}.", "word_range": [2, 5]},
        ]
    },
    "metadata": {"tags": ["technical"], "category": "educational", "target_audience": "developers"},
    "is_active": True,
}


def of(*sections: dict, **data: object):
    return filled(parse_template({"structure": {"sections": list(sections)}}), data)


def test_a_template_round_trips():
    """S4-020, S4-022, S4-025."""
    read = parse_template(SAMPLE)

    assert parse_template(read.as_dict()) == read
    assert read.structure.sections[1].section_template.word_range == (300, 600)
    assert read.metadata == SAMPLE["metadata"]


def test_sections_are_filled_with_their_sub_sections():
    made = filled(parse_template(SAMPLE), {"topic": "queues", "aspects": ["fairness", "leases"]})

    introduction, main, conclusion = made.sections
    assert introduction.instructions == "Introduce queues"
    assert [(one.id, one.name, one.instructions) for one in main.sections] == [
        ("main_content-1", "fairness", "Expand on fairness, which is number 1"),
        ("main_content-2", "leases", "Expand on leases, which is number 2"),
    ]
    assert (conclusion.text, conclusion.words, conclusion.warnings) == ("That was queues.", 3, [])
    assert made.text == (
        "# Introduction\n\n# Main Content\n\n## fairness\n\n## leases\n\n# Conclusion\n\nThat was queues."
    )


@pytest.mark.parametrize("aspects", [["one"], list("abcdef")])
def test_more_or_fewer_sub_sections_than_there_may_be_are_refused(aspects):
    """S4-023."""
    with pytest.raises(InvalidTemplate, match=f"2 to 5 sub-sections, and 'aspects' has {len(aspects)} items"):
        filled(parse_template(SAMPLE), {"topic": "queues", "aspects": aspects})


def test_without_a_list_there_are_as_many_sub_sections_as_there_must_be():
    made = of(
        {"id": "a", "type": "sections", "min_sections": 2, "section_template": {"text": "{{ number }}"}}
    )

    assert [one.text for one in made.sections[0].sections] == ["1", "2"]


def test_a_text_of_the_wrong_length_is_flagged():
    """S4-024: of a text that is given."""
    made = of(
        {"id": "a", "text": "one two", "word_range": [3, 5]},
        {"id": "b", "text": "one two three", "word_range": [3, 5]},
    )

    assert made.warnings == ["a: 2 words, and shall have 3 to 5"]


def test_a_missing_variable_is_named_with_its_section():
    with pytest.raises(InvalidTemplate, match=r"intro\.text needs 'customer', which is not given"):
        of({"id": "intro", "text": "Dear {{ customer }}"})


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"id": "a b"}, r"\$\.structure\.sections\[0\]\.id"),
        ({"id": "a", "colour": "red"}, "colour"),
        ({"id": "a", "word_range": [5, 3]}, "shall have 5 to 3 words"),
        ({"id": "a", "type": "sections"}, "has no section_template"),
        ({"id": "a", "type": "sections", "text": "x", "section_template": {}}, "has a text and sub-sections"),
        ({"id": "a", "min_sections": 2}, "has min_sections, and no sub-sections"),
        (
            {"id": "a", "type": "sections", "min_sections": 3, "max_sections": 2, "section_template": {}},
            "3 to 2",
        ),
        (
            {"id": "a", "type": "sections", "section_template": {"word_range": [9, 1]}},
            "shall have 9 to 1 words",
        ),
        ({"id": "b"}, "two sections have the id 'b'"),
    ],
)
def test_what_is_no_template_is_refused(section, told):
    """S4-022."""
    with pytest.raises(InvalidTemplate, match=told):
        parse_template(
            {"structure": {"sections": [{"id": "b"}, section][:: 1 if section["id"] == "b" else -1]}}
        )


def test_a_step_fills_from_the_document_the_input_and_earlier_outputs(given):
    config = TemplateConfig(
        template={
            "structure": {
                "sections": [{"id": "a", "text": "{{ title }} {{ tone }} {{ count }} {{ outputs.c.n }}"}]
            }
        },
        data={"count": "outputs.c.n"},
    )

    made = template.bind(config)(given({"title": "T", "tone": "dry"}, input={"tone": "warm"}, c={"n": 4}))

    assert made.sections[0].text == "T warm 4 4"


def test_a_variable_that_is_nowhere_is_told_with_its_path(given):
    config = TemplateConfig(template={"structure": {"sections": [{"id": "a"}]}}, data={"n": "outputs.c.n"})

    with pytest.raises(
        InvalidTemplate, match=r"the variable n is to be 'outputs\.c\.n', and there is no 'c'"
    ):
        template.bind(config)(given({}))


def test_a_template_that_cannot_be_filled_is_refused_with_the_pipeline():
    with pytest.raises(InvalidPipeline, match=r"a\.text cannot be read, line 1"):
        template.configured({"template": {"structure": {"sections": [{"id": "a", "text": "{{ x() }}"}]}}})
