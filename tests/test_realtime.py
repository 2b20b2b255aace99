import os
import resource
from pathlib import Path

import pytest

from runtime import realtime
from runtime.realtime import (
    become_realtime,
    cores_awake,
    memory_may_be_locked,
    realtime_permitted,
)

pytestmark = pytest.mark.alone


def refuse(*_: object) -> None:
    raise PermissionError


@pytest.fixture(autouse=True)
def _this_process_stays_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    monkeypatch.setattr("gc.freeze", lambda: None)


@pytest.mark.parametrize("granted", [True, False])
def test_what_is_foretold_of_locked_memory_is_what_a_loop_gets(
    monkeypatch: pytest.MonkeyPatch, granted: bool
) -> None:
    monkeypatch.setattr(realtime, "_lock_memory", lambda: granted)
    assert memory_may_be_locked() is granted
    assert ("locked memory" not in become_realtime(80)) is granted


def test_memory_is_not_locked_under_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8_388_608, 8_388_608))
    assert not memory_may_be_locked()
    assert "locked memory" in become_realtime(80)


def test_refused_priority_is_foretold_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "_lock_memory", lambda: True)
    assert realtime_permitted(80)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert not realtime_permitted(80)
    assert become_realtime(80) == ["real-time priority"]


def opened() -> list[Path]:
    """Return what files this process has open."""
    return [Path(os.path.realpath(entry)) for entry in Path("/proc/self/fd").iterdir()]


def test_cores_are_asked_to_stay_awake_for_as_long_as_it_is_wanted(tmp_path: Path) -> None:
    device = tmp_path / "cpu_dma_latency"
    device.write_bytes(b"")
    with cores_awake(device) as granted:
        assert granted
        assert device.read_bytes() == bytes(4)
        assert device in opened()
    assert device not in opened()


def test_a_system_that_lets_cores_sleep_is_no_failure(tmp_path: Path) -> None:
    with cores_awake(tmp_path / "not there") as granted:
        assert not granted
