"""Where a Qdrant is, as a setting says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.engines.vectors.choice import lease_name
from octavo.engines.vectors.qdrant_address import Tuning, parse
from octavo.errors import InvalidSetting


def test_a_server_of_this_machine_is_spoken_to_in_the_clear_at_its_usual_port() -> None:
    address = parse("qdrant://localhost")

    assert (address.url, address.folder, address.prefix) == ("http://localhost:6333", None, "octavo")
    assert address.tuning == Tuning()


def test_every_other_server_is_spoken_to_over_tls() -> None:
    """S0-238: plain only on loopback; any other host demands TLS."""
    assert parse("qdrants://vectors.example:7000").url == "https://vectors.example:7000"
    with pytest.raises(InvalidSetting, match="in the clear"):
        parse("qdrant://vectors.example:6333")
    assert parse("qdrant://vectors.example?plain=true").url == "http://vectors.example:6333"


def test_the_path_begins_the_names_of_collections_and_options_tune_them() -> None:
    address = parse("qdrant://[::1]:6333/mine?wal_capacity_mb=64&deleted_threshold=0.5&quantization=scalar")

    assert (address.url, address.prefix) == ("http://[::1]:6333", "mine")
    assert address.tuning == Tuning(wal_capacity_mb=64, deleted_threshold=0.5, quantization="scalar")
    assert (Tuning().deleted_threshold, Tuning().vacuum_min_vector_number) == (0.2, 1000)
    assert (Tuning().default_segment_number, Tuning().wal_capacity_mb) == (2, 32)
    assert Tuning().wal_segments_ahead == 0


def test_a_folder_is_a_store_of_this_machine() -> None:
    address = parse("qdrant:/var/lib/vectors")

    assert (address.url, address.folder) == (None, Path("/var/lib/vectors"))


@pytest.mark.parametrize(
    "setting",
    [
        "qdrant:",
        "qdrant",
        "qdrants:/folder",
        "postgres",
        "qdrant://",
        "qdrant://localhost:port",
        "qdrant://localhost/a/b",
        "qdrant://localhost?wal=1",
        "qdrant://localhost?connections=none",
        "qdrant://localhost?deleted_threshold=2",
    ],
)
def test_anything_else_is_refused_with_the_setting_and_a_remedy(setting: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        parse(setting)

    assert refused.value.fields == {"setting": "vectors"}
    assert refused.value.remedy


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidSetting, match="engine_logins") as refused:
        parse("qdrant://me:secret@localhost")

    assert "secret" not in str(refused.value)


def test_a_place_has_one_lease_however_it_is_spoken_to():
    one = lease_name("qdrant://localhost:6333/docs?timeout=3#wordllama")

    assert lease_name("qdrant://localhost:6333/docs?retries=1#wordllama") == one
    assert lease_name("qdrants://localhost:6333/docs#wordllama") == one
    assert lease_name("qdrant://localhost:6333/other#wordllama") != one
    assert lease_name("qdrant://localhost:6333/docs#openai:x@http://localhost") != one
