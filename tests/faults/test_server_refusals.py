"""What the embedded server cannot use it refuses in one clear line, and changes nothing."""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from octavo.errors import ServerFault, StorageFault
from octavo.postgres.server import destroy, open_server, status, stop
from octavo.postgres.server.directory import at
from octavo.postgres.server.sockets import fits
from tests.faults.servers import eventually, keepers, modes_open_to_others, value, wrong


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.lstat().st_mode) for path in folder.rglob("*"))


def test_data_of_another_major_version_is_refused_with_both_named_and_the_way_out(own_data):
    (own_data / "cluster" / "PG_VERSION").write_text("17\n")

    with pytest.raises(ServerFault, match=r"PostgreSQL 17.*PostgreSQL 18") as caught:
        open_server(own_data)

    assert caught.value.fields == {"data_major": 17, "programs_major": 18}
    assert "pg_upgrade" in caught.value.remedy
    assert "OCTAVO_POSTGRES_BIN" in caught.value.remedy
    assert "version" in [check.name for check in wrong(own_data)]


def test_a_directory_with_something_else_in_it_is_refused_and_left_alone(place):
    (place / "thesis.tex").write_text("years of work")
    before = listing(place)

    with pytest.raises(ServerFault, match=r"thesis\.tex"):
        open_server(place)

    assert listing(place) == before
    assert stat.S_IMODE(place.stat().st_mode) == 0o755


def test_a_directory_that_only_looks_like_ours_is_refused_and_left_alone(place):
    (place / "lock").mkdir()
    (place / "lock" / "combination").write_text("12 34 56")

    with pytest.raises(ServerFault, match="lock/combination"):
        open_server(place)

    assert (place / "lock" / "combination").read_text() == "12 34 56"


@pytest.mark.parametrize("end", [destroy, stop])
def test_only_an_octavo_directory_is_destroyed_or_stopped(place, end):
    (place / "thesis.tex").write_text("years of work")
    (place / "lock").mkdir()
    before = listing(place)

    with pytest.raises(ServerFault, match="not an Octavo data directory"):
        end(place)

    assert listing(place) == before


def test_a_file_is_no_data_directory(place):
    (place / "file").write_text("")

    with pytest.raises(StorageFault, match="not a directory"):
        open_server(place / "file")


def test_a_damaged_marker_is_told_with_how_to_restore_it(own_data):
    (own_data / "octavo.json").write_text("{")

    with pytest.raises(ServerFault, match=r"octavo\.json is damaged") as caught:
        open_server(own_data)

    assert '"format": 1' in caught.value.remedy
    (own_data / "octavo.json").write_text(json.dumps({"format": 1, "postgres": 18, "created": "now"}))
    open_server(own_data).close()


def test_a_later_format_is_refused(own_data):
    (own_data / "octavo.json").write_text(json.dumps({"format": 2, "postgres": 18, "created": "now"}))

    with pytest.raises(ServerFault, match="format 2"):
        open_server(own_data)

    (own_data / "octavo.json").write_text(json.dumps({"format": 1, "postgres": 18, "created": "now"}))


def test_a_lost_cluster_is_not_replaced_by_an_empty_one(own_data):
    (own_data / "cluster").rename(own_data.with_name("elsewhere"))

    with pytest.raises(ServerFault, match="the cluster of"):
        open_server(own_data)

    assert not (own_data / "cluster").exists()


def test_programs_named_by_the_setting_that_are_not_there_are_told(data, monkeypatch):
    monkeypatch.setenv("OCTAVO_POSTGRES_BIN", "/nowhere")

    with pytest.raises(ServerFault, match="OCTAVO_POSTGRES_BIN=/nowhere"):
        open_server(data)


def test_programs_that_are_too_old_are_told_with_their_version(place, data, monkeypatch):
    (place / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.18'\n")
    (place / "postgres").chmod(0o755)
    monkeypatch.setenv("OCTAVO_POSTGRES_BIN", str(place))

    with pytest.raises(ServerFault, match=r"no PostgreSQL ≥ 17 was found, only 15\.18"):
        open_server(data)


def test_a_setting_the_server_refuses_is_told_in_its_own_words(data):
    with pytest.raises(ServerFault, match=r"did not start: .*shared_buffers"):
        open_server(data, settings={"shared_buffers": "plenty"})

    assert status(data).state == "stopped"
    eventually(lambda: not keepers(data))
    open_server(data).close()


def test_everything_is_private_and_no_parent_is_touched(place):
    folder = place / "a" / "b"
    folder.mkdir(parents=True)
    modes = {path: path.stat().st_mode for path in (place, place / "a", folder)}

    open_server(folder / "data").close()

    assert modes_open_to_others(folder / "data") == []
    assert {path: path.stat().st_mode for path in modes} == modes
    destroy(folder / "data")
    assert listing(place) == [("a", stat.S_IFDIR | 0o755), ("a/b", stat.S_IFDIR | 0o755)]


async def test_a_path_too_long_for_a_socket_is_no_obstacle(place, made_once, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    long = place / ("deep" * 30)
    shutil.copytree(made_once, long, symlinks=True)
    _give_as(made_once, long)

    server = open_server(long)

    assert not fits(long / "run")
    assert await value(server.running, "SELECT 1") == 1
    socket = server.running.socket
    assert socket.parent == Path(tempfile.gettempdir())
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert socket.stat().st_uid == (long / "cluster").stat().st_uid
    assert (long / "run").readlink() == socket
    server.close()
    destroy(long)
    assert not socket.exists()


async def test_a_path_with_spaces_quotes_and_commas_is_a_path(place, made_once):
    odd = place / """it's "our" data, here"""
    shutil.copytree(made_once, odd, symlinks=True)
    _give_as(made_once, odd)

    server = open_server(odd)

    assert server.running.socket == odd / "run"
    assert await value(server.running, "SELECT 1") == 1
    server.close()


def test_a_place_for_the_socket_that_somebody_else_made_is_refused(place, made_once, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    long = place / ("deep" * 30)
    shutil.copytree(made_once, long, symlinks=True)
    _give_as(made_once, long)
    open_server(long).close()
    stop(long)
    socket = (long / "run").readlink()
    socket.rmdir()
    (place / "trap").mkdir()
    socket.symlink_to(place / "trap")

    with pytest.raises(ServerFault, match="somebody else made it"):
        open_server(long)

    assert list((place / "trap").iterdir()) == []
    socket.unlink()


def test_a_moved_directory_works_where_it_is_now(own_data):
    moved = own_data.with_name("moved")
    own_data.rename(moved)

    server = open_server(moved)

    assert server.running.data == at(moved).path
    server.close()


def test_status_and_doctor_of_a_place_where_nothing_is_make_nothing(place):
    assert status(place / "data").state == "absent"
    assert wrong(place / "data") == []
    assert list(place.iterdir()) == []


def test_doctor_finds_nothing_wrong_with_a_running_server_and_what_is_open_to_others(own_data):
    server = open_server(own_data)
    assert wrong(own_data) == []

    (own_data / "log").chmod(0o755)

    [found] = wrong(own_data)
    assert (found.name, found.remedy) == ("permissions", f"chmod -R go= {own_data}")
    server.close()


def _give_as(source: Path, target: Path) -> None:
    """Copying as root does not keep owners."""
    for path in (target, *target.rglob("*")):
        owner = (source / path.relative_to(target)).lstat()
        shutil.chown(path, owner.st_uid, owner.st_gid)
