"""Embedding by an endpoint: a real server on this machine, which answers as it is told to."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from octavo.engines.embedders.openai import TEXTS_AT_ONCE, OpenAIEmbedder
from octavo.errors import AccessDenied, InvalidInput, InvalidSetting, Unavailable
from octavo.roles.embedder import Model

KEY = "sk-very-secret"
DIMENSIONS = 4


class Endpoint:
    """What the server was asked, and what it shall answer before it answers rightly."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.next: list[tuple[int, Any]] = []


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def endpoint(server: ThreadingHTTPServer) -> Endpoint:
    server.endpoint = Endpoint(server.server_address[1])  # type: ignore[attr-defined]
    return server.endpoint  # type: ignore[attr-defined,no-any-return]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        endpoint: Endpoint = self.server.endpoint  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        endpoint.asked.append(body)
        endpoint.headers.append(dict(self.headers))
        status, answer = endpoint.next.pop(0) if endpoint.next else (200, _embeddings(body["input"]))
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _embeddings(texts: list[str]) -> dict[str, Any]:
    """In another order than asked, as the protocol allows."""
    data = [{"index": place, "embedding": _numbers(text)} for place, text in enumerate(texts)]
    return {"data": data[::-1]}


def _numbers(text: str) -> list[float]:
    return [float(len(text)), 1.0, 0.0, 0.0]


@pytest.fixture
async def embedder_of() -> AsyncIterator[Callable[..., OpenAIEmbedder]]:
    """Makes embedders, which are closed when the test ends."""
    made: list[OpenAIEmbedder] = []

    def make(url: str, **options: Any) -> OpenAIEmbedder:
        model = Model("small", "1", DIMENSIONS)
        made.append(OpenAIEmbedder(model, url, KEY, first_pause_seconds=0, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_each_text_gets_its_vector_of_length_one(endpoint, embedder_of):
    embedder = embedder_of(endpoint.url)
    texts = ["x" * length for length in range(1, 2 * TEXTS_AT_ONCE)]

    vectors = await embedder.embed(texts, "passage")

    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(vector, np.array(_numbers(text)) / np.linalg.norm(_numbers(text)))
    assert sorted(len(body["input"]) for body in endpoint.asked) == [TEXTS_AT_ONCE - 1, TEXTS_AT_ONCE]


async def test_the_request_is_that_of_the_protocol(endpoint, embedder_of):
    embedder = embedder_of(endpoint.url, shortened=True)

    await embedder.embed(["one", "two"], "query")

    assert endpoint.asked == [
        {"model": "small", "input": ["one", "two"], "encoding_format": "float", "dimensions": DIMENSIONS}
    ]
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_asked_again(endpoint, embedder_of, status):
    endpoint.next = [(status, b""), (status, b"")]
    embedder = embedder_of(endpoint.url)

    assert len(await embedder.embed(["one"], "passage")) == 1

    assert len(endpoint.asked) == 3


async def test_what_does_not_pass_is_told_without_the_key(endpoint, embedder_of, caplog):
    """S0-115: the caller gets a typed error."""
    caplog.set_level(logging.DEBUG)
    endpoint.next = [(503, b"")] * 3
    embedder = embedder_of(endpoint.url, attempts=3)

    with pytest.raises(Unavailable) as told:
        await embedder.embed(["one"], "passage")

    assert len(endpoint.asked) == 3
    assert KEY not in f"{told.value} {told.value.as_dict()} {caplog.text}"


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (401, b"", AccessDenied),
        (400, b"", InvalidInput),
        (413, b"", InvalidInput),
        (404, b"", Unavailable),
        (200, b"<html>", Unavailable),
        (200, {"data": []}, Unavailable),
        (200, {"data": [{"index": 0}]}, Unavailable),
        (200, {"data": [{"index": 0, "embedding": [0.0] * DIMENSIONS}]}, InvalidInput),
        (200, {"data": [{"index": 0, "embedding": [1.0] * 5}]}, InvalidSetting),
    ],
)
async def test_an_answer_that_is_none_is_an_error_of_its_kind(endpoint, embedder_of, status, answer, error):
    endpoint.next = [(status, answer)]
    embedder = embedder_of(endpoint.url)

    with pytest.raises(error) as told:
        await embedder.embed(["one"], "passage")

    assert type(told.value) is error
    assert len(endpoint.asked) == 1


async def test_an_endpoint_that_is_not_there_is_unavailable(embedder_of):
    embedder = embedder_of("http://127.0.0.1:1/v1", attempts=2)

    with pytest.raises(Unavailable):
        await embedder.embed(["one"], "passage")
