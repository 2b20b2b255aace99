import fcntl
import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from messaging.curve import Network
from safety import latch
from safety.cause import Cause
from safety.facts import Stop
from safety.latch import Latched
from station.config import load, robot_file
from station.doctor import (
    Finding,
    check_clock,
    check_configs,
    check_cores,
    check_disk,
    check_kernel_workers,
    check_leftovers,
    check_locked_memory,
    check_network_ports,
    check_opengl,
    check_realtime,
    check_serial_ports,
    check_station,
    check_stop,
    check_torch,
    print_findings,
)
from station.hardware import decided
from station.kernel_workers import delayed_workers
from station.probes import Answer, Probes
from station.robot import NetworkConfig

PORTS = [Path("/dev/ttyUSB0")]
FAILED = Answer(False, "libEGL.so.1: cannot open shared object file")


@pytest.mark.parametrize(
    ("check", "level", "word"),
    [
        (lambda: check_realtime(lambda _: True), "ok", "SCHED_FIFO"),
        (lambda: check_realtime(lambda _: False), "warning", "rtprio"),
        (lambda: check_locked_memory(lambda: True), "ok", "locked"),
        (lambda: check_locked_memory(lambda: False), "warning", "memlock unlimited"),
        (lambda: check_cores(8), "ok", "8 cores"),
        (lambda: check_cores(2), "ok", "2 cores"),
        (lambda: check_cores(1), "warning", "two cores"),
        (lambda: check_opengl(Answer(True, "llvmpipe")), "ok", "llvmpipe"),
        (lambda: check_opengl(FAILED), "problem", "apt-get install libegl1"),
        (lambda: check_torch(Answer(True, "2.13.0 1")), "ok", "2.13.0"),
        (lambda: check_torch(Answer(True, "2.13.0 16")), "warning", "16 threads"),
        (lambda: check_torch(Answer(False, "no module", timed_out=True)), "warning", "slow"),
        (lambda: check_torch(Answer(False, "No module named 'torch'")), "problem", "pip install"),
        (lambda: check_serial_ports([]), "ok", "twin"),
        (lambda: check_serial_ports([Path("/dev/null")]), "ok", "/dev/null"),
        (lambda: check_serial_ports([Path("/dev/ttyUSB99")]), "problem", "dialout"),
        (lambda: check_kernel_workers([], lambda: (3, 3)), "ok", "no serial port"),
        (lambda: check_kernel_workers(PORTS, lambda: (0, 0)), "ok", "not to be seen"),
        (lambda: check_kernel_workers(PORTS, lambda: (0, 3)), "ok", "all 3"),
        (lambda: check_kernel_workers(PORTS, lambda: (1, 3)), "warning", "chrt -f -p 65"),
    ],
)
def test_finding_has_its_level_and_says_what_to_do(
    check: Callable[[], Finding], level: str, word: str
) -> None:
    finding = check()
    assert finding.level == level
    assert word in f"{finding.text} {finding.remedy}"
    assert bool(finding.remedy) == (level != "ok")


def test_workers_of_the_kernel_are_known_by_their_names(tmp_path: Path) -> None:
    names = {
        1: "init",
        12: "kworker/u8:0-events_unbound",
        13: "kworker/0:1-events",
        14: "kworker/u9",
    }
    for process, name in names.items():
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "comm").write_text(name + "\n", encoding="utf-8")
    (tmp_path / "uptime").touch()
    policies = {12: os.SCHED_FIFO, 14: os.SCHED_OTHER}
    assert delayed_workers(tmp_path, policies.__getitem__) == (1, 2)


def test_a_worker_that_ends_while_it_is_looked_at_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "comm").write_text("kworker/u8:0\n", encoding="utf-8")

    def gone(_: int) -> int:
        raise ProcessLookupError

    assert delayed_workers(tmp_path, gone) == (0, 0)


