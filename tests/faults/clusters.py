"""A cluster that misbehaves: it stands before a real one, passes requests on, and does what a test tells it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

_LARGEST = 64 * 1024 * 1024

Pass = Callable[[], Awaitable[web.Response]]
# What is answered to a request: None to pass it on, or what becomes of it.
Rule = Callable[[web.Request, Pass], Awaitable[web.Response | None]]


class Cluster:
    """Where it listens, what it was asked, and the rule it follows."""

    def __init__(self, behind: str) -> None:
        self.host = ""
        self.asked: list[str] = []
        self.rule: Rule | None = None
        self._behind = behind

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Cluster]:
        """While it answers, on a free port."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.host = "{}:{}".format(*runner.addresses[0][:2])
        async with aiohttp.ClientSession() as self._session:
            yield self
        await runner.cleanup()

    def refuse(self, part: str, status: int, kind: str, reason: str = "") -> None:
        """Answer requests with this in their path by an error of the cluster."""

        async def rule(request: web.Request, _: Pass) -> web.Response | None:
            error = {"error": {"type": kind, "reason": reason}, "status": status}
            return web.json_response(error, status=status) if part in request.path else None

        self.rule = rule

    def refuse_items(self, status: int, kind: str, having: str) -> None:
        """Answer for every item whose line has this by an error, and do not pass it on."""

        async def rule(request: web.Request, _: Pass) -> web.Response | None:
            lines = (await request.text()).splitlines()
            if not request.path.endswith("_bulk") or having not in lines[-1]:
                return None
            error = {"type": kind, "reason": "a secret value"}
            items = [
                {"index": {"_id": json.loads(line)["index"]["_id"], "status": status, "error": error}}
                for line in lines[::2]
            ]
            return web.json_response({"errors": True, "items": items})

        self.rule = rule

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        told = None if self.rule is None else await self.rule(request, lambda: self._passed(request))
        return told if told is not None else await self._passed(request)

    async def _passed(self, request: web.Request) -> web.Response:
        url = f"http://{self._behind}{request.path_qs}"
        kind = {"Content-Type": request.content_type}
        async with self._session.request(
            request.method, url, data=await request.read() or None, headers=kind
        ) as answer:
            body = await answer.read()
            return web.Response(body=body, status=answer.status, content_type="application/json")


class Gate:
    """Holds requests until it is opened; tells when one is held."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def before(self, part: str, containing: str = "") -> Rule:
        """Hold requests with this in their path and that in their body."""

        async def rule(request: web.Request, _: Pass) -> web.Response | None:
            if part in request.path and containing in await request.text():
                self.reached.set()
                await self.opened.wait()
            return None

        return rule


def answer_of(text: str, kind: str) -> Rule:
    """Answer everything with this text."""

    async def rule(_: web.Request, __: Pass) -> web.Response | None:
        return web.Response(text=text, content_type=kind)

    return rule


def changed(part: str, change: Callable[[Any], None]) -> Rule:
    """Change the answers to requests with this in their path."""

    async def rule(request: web.Request, passed: Pass) -> web.Response | None:
        if part not in request.path:
            return None
        answer = json.loads((await passed()).body or b"{}")
        change(answer)
        return web.json_response(answer)

    return rule
