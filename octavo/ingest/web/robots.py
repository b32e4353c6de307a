"""What a site asks of programs (robots.txt, RFC 9309), asked once a run."""

from __future__ import annotations

from urllib.robotparser import RobotFileParser

from octavo.errors import RefusedFile

_LINES = 20_000
_LONGEST_DELAY_SECONDS = 10.0


class Rules:
    """The rules of one site for this program."""

    def __init__(self, text: str, agent: str) -> None:
        self._agent = agent
        self._parser = RobotFileParser()
        self._parser.parse(text.splitlines()[:_LINES])

    @property
    def delay_seconds(self) -> float:
        """What the site wants between two requests; no more than ten seconds."""
        told = self._parser.crawl_delay(self._agent)
        return min(float(told), _LONGEST_DELAY_SECONDS) if told else 0.0

    def check(self, url: str) -> None:
        """Raise `RefusedFile` if the site asks programs not to fetch this."""
        if not self._parser.can_fetch(self._agent, url):
            raise RefusedFile("the site's robots.txt asks programs not to fetch it")