@pytest.mark.parametrize(("source", "level"), [("tsc", "ok"), ("hpet", "warning")])
def test_slow_clock_is_told(tmp_path: Path, source: str, level: str) -> None:
    (tmp_path / "clock").write_text(source + "\n", encoding="utf-8")
    assert check_clock(tmp_path / "clock").level == level


def test_unknown_clock_is_no_problem(tmp_path: Path) -> None:
    assert check_clock(tmp_path / "nothing").level == "ok"


@pytest.mark.parametrize(("free_gb", "level"), [(80.0, "ok"), (2.0, "warning"), (0.1, "problem")])
def test_little_room_for_runs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float, level: str
) -> None:
    class Usage:
        free = free_gb * 1e9

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert check_disk(tmp_path / "not" / "there" / "yet").level == level


def test_shipped_configs_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # where no stop is in force
    assert {finding.level for finding in check_configs()} == {"ok"}


def test_taken_network_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finding = check_network_ports(Network("a", "a", {}, ("s", "t"), port, tmp_path))
    assert finding.level == "problem"
    assert str(port) in finding.text


def test_disk_and_ports_are_those_of_the_config(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        port = taken.getsockname()[1]
        elsewhere = {"policy_worker": "127.0.0.2"}
        network = NetworkConfig(
            station="127.0.0.1", elsewhere=elsewhere, base_port=port, keys=tmp_path
        )
        config = decided(load(robot_file("aloha"), [])).model_copy(
            update={"runs": tmp_path / "elsewhere", "network": network}
        )
        disk, _, ports = check_station(config)
    assert str(tmp_path / "elsewhere") in disk.text
    assert ports.level == "problem"
    assert str(port) in ports.text


def test_leftover_of_a_killed_launch_is_found_and_a_running_one_left_alone(tmp_path: Path) -> None:
    for robot in ("killed", "running"):
        (tmp_path / robot).mkdir()
        (tmp_path / robot / "launch.lock").touch()
    with (tmp_path / "running" / "launch.lock").open(encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        finding = check_leftovers(tmp_path)
    assert finding.level == "warning"
    assert "killed" in finding.remedy
    assert "running" not in finding.remedy.replace(str(tmp_path), "")


def test_probes_answer_each_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = {
        "good": "print('noise'); print('answer')",
        "bad": "raise RuntimeError('broken')",
        "crash": "import os; os.abort()",
        "slow": "import time; time.sleep(60)",
    }
    monkeypatch.setattr("station.probes._QUESTIONS", questions)
    monkeypatch.setattr("station.probes._PATIENCE_S", 4.0)
    with Probes() as probes:
        answers = probes.answers()
    assert answers["good"] == Answer(True, "answer")
    assert answers["bad"] == Answer(False, "RuntimeError: broken")
    assert not answers["crash"].succeeded
    assert answers["slow"].timed_out


def test_table_shows_findings_as_they_are_written() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    found = [Finding("disk", "ok", "80 GB"), Finding("net", "problem", "taken [5600]", "`ss`")]
    print_findings(found, console)
    text = console.export_text()
    assert "taken [5600]" in text
    assert "problem" in text
    assert "`ss`" in text


def test_a_stop_in_force_is_a_warning_that_says_how_to_reset_it(tmp_path: Path) -> None:
    config = load(robot_file("aloha"), ["policy=scripted", f"safety.directory={tmp_path}"])
    assert check_stop(config).level == "ok"
    stop = Stop("4821", "hold", "shell", "2026-01-02", 0, 0, (Cause(1, "shell", "a stop"),))
    latch.write(tmp_path / latch.NAME, Latched("stopped", stop, 1.0, 4821))
    finding = check_stop(config)
    assert finding.level == "warning"
    assert "event 4821" in finding.text
    assert "python -m safety reset 4821" in finding.remedy


def test_a_place_for_stops_that_cannot_be_written_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    place = tmp_path / "none" / "yet"
    finding = check_stop(
        load(robot_file("aloha"), ["policy=scripted", f"safety.directory={place}"])
    )
    assert finding.level == "problem"
    assert str(tmp_path) in finding.text
    assert "safety.directory" in finding.remedy
