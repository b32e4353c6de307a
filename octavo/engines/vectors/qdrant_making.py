"""How a collection is named, reached and made."""

from __future__ import annotations

import hashlib
import re

import httpx
from qdrant_client import AsyncQdrantClient, models

from octavo.engines.vectors.qdrant_address import Address, Tuning
from octavo.engines.vectors.qdrant_points import VECTOR
from octavo.errors import Unavailable
from octavo.roles.embedder import Model

# The first that knows all that is asked; before 1.16 the condition of an upsert was left out without a word.
OLDEST = (1, 17)


def named(beginning: str, life: int, model: Model) -> str:
    """The name of a collection: whose it is, of which life of the record, and of which model."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", model.key)[:80]
    digest = hashlib.sha256(f"{model.key}/{model.dimensions}".encode()).hexdigest()[:8]
    return f"{beginning}{life}_{readable}-{digest}"


def record_of(prefix: str, record: str) -> str:
    """What the names of all collections of a record begin with."""
    return f"{prefix}_{record}_"


def life_of(name: str) -> str:
    """What the names of all collections of one life of a record begin with."""
    return name.rpartition("_")[0] + "_"


def client(address: Address, api_key: str | None) -> AsyncQdrantClient:
    """Connections to a server, or the client's own store in a folder."""
    if address.url is None:
        return AsyncQdrantClient(path=str(address.folder))
    tuning = address.tuning
    return AsyncQdrantClient(
        url=address.url,
        timeout=tuning.timeout,
        # As a header: the client warns of keys on plain connections, which the address has settled.
        headers={"api-key": api_key} if api_key else None,
        check_compatibility=False,
        limits=httpx.Limits(max_connections=tuning.connections, max_keepalive_connections=tuning.connections),
    )


def search_parameters(tuning: Tuning, *, exact: bool) -> models.SearchParams:
    """How a search walks the graphs, or that it does not."""
    smaller = None
    if tuning.quantization != "none":
        smaller = models.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=2.0)
    return models.SearchParams(exact=exact, hnsw_ef=tuning.ef, quantization=smaller)


def _quantization(tuning: Tuning) -> models.QuantizationConfig | None:
    if tuning.quantization == "scalar":
        return models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
    if tuning.quantization == "binary":
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    return None


async def create(client: AsyncQdrantClient, name: str, model: Model, tuning: Tuning) -> None:
    """Make a collection."""
    await client.create_collection(
        name,
        vectors_config={VECTOR: models.VectorParams(size=model.dimensions, distance=models.Distance.COSINE)},
        shard_number=tuning.shards,
        replication_factor=tuning.replicas,
        hnsw_config=models.HnswConfigDiff(
            m=tuning.m, payload_m=tuning.payload_m, ef_construct=tuning.ef_construct
        ),
        optimizers_config=models.OptimizersConfigDiff(
            deleted_threshold=tuning.deleted_threshold,
            vacuum_min_vector_number=tuning.vacuum_min_vector_number,
            default_segment_number=tuning.default_segment_number,
        ),
        wal_config=models.WalConfigDiff(
            wal_capacity_mb=tuning.wal_capacity_mb, wal_segments_ahead=tuning.wal_segments_ahead
        ),
        quantization_config=_quantization(tuning),
    )


def demand(version: str) -> None:
    """Raise `Unavailable` for a server that is too old."""
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < OLDEST:
        raise Unavailable(
            f"Qdrant {version} is too old", remedy="run 1.17 or newer: old ones ignore conditions of upserts"
        )
