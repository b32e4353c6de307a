"""A real server on this machine that speaks the protocol, and answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """What the server was asked, and what it shall answer before it answers with `text`.

    Attributes:
        next: answers as (status, body, headers); a body of None: no answer until the endpoint closes.
        texts: what is written, one after the other, the last one for ever.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.next: list[tuple[int, Any, dict[str, str]]] = []
        self.texts = ["Fine words."]
        self.closing = threading.Event()

    def answer(self, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if self.next:
            return self.next.pop(0)
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return 200, completion(text, body["model"]), {}


def completion(text: str, model: str = "m", finish: str = "stop") -> dict[str, Any]:
    """An answer of the protocol."""
    return {
        "model": f"{model}-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 12},
    }


@contextmanager
def serving() -> Iterator[Endpoint]:
    """An endpoint for as long as the block runs."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.asked.append({"path": self.path, **body})
            endpoint.headers.append(dict(self.headers))
            status, answer, headers = endpoint.answer(body)
            if answer is None:
                endpoint.closing.wait(60)
                self.close_connection = True
                return
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
