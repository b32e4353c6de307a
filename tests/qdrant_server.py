"""Qdrant's engine behind Qdrant's own HTTP calls, for tests: the package `qdrant-edge-py` has the engine, no server.

Points, conditions of upserts, filters, payload indexes, graphs and the optimizer's settings are the engine's own.
The calls are answered here, one at a time, as far as Octavo makes them; a write-ahead log's settings are repeated
as they were given. A test can have calls fail the way real servers do.
"""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qdrant_edge as edge

Json = dict[str, Any]

# It waits for the disk at every step, which tests need not.
_MEMORY = Path("/dev/shm")

VERSION = "1.20.0"


class Failure(Exception):
    """What a call is answered with instead: a status, headers, and a body."""

    def __init__(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"{}") -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers or {}, body


# Called before each call is done, with the last part of its path and its body; may raise `Failure`, wait, or have
# the call done by what it is given last.
Fault = Callable[[str, Json, Callable[[], None]], None]


class QdrantServer:
    """A server on a free port of the loopback interface.

    Attributes:
        url: as clients of HTTP take it.
        address: its host and port.
        fault: what happens to calls; None when nothing does.
        calls: method and path of each call so far.
        api_key: what clients must send; None for nothing.
        version: what it says it is.
        most_connections: open at once so far.
    """

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.fault: Fault | None = None
        self.calls: list[tuple[str, str]] = []
        self.api_key: str | None = None
        self.version = VERSION
        self.most_connections = 0
        self._connections: set[Any] = set()
        self._collections = Collections(folder)
        self._one_at_a_time = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.address = f"127.0.0.1:{self._http.server_port}"
        self.url = f"http://{self.address}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and forget everything."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._collections.close()

    def answer(self, method: str, path: str, headers: Any, body: Json) -> Any:
        """The result of one call; raises `Failure`."""
        self.calls.append((method, path))
        if self.api_key is not None and headers.get("api-key") != self.api_key:
            raise Failure(403, body=b"Forbidden")
        results: list[Any] = []

        def do() -> None:
            with self._one_at_a_time:
                results.append(self._collections.answer(method, path, body))

        if self.fault is not None:
            self.fault(path.rpartition("/")[2], body, do)
        if not results:
            do()
        return results[0]

    def drop(self, collection: str) -> None:
        """Drop a collection behind everybody's back."""
        with self._one_at_a_time:
            self._collections.answer("DELETE", f"/collections/{collection}", {})

    def compacts(self, collection: str) -> bool:
        """Let the engine's optimizer look after a collection; whether there was something to do."""
        with self._one_at_a_time:
            return self._collections.compacts(collection)

    def connected(self, connection: Any) -> None:
        """A client has opened a connection."""
        with self._one_at_a_time:
            self._connections.add(connection)
            self.most_connections = max(self.most_connections, len(self._connections))

    def disconnected(self, connection: Any) -> None:
        """A connection is closed."""
        with self._one_at_a_time:
            self._connections.discard(connection)


