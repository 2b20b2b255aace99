"""One launch per robot."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from messaging.topics import PERMIT
from messaging.transport import Bus
from recorder.files import sole
from safety.audit import Audit, AuditError
from station import lock as station_lock
from station.lock import AlreadyRunningError, StationLock, bus_directory, is_held, make_private


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_the_bus_lives_in_the_users_runtime_directory(runtime_directory: Path) -> None:
    assert bus_directory("aloha") == runtime_directory / "evenhand" / "aloha"


def test_without_one_it_lives_in_a_temporary_directory_of_the_user(
    runtime_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(station_lock, "RUNTIME_DIRECTORIES", runtime_directory / "none")
    assert f"evenhand-{os.getuid()}" in bus_directory("aloha").parts


def test_a_session_that_does_not_name_the_usual_runtime_directory_meets_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / str(os.getuid())
    usual.mkdir()
    monkeypatch.setattr(station_lock, "RUNTIME_DIRECTORIES", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(usual))
    named = bus_directory("aloha")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert bus_directory("aloha") == named


def test_a_directory_that_others_can_open_is_refused_with_what_to_do() -> None:
    parent = bus_directory("aloha").parent
    parent.mkdir()
    parent.chmod(0o755)
    with pytest.raises(RuntimeError, match=f"chmod 700 {parent}"):
        StationLock("aloha", "test").__enter__()


def test_a_directory_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    make_private(bus_directory("aloha").parent)
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(RuntimeError, match="no directory of this user"):
        StationLock("aloha", "test").__enter__()


def test_a_link_to_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    bus_directory("aloha").parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeError, match="no directory of this user"):
        StationLock("aloha", "test").__enter__()


def test_a_directory_that_cannot_be_made_is_named(runtime_directory: Path) -> None:
    (runtime_directory / "evenhand").touch()
    with pytest.raises(RuntimeError, match=r"evenhand .*set XDG_RUNTIME_DIR"):
        StationLock("aloha", "test").__enter__()


def test_only_the_user_may_enter_the_directory() -> None:
    with StationLock("aloha", "test") as lock:
        assert stat.S_IMODE(lock.directory.stat().st_mode) == 0o700


def test_a_second_launch_is_refused_and_told_who_has_the_robot() -> None:
    with StationLock("aloha", "the first"), pytest.raises(AlreadyRunningError) as caught:
        StationLock("aloha", "the second").__enter__()
    message = str(caught.value)
    assert "'aloha'" in message
    assert f"process {os.getpid()}" in message
    assert "the first" in message


def test_a_refused_launch_takes_nothing_from_the_first() -> None:
    with StationLock("aloha", "the first") as lock:
        (lock.directory / "a.sock").touch()
        for _ in range(2):
            with pytest.raises(AlreadyRunningError, match="the first"):
                StationLock("aloha", "the second").__enter__()
        assert (lock.directory / "a.sock").exists()


def test_two_robots_run_side_by_side() -> None:
    with StationLock("aloha", "one") as first, StationLock("other", "two") as second:
        assert first.directory != second.directory


def test_the_end_of_a_run_removes_the_directory_and_frees_the_robot() -> None:
    for _ in range(2):
        with StationLock("aloha", "again") as lock:
            (lock.directory / "a.sock").touch()
        assert not lock.directory.exists()


def test_what_a_killed_launch_left_behind_does_not_stop_the_next() -> None:
    directory = bus_directory("aloha")
    make_private(directory.parent)
    make_private(directory)
    (directory / "launch.lock").write_text(
        "process 1 (long gone, with a long description)", encoding="utf-8"
    )
    with StationLock("aloha", "new"):
        assert (directory / "launch.lock").read_text(
            encoding="utf-8"
        ) == f"process {os.getpid()} (new)"


def test_where_files_cannot_be_locked_the_place_and_the_remedy_are_told(
    runtime_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    told = rf"{runtime_directory}.*locks available.*set XDG_RUNTIME_DIR"
    with pytest.raises(RuntimeError, match=told):
        StationLock("aloha", "test").__enter__()
    place = runtime_directory / "place"
    with pytest.raises(AuditError, match=rf"{place}.*locks available.*safety\.directory"):
        Audit(place / "audit.jsonl")
    with pytest.raises(OSError, match=rf"{place}.*locks available.*local disk"):
        sole(place / "lock", "test").__enter__()
    with Bus(place) as bus, pytest.raises(OSError, match=rf"{place}.*locks available"):
        bus.publisher(PERMIT)
    assert not is_held(place / "lock")


@pytest.mark.parametrize("relative", ["run", "./run"])
def test_a_relative_runtime_directory_means_nothing(
    monkeypatch: pytest.MonkeyPatch, relative: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", relative)
    assert bus_directory("aloha").is_absolute()


def test_a_launch_is_named_whatever_the_bytes_of_its_folder() -> None:
    purpose = os.fsdecode(b"writing /data/caf\xe9")
    with StationLock("aloha", purpose), pytest.raises(AlreadyRunningError, match="caf\udce9"):
        StationLock("aloha", "the second").__enter__()
