"""An OpenSearch for tests: an emulator of its interface that runs in memory, with the words and scores of Lucene.

It has one node and no refresh: what is written is seen at once. So what a real cluster shows late, and how it
fails, is shown by `tests.faults.clusters`, which stands between and misbehaves.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator

from osmem_server import resolve_binary


@contextlib.contextmanager
def opensearch_server() -> Iterator[str]:
    """The `host:port` of a running server, which ends with this process at the latest."""
    command = [resolve_binary(), "--addr", "127.0.0.1:0", "--no-ja", "--parent-pid", str(os.getpid())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout is not None
            url: str = json.loads(server.stdout.readline())["url"]
            yield url.removeprefix("http://")
        finally:
            server.terminate()