class Collections:
    """Collections by their names, each a shard of the engine in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[str, edge.EdgeShard] = {}
        self._made: dict[str, tuple[Path, Json]] = {}

    def close(self) -> None:
        for shard in self._shards.values():
            shard.close()

    def answer(self, method: str, path: str, body: Json) -> Any:
        parts = [part for part in path.split("/") if part]
        if parts == ["collections"]:
            return {"collections": [{"name": name} for name in self._shards]}
        name, rest = parts[1], "/".join(parts[2:])
        if (method, rest) == ("PUT", ""):
            return self._create(name, body)
        if rest == "exists":
            return {"exists": name in self._shards}
        if name not in self._shards:
            raise Failure(404, body=b'{"status":{"error":"Not found: Collection"}}')
        try:
            return self._of(name, method, rest, body)
        except (ValueError, TypeError, edge_error()) as error:
            raise Failure(400, body=json.dumps({"status": {"error": str(error)}}).encode()) from error

    def compacts(self, name: str) -> bool:
        """Whether the optimizer finds something to do in a collection; it does it."""
        return bool(self._shards[name].optimize())

    def _of(self, name: str, method: str, rest: str, body: Json) -> Any:
        shard = self._shards[name]
        if rest == "":
            return self._info(name) if method == "GET" else self._drop(name)
        if rest == "index":
            create = edge.UpdateOperation.create_field_index
            shard.update(create(body["field_name"], _schema(body["field_schema"])))
            return {"operation_id": 0, "status": "completed"}
        return _POINTS[rest](shard, body)

    def _create(self, name: str, body: Json) -> bool:
        if name in self._shards:
            raise Failure(409, body=b'{"status":{"error":"already exists"}}')
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        hnsw, optimizer = body["hnsw_config"], body["optimizers_config"]
        config = edge.EdgeConfig(
            vectors={
                vector: edge.EdgeVectorParams(size=made["size"], distance=edge.Distance.Cosine)
                for vector, made in body["vectors"].items()
            },
            hnsw_config=edge.HnswIndexConfig(
                m=hnsw["m"],
                ef_construct=hnsw["ef_construct"],
                full_scan_threshold=10_000,
                payload_m=hnsw["payload_m"],
            ),
            optimizers=edge.EdgeOptimizersConfig(
                **{key: value for key, value in optimizer.items() if value is not None}
            ),
            quantization_config=_quantization(body.get("quantization_config")),
        )
        self._shards[name] = edge.EdgeShard.create(str(folder), config)
        self._made[name] = folder, body
        return True

    def _drop(self, name: str) -> bool:
        self._shards.pop(name).close()
        return True

    def _info(self, name: str) -> Json:
        folder, made = self._made[name]
        info = self._shards[name].info()
        written = json.loads((folder / "edge_config.json").read_text())
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": info.segments_count,
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "config": {
                "params": {"vectors": made["vectors"]},
                "hnsw_config": {**made["hnsw_config"], "full_scan_threshold": 10_000},
                "optimizer_config": {"flush_interval_sec": 5, **written["optimizers"]},
                "wal_config": made["wal_config"],
            },
            "payload_schema": {
                field: {"data_type": _name(index.data_type), "points": index.points}
                for field, index in info.payload_schema.items()
            },
        }


def edge_error() -> type[Exception]:
    """What the engine raises, beyond Python's own errors."""
    return RuntimeError


def _batch(shard: edge.EdgeShard, body: Json) -> list[Json]:
    for operation in body["operations"]:
        if upsert := operation.get("upsert"):
            points = [
                edge.Point(id=one["id"], vector=one["vector"], payload=one["payload"])
                for one in upsert["points"]
            ]
            condition = _filter(upsert.get("update_filter"))
            shard.update(edge.UpdateOperation.upsert_points(points, condition))
        else:
            shard.update(edge.UpdateOperation.delete_points_by_filter(_filter(operation["delete"]["filter"])))
    return [{"operation_id": 0, "status": "completed"} for _ in body["operations"]]


def _retrieve(shard: edge.EdgeShard, body: Json) -> list[Json]:
    return [_record(one) for one in shard.retrieve(body["ids"], with_payload=True, with_vector=False)]


def _scroll(shard: edge.EdgeShard, body: Json) -> Json:
    request = edge.ScrollRequest(
        offset=body.get("offset"),
        limit=body["limit"],
        filter=_filter(body.get("filter")),
        with_payload=body["with_payload"],
        with_vector=body["with_vector"],
    )
    found, after = shard.scroll(request)
    return {
        "points": [_record(one) for one in found],
        "next_page_offset": after if isinstance(after, int | None) else str(after),
    }


def _count(shard: edge.EdgeShard, body: Json) -> Json:
    return {"count": shard.count(edge.CountRequest(filter=_filter(body["filter"]), exact=body["exact"]))}


