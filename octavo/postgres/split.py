"""SQL text, cut into its statements where PostgreSQL would cut it."""

from __future__ import annotations

import re

# What may hold a semicolon that ends nothing: comments, strings, quoted names, dollar-quoted bodies.
_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"[^"]*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?P<end>;)""", re.DOTALL
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def split(sql: str) -> list[str]:
    """The statements of a text in their order, each with the comments before it and without its semicolon.

    A function body between `BEGIN ATOMIC` and `END` is the one thing not understood: quote it with dollars.
    """
    ends = [match.start() for match in _TOKEN.finditer(sql) if match["end"]]
    starts = [0, *(end + 1 for end in ends)]
    parts = [sql[start:end] for start, end in zip(starts, [*ends, len(sql)], strict=True)]
    return [part.strip() for part in parts if bare(part)]


def bare(sql: str) -> str:
    """A text without its comments and the space around it."""

    def keep(match: re.Match[str]) -> str:
        return " " if _COMMENT.fullmatch(match[0]) else match[0]

    return _TOKEN.sub(keep, sql).strip()
