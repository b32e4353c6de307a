"""The reference pages, written from the code they describe: a page cannot say what the code does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.reference import commands, errors, python, settings, sql

FOLDER = Path("docs/reference")
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": commands.page,
    "errors.md": errors.page,
    "python.md": python.page,
    "settings.md": settings.page,
    "sql.md": sql.page,
}


def write() -> list[Path]:
    """Write every page; the paths of those that changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return [path for name, page in PAGES.items() if _write(path := FOLDER / name, page())]


def _write(path: Path, text: str) -> bool:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True