def _query(shard: edge.EdgeShard, body: Json) -> Json:
    asked = body.get("params") or {}
    quantization = asked.get("quantization")
    params = edge.SearchParams(
        hnsw_ef=asked.get("hnsw_ef"),
        exact=bool(asked.get("exact")),
        quantization=quantization
        and edge.QuantizationSearchParams(
            ignore=quantization["ignore"],
            rescore=quantization["rescore"],
            oversampling=quantization["oversampling"],
        ),
    )
    query = body["query"]
    request = edge.SearchRequest(
        query=edge.Query.Nearest(query["nearest"] if isinstance(query, dict) else query, body["using"]),
        limit=body["limit"],
        filter=_filter(body.get("filter")),
        params=params,
        with_payload=body["with_payload"],
        score_threshold=body.get("score_threshold"),
    )
    return {
        "points": [
            {"id": str(one.id), "version": one.version, "score": one.score, "payload": one.payload}
            for one in shard.search(request)
        ]
    }


_POINTS: dict[str, Callable[[edge.EdgeShard, Json], Any]] = {
    "points": _retrieve,
    "points/batch": _batch,
    "points/scroll": _scroll,
    "points/count": _count,
    "points/query": _query,
}


def _record(one: edge.Record) -> Json:
    id = one.id if isinstance(one.id, int) else str(one.id)
    return {"id": id, "payload": one.payload, "vector": one.vector}


def _filter(given: Json | None) -> edge.Filter | None:
    if given is None:
        return None
    return edge.Filter(**{name: [_condition(one) for one in given[name]] for name in given if given[name]})


def _condition(given: Json) -> edge.FieldCondition:
    if match := given.get("match"):
        told = edge.MatchAny(match["any"]) if "any" in match else edge.MatchValue(match["value"])
        return edge.FieldCondition(given["key"], match=told)
    bounds = {name: value for name, value in given["range"].items() if value is not None}
    kind = edge.RangeDateTime if any(isinstance(one, str) for one in bounds.values()) else edge.RangeFloat
    return edge.FieldCondition(given["key"], range=kind(**bounds))


def _schema(given: Json) -> Any:
    kinds = {
        "uuid": edge.UuidIndexParams,
        "keyword": edge.KeywordIndexParams,
        "datetime": edge.DatetimeIndexParams,
        "integer": edge.IntegerIndexParams,
    }
    options = {name: value for name, value in given.items() if name != "type" and value is not None}
    return kinds[given["type"]](**options)


def _quantization(given: Json | None) -> Any:
    if given is None:
        return None
    if "scalar" in given:
        return edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, always_ram=True)
    return edge.BinaryQuantizationConfig(always_ram=True)


def _name(kind: Any) -> str:
    return str(kind).rpartition(".")[2].lower()


def _handler(server: QdrantServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connected(self)

        def finish(self) -> None:
            server.disconnected(self)
            super().finish()

        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - the names the library calls

        def _answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            path = urlsplit(self.path).path
            try:
                if path == "/":
                    answer: Any = {"title": "qdrant", "version": server.version}
                else:
                    result = server.answer(self.command, path, self.headers, body)
                    answer = {"result": result, "status": "ok", "time": 0.0}
                self._send(200, {}, json.dumps(answer).encode())
            except Failure as failure:
                self._send(failure.status, failure.headers, failure.body)
            except ConnectionError:
                self.close_connection = True

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Tests read what they want from `calls`."""

    return Handler


@contextmanager
def qdrant_server(tls: ssl.SSLContext | None = None) -> Iterator[QdrantServer]:
    """A server while the block runs, with its data in a temporary folder; with a context it speaks TLS alone."""
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="octavo-qdrant-", dir=memory) as folder:
        server = QdrantServer(Path(folder), tls)
        try:
            yield server
        finally:
            server.close()
