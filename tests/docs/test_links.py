"""The documentation holds together: links lead somewhere, and every page can be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import anchors, links, pages


def local_links(page: Path) -> list[tuple[Path, str]]:
    """(file, anchor) of the links of a page that stay in the repository."""
    found = []
    for link in links(page):
        if "://" not in link and not link.startswith("mailto:"):
            target, _, anchor = link.partition("#")
            found.append(((page.parent / target).resolve() if target else page.resolve(), anchor))
    return found


@pytest.mark.parametrize("page", pages(), ids=str)
def test_the_links_of_a_page_lead_somewhere(page: Path):
    for target, anchor in local_links(page):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"


def test_every_page_can_be_reached_from_the_readme():
    reached, ahead = set(), [Path("README.md").resolve()]
    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            ahead += [target for target, _ in local_links(page)]

    assert {page.resolve() for page in pages()} - reached == set()
