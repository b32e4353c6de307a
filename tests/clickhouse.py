"""ClickHouse for tests: its real engine, chDB, behind the little of its HTTP interface that our client speaks.

It is no server: what ClickHouse itself does with logins, replication or several inserts at once is not shown by it.
One process, one session, one thread; `python -m tests.clickhouse FOLDER` tells its port in `FOLDER/port`.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lz4.frame
from aiohttp import web

READY_SECONDS = 60.0
# Parameters of the URL that are no settings.
_NO_SETTING = {"query", "database", "user", "password", "query_id", "session_id", "compress", "decompress", "role",
               "client_protocol_version", "default_format", "session_check", "session_timeout",
               "enable_http_compression", "http_zlib_compression_level", "cancel_http_readonly_queries_on_client_close",
               "wait_end_of_query", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
               "quota_key", "buffer_size"}  # fmt: skip
_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT = re.compile(r"^\s*INSERT\s+INTO\s.*?\sFORMAT\s+(\w+)\s*$", re.IGNORECASE | re.DOTALL)
_CODE = re.compile(r"Code: (\d+)")
_READS = re.compile(r"^\s*(SELECT|WITH|SHOW|DESCRIBE|EXISTS|EXPLAIN)\b", re.IGNORECASE)


@contextmanager
def clickhouse() -> Iterator[str]:
    """The URL of a running one; it is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="octavo-clickhouse-") as name:
        folder = Path(name)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.clickhouse", name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            yield f"clickhouse://127.0.0.1:{_port(process, folder)}/octavo"
        finally:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], folder: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while not (folder / "port").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"chDB did not start: {(folder / 'log').read_text('utf-8', 'replace')[-2000:]}"
            )
        time.sleep(0.02)
    return (folder / "port").read_text("utf-8")


class Shim:
    """One session of chDB, asked by HTTP requests one after the other."""

    def __init__(self, folder: Path) -> None:
        # Seconds to import, and in the process of the server alone.
        from chdb import session  # noqa: PLC0415

        self._folder = folder
        self._session = session.Session(str(folder / "data"))
        self._thread = ThreadPoolExecutor(1)

    async def answer(self, request: Any) -> Any:
        body = await request.read()
        arguments = dict(request.query)
        encoding = request.headers.get("Content-Encoding", "")
        if request.content_type == "multipart/form-data":
            return web.Response(status=500, text="multipart is not understood here")
        body = _decoded(body, encoding)
        try:
            answer, form = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._ask, arguments, body
            )
        except RuntimeError as error:
            code = _CODE.search(str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else "1"}
            return web.Response(status=500, text=str(error), headers=headers)
        headers = {
            "X-ClickHouse-Format": form,
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Query-Id": arguments.get("query_id", "q"),
            "X-ClickHouse-Summary": "{}",
        }
        return web.Response(body=answer, headers=headers)

    def _ask(self, arguments: dict[str, str], body: bytes) -> tuple[bytes, str]:
        statement = arguments.get("query", "")
        if not statement or not _INSERT.match(statement):
            statement, body = (statement + "\n" + body.decode()).strip(), b""
        parameters = {name[6:]: value for name, value in arguments.items() if name.startswith("param_")}
        settings = {
            name: value
            for name, value in arguments.items()
            if name not in _NO_SETTING and not name.startswith("param_")
        }
        self._session.query(f"USE {arguments.get('database') or 'default'}")
        insert = _INSERT.match(statement)
        if insert:
            return self._insert(statement, insert[1], body, settings), ""
        form = _FORMAT.search(statement)
        name = form[1] if form else arguments.get("default_format", "TabSeparated")
        bare = _FORMAT.sub("", statement)
        if settings and _READS.match(bare):
            joint = "," if re.search(r"\bSETTINGS\b", bare) else " SETTINGS"
            bare += joint + " " + ", ".join(f"{key} = '{value}'" for key, value in settings.items())
        result = self._session.query(bare, name, params=parameters)
        return (b"" if result is None else result.bytes() or b""), name

    def _insert(self, statement: str, form: str, body: bytes, settings: dict[str, str]) -> bytes:
        file = self._folder / "body"
        file.write_bytes(body)
        into = _FORMAT.sub("", statement)
        told = ", ".join(f"{key} = '{value}'" for key, value in settings.items())
        self._session.query(f"{into} FROM INFILE '{file}' {f'SETTINGS {told}' if told else ''} FORMAT {form}")
        return b""


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "lz4":
        whole, rest = b"", body
        while rest:  # frames follow each other: the first alone would lose rows
            frame = lz4.frame.LZ4FrameDecompressor()
            whole += frame.decompress(rest)
            rest = frame.unused_data or b""
        return whole
    if encoding:
        raise ValueError(f"{encoding} is not understood here")
    return body


def serve(folder: Path) -> None:
    """Serve until the parent is gone."""

    async def run() -> None:
        shim = Shim(folder)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/ping", _pong)
        app.router.add_route("*", "/", shim.answer)
        # As long as a server allows: http_max_uri_size.
        runner = web.AppRunner(app, access_log=None, max_line_size=1 << 20)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        (folder / "port.tmp").write_text(str(listening.getsockname()[1]), "utf-8")
        (folder / "port.tmp").rename(folder / "port")
        parent = os.getppid()
        while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's end
            await asyncio.sleep(1)

    asyncio.run(run())


async def _pong(_request: Any) -> Any:
    return web.Response(text="Ok.\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Path(sys.argv[1]))
