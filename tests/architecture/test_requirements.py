"""The coverage of the requirements is what the tests say it is."""

from __future__ import annotations

from tools import requirements


def test_the_page_is_what_the_tests_would_write_now():
    assert requirements.PAGE.read_text("utf-8") == requirements.page(), (
        "run `make docs` and commit what it writes"
    )


def test_every_requirement_that_a_test_or_a_decision_names_exists():
    listed = requirements.read()

    assert requirements.named() - listed.ids() == set()
    assert listed.otherwise.keys() - listed.ids() == set()


def test_no_requirement_is_both_shown_and_decided_otherwise():
    assert requirements.shown().keys() & requirements.read().otherwise.keys() == set()


def test_a_requirement_counts_as_shown_by_the_test_that_names_it_only(tmp_path):
    # Put together here, or this file itself would name a requirement.
    row = "S0" + "-001"
    (tmp_path / "test_one.py").write_text(
        f'def test_a():\n    """{row}"""\n\ndef help_a():\n    """{row}"""\n'
    )

    assert requirements.shown(tmp_path) == {row: [f"{tmp_path.as_posix()}/test_one.py::test_a"]}
