"""What an OpenSearch index is made with: its settings, and its fields."""

from __future__ import annotations

from typing import Any

from octavo.engines.search.opensearch_address import Tuning

STANDING = "standing"

# A document's passages; a body at its limit has half as many.
_MOST_PASSAGES = 100_000

_KEYWORD = {"type": "keyword"}
_WEIGHED = {"type": "text", "analyzer": "words", "norms": False, "similarity": "rarity"}
_KEPT = {"type": "object", "enabled": False}

_MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "_routing": {"required": True},
    # What is searched is not shown: it would double the index.
    "_source": {"excludes": ["title", "preview", "description", "spoken", "passages.text", "passages.rough"]},
    "properties": {
        "kind": _KEYWORD,
        "organization": _KEYWORD,
        "id": _KEYWORD,
        "namespace": _KEYWORD,
        "type": _KEYWORD,
        "bucket": {"type": "short"},
        "version": {"type": "long"},
        "seal": {"type": "long"},
        "title": _WEIGHED,
        "preview": _WEIGHED,
        "description": _WEIGHED,
        "spoken": _KEYWORD,
        "passages": {
            "type": "nested",
            "dynamic": False,
            "properties": {
                "text": {"type": "text", "analyzer": "words"},
                "rough": {"type": "text", "analyzer": "words", "norms": False, "index_options": "docs"},
                "shown": _KEPT,
            },
        },
        "shown": _KEPT,
        "languages": _KEPT,
        STANDING: _KEPT,
    },
}


def definition(tuning: Tuning) -> dict[str, Any]:
    """Settings and fields of an index."""
    return {
        "settings": {
            "number_of_shards": tuning.shards,
            "number_of_replicas": tuning.replicas,
            # Each load is made visible as a whole, before the cursor moves.
            "refresh_interval": "-1",
            "mapping.nested_objects.limit": _MOST_PASSAGES,
            # A word counts by its rarity only: most documents have no description, so lengths say nothing.
            "similarity": {"rarity": {"type": "BM25", "k1": 0.0, "b": 0.0}},
            "analysis": {"analyzer": {"words": {"type": "custom", "tokenizer": "whitespace"}}},
        },
        "mappings": _MAPPINGS,
    }
