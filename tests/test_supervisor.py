"""The supervisor, with real processes that die, hang and come back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus, Publisher
from runtime.plugins import UnknownNameError
from runtime.process import OnDeath, ProcessSpec
from runtime.supervisor import Event, Phase, Supervisor

pytestmark = pytest.mark.realtime

HERE = Path(__file__).parent
START_S = 20.0
# A shared machine keeps even an idle process from running for a while; limits are of the software.
NOISE_S = 0.4

Build = Callable[..., Supervisor]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def build(bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Return a function that makes a supervisor of stand-ins, given as name -> options."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    made: list[Supervisor] = []

    def make(**options: dict[str, Any]) -> Supervisor:
        specs = [
            ProcessSpec(
                **{
                    "name": name,
                    "module": "stand_ins",
                    "directory": tmp_path / "bus",
                    "stall_s": 0.5,
                    **given,
                }
            )
            for name, given in options.items()
        ]
        made.append(Supervisor(specs, bus, tmp_path / "run"))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.stopping = True
        supervisor.stop(list(supervisor.children))


def events_until(
    supervisor: Supervisor, enough: Callable[[Event], bool], timeout_s: float = START_S
) -> list[Event]:
    """Poll until an event is `enough`; return all events up to it."""
    events: list[Event] = []
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        for event in supervisor.poll(0.1):
            events.append(event)
            if enough(event):
                return events
    raise AssertionError(f"never came, only {events}")


def started(supervisor: Supervisor) -> Supervisor:
    events_until(supervisor, lambda _: supervisor.ready)
    return supervisor


def pid(supervisor: Supervisor, name: str) -> int:
    popen = supervisor.children[name].popen
    assert popen is not None
    return popen.pid


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody collects here is as gone as it can be.
    return (
        Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        != "Z"
    )


def struck(process: int, number: signal.Signals) -> int:
    os.kill(process, number)
    return time.monotonic_ns()


def test_processes_start_after_those_they_need_are_ready(build: Build) -> None:
    supervisor = build(first={}, second={"needs": ("first",)})
    events = events_until(supervisor, lambda _: supervisor.ready)
    assert [(event.process, event.phase) for event in events] == [
        ("first", Phase.STARTING),
        ("first", Phase.READY),
        ("second", Phase.STARTING),
        ("second", Phase.READY),
    ]


def test_a_need_that_does_not_come_before_is_refused(build: Build) -> None:
    with pytest.raises(UnknownNameError, match="needs 'secnd'; there are: first"):
        build(first={}, second={"needs": ("secnd",)})


def test_a_death_is_seen_at_once_and_ends_there_for_a_process_that_ends_the_run(
    build: Build,
) -> None:
    supervisor = started(build(a={}))
    killed_ns = struck(pid(supervisor, "a"), signal.SIGKILL)
    event = events_until(supervisor, lambda event: event.phase is Phase.DEAD)[-1]
    assert (event.t_ns - killed_ns) * 1e-9 < 0.1 + NOISE_S
    assert event.detail == "by signal SIGKILL"
    assert supervisor.poll(0.3) == []
    assert supervisor.children["a"].phase is Phase.DEAD
    assert not supervisor.ready


def test_two_deaths_at_once_are_two_events(build: Build) -> None:
    supervisor = started(build(a={}, b={}))
    for name in ("a", "b"):
        os.kill(pid(supervisor, name), signal.SIGKILL)
    dead = {
        event.process
        for _ in range(3)
        for event in supervisor.poll(0.5)
        if event.phase is Phase.DEAD
    }
    assert dead == {"a", "b"}


def test_a_process_is_restarted_at_once_and_then_with_backoff(build: Build) -> None:
    supervisor = started(build(a={"on_death": OnDeath.RESTART}))
    waits_s = []
    for _ in range(2):
        os.kill(pid(supervisor, "a"), signal.SIGKILL)
        events = events_until(supervisor, lambda event: event.phase is Phase.READY)
        assert [event.phase for event in events] == [Phase.DEAD, Phase.STARTING, Phase.READY]
        waits_s.append((events[1].t_ns - events[0].t_ns) * 1e-9)
    assert waits_s[0] < NOISE_S
    assert 0.5 <= waits_s[1] < 0.5 + NOISE_S
    assert supervisor.children["a"].restarts == 2


def test_a_restart_falls_due_in_the_middle_of_a_long_poll(build: Build) -> None:
    supervisor = started(build(a={"on_death": OnDeath.RESTART}))
    supervisor.children["a"].failures = 1
    os.kill(pid(supervisor, "a"), signal.SIGKILL)
    events_until(supervisor, lambda event: event.phase is Phase.DEAD)
    begin = time.monotonic()
    assert [event.phase for event in supervisor.poll(10.0)] == [Phase.STARTING]
    assert time.monotonic() - begin < 0.5 + NOISE_S


def test_a_silent_process_is_reported_and_welcomed_back(build: Build) -> None:
    supervisor = started(build(a={"hang_s": 30}))
    stopped_ns = struck(pid(supervisor, "a"), signal.SIGSTOP)
    stalled = events_until(supervisor, lambda event: event.phase is Phase.STALLED)[-1]
    silent_s = (stalled.t_ns - stopped_ns) * 1e-9
    assert 0.5 - 0.1 < silent_s < 0.5 + 0.05 + NOISE_S
    assert "silent for" in stalled.detail
    os.kill(pid(supervisor, "a"), signal.SIGCONT)
    back = events_until(supervisor, lambda _: True)[-1]
    assert back.phase is Phase.READY


@pytest.mark.parametrize("round_s", [0.3, 2.5])
def test_a_process_that_said_how_quiet_its_work_is_may_be_so(build: Build, round_s: float) -> None:
    config = {"round_s": round_s, "quiet_s": 3 * round_s}
    supervisor = started(build(a={"config": config, "stall_s": 0.15, "hang_s": 2.0}))
    first = supervisor.children["a"].heartbeat
    assert first is not None
    assert supervisor.poll(1.2 * round_s) == []
    later = supervisor.children["a"].heartbeat
    assert later is not None
    assert later.loops > first.loops


def test_a_process_that_is_quiet_for_longer_than_it_said_is_reported_and_killed(
    build: Build,
) -> None:
    config = {"fault": "hangs", "quiet_s": 0.7}
    supervisor = started(build(a={"config": config, "stall_s": 0.15, "hang_s": 2.0}))
    stalled, dead = events_until(supervisor, lambda event: event.phase is Phase.DEAD)
    assert stalled.phase is Phase.STALLED
    heartbeat = supervisor.children["a"].heartbeat
    assert heartbeat is not None
    assert (stalled.t_ns - heartbeat.t_ns) * 1e-9 >= 0.7
    assert dead.detail == "silent for 2.8 s, killed"


@pytest.mark.parametrize("fault", ["hangs", "freezes"])
def test_a_process_that_hangs_is_killed_and_replaced(
    build: Build, tmp_path: Path, fault: str
) -> None:
    config = {"fault": fault, "mark": str(tmp_path / "mark")}
    supervisor = started(build(a={"config": config, "hang_s": 0.8, "on_death": OnDeath.RESTART}))
    hung = pid(supervisor, "a")
    events = events_until(supervisor, lambda event: event.phase is Phase.READY)
    assert [event.phase for event in events] == [
        Phase.STALLED,
        Phase.DEAD,
        Phase.STARTING,
        Phase.READY,
    ]
    assert events[1].detail == "silent for 0.8 s, killed"
    assert not exists(hung)


def test_a_process_that_dies_while_starting_says_why(build: Build) -> None:
    supervisor = build(a={"config": {"fault": "dies while starting"}})
    events = events_until(supervisor, lambda event: event.phase is Phase.DEAD)
    assert [event.phase for event in events] == [Phase.STARTING, Phase.DEAD]
    assert events[-1].detail == "exit 1: RuntimeError: no such arm"


def test_a_process_that_exits_says_its_last_words(build: Build) -> None:
    supervisor = build(a={"config": {"fault": "exits"}})
    event = events_until(supervisor, lambda event: event.phase is Phase.DEAD)[-1]
    assert event.detail.startswith("exit 3:")
    assert event.detail.endswith("out of film")


def test_a_process_that_is_never_ready_is_given_up(build: Build) -> None:
    supervisor = build(a={"config": {"fault": "never ready"}, "start_s": 0.5})
    events = events_until(supervisor, lambda event: event.phase is Phase.DEAD)
    assert [event.phase for event in events] == [Phase.STARTING, Phase.DEAD]
    assert events[1].detail == "not ready 0.5 s after its start, killed"


def test_a_supervisor_that_was_suspended_blames_nobody(build: Build) -> None:
    supervisor = started(build(a={"hang_s": 0.6}))
    os.kill(pid(supervisor, "a"), signal.SIGSTOP)
    time.sleep(0.8)  # as if the terminal had stopped the whole group and continued it
    os.kill(pid(supervisor, "a"), signal.SIGCONT)
    assert supervisor.poll(0.2) == []
    assert supervisor.children["a"].alive


def test_stopping_ends_all_alive_frozen_or_dead_and_leaves_no_process(build: Build) -> None:
    names = ["fine", "frozen", "dead"]
    supervisor = started(build(**{name: {} for name in names}))
    pids = [pid(supervisor, name) for name in names]
    os.kill(pids[1], signal.SIGSTOP)
    os.kill(pids[2], signal.SIGKILL)
    time.sleep(0.05)
    supervisor.stopping = True
    events = supervisor.stop(names)
    assert [event.phase for event in events] == [Phase.STOPPED] * 3
    assert [event.detail for event in events] == ["exit 0", "exit 0", "exit -9"]
    assert not any(exists(process) for process in pids)
    assert supervisor.poll(0.1) == []
    assert all(child.pidfd < 0 for child in supervisor.children.values())


def test_a_process_deaf_to_the_request_is_killed(build: Build) -> None:
    supervisor = started(build(a={"config": {"fault": "deaf"}}))
    process = pid(supervisor, "a")
    begin = time.monotonic()
    (event,) = supervisor.stop(["a"])
    assert event.detail == "killed, -9"
    assert 2.9 < time.monotonic() - begin < 3.0 + NOISE_S
    assert not exists(process)


def test_a_remote_process_is_awaited_watched_and_left_alone(build: Build, bus: Bus) -> None:
    supervisor = build(there={"remote": True, "start_s": 0.1, "stall_s": 0.2, "hang_s": 0.3})
    (waiting,) = supervisor.poll(0.5)
    assert (waiting.phase, waiting.detail) == (Phase.STARTING, "on another machine")
    assert supervisor.poll(0.3) == []
    there = bus.publisher(HEARTBEAT, "there")
    for _ in range(2):  # it goes, and comes back as another process with another clock
        beat_until_heard(supervisor, there)
        assert supervisor.ready
        (silent,) = supervisor.poll(1.0)
        assert silent.phase is Phase.STALLED
        assert supervisor.poll(0.5) == []
    assert supervisor.stop(["there"]) == []
    assert supervisor.children["there"].phase is Phase.STOPPED


def beat_until_heard(supervisor: Supervisor, there: Publisher[Heartbeat]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        there.send(Heartbeat("there", 1, 7, True, 1, 20.0, 0.0, 0.0))
        if [event.phase for event in supervisor.poll(0.05)] == [Phase.READY]:
            return
    raise AssertionError("never heard")


def test_children_die_with_a_station_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))
    station = subprocess.Popen(
        [sys.executable, str(HERE / "station_in_a_process.py"), str(tmp_path), "", ""]
    )
    written = tmp_path / "pids"
    try:
        wait_for(written.exists, START_S)
        pids = [int(word) for word in written.read_text(encoding="utf-8").split()]
        assert all(exists(process) for process in pids)
    finally:
        station.kill()
        station.wait()
    wait_for(lambda: not any(exists(process) for process in pids), 3.0)


def test_a_child_whose_station_died_before_it_could_look_does_not_live_on(tmp_path: Path) -> None:
    spec = ProcessSpec(name="a", module="stand_ins", directory=tmp_path / "bus")
    (tmp_path / "spec.json").write_text(spec.model_dump_json(), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "runtime.process", str(tmp_path / "spec.json"), "1"],
        timeout=START_S,
        check=False,
    )
    assert result.returncode == 1


def wait_for(happened: Callable[[], bool], timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
