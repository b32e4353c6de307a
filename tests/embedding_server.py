"""An endpoint for embeddings on this machine, which speaks OpenAI's protocol and counts what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 768


class EmbeddingServer:
    """A running endpoint.

    Attributes:
        embedder: the setting that names it.
        asked: the texts of every request, in their order.
    """

    def __init__(self, port: int) -> None:
        self.embedder = f"openai:words@http://127.0.0.1:{port}/v1?dimensions={DIMENSIONS}"
        self.asked: list[list[str]] = []


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    """A server of its own, on a free port."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    running.daemon_threads = True
    running.endpoint = EmbeddingServer(running.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield running.endpoint  # type: ignore[attr-defined]
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        self.server.endpoint.asked.append(texts)  # type: ignore[attr-defined]
        data = [{"index": place, "embedding": numbers(text)} for place, text in enumerate(texts)]
        content = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def numbers(text: str) -> list[float]:
    """Texts with the same words are near each other, others are not."""
    found = [0.001] * DIMENSIONS
    for word in text.lower().replace(",", " ").replace(":", " ").replace(".", " ").split():
        found[int.from_bytes(sha256(word.encode()).digest()[:4]) % DIMENSIONS] += 1.0
    return found
