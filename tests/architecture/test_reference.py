"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from tools import reference


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_a_reference_page_is_what_the_code_would_write_now(name):
    written = (reference.FOLDER / name).read_text("utf-8")

    assert written == reference.PAGES[name](), "run `make docs` and commit what it writes"
