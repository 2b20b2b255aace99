"""How a run ends when its terminal, its disk, its arms or its operator fail it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_conductor import safety, status

from drivers.main import stopping_s
from messaging.messages import EpisodeState
from motion.limits import LimitsConfig
from runtime.process import OnDeath
from runtime.supervisor import Event, Phase
from station.config import load, robot_file
from station.display import Display, ExpendableDisplay
from station.ending import Progress, last_lines
from station.exit_code import ExitCode
from station.hardware import decided
from station.record import EVENTS_FILE, EpisodeOutcome, RunEvent
from station.station import Options, Station
from station.ticks import read_lines

SECOND_NS = 1_000_000_000


@dataclass
class BrokenDisplay(AbstractContextManager[Display]):
    """Fails when it is used for the `working + 1`th time."""

    error: BaseException
    working: int = 0
    shown: int = 0

    def __enter__(self) -> BrokenDisplay:
        self._use()
        return self

    def __exit__(self, *_: object) -> None:
        raise self.error

    def show(self, _snapshot: object) -> None:
        self.shown += 1
        self._use()

    def _use(self) -> None:
        self.working -= 1
        if self.working < 0:
            raise self.error


@dataclass
class Hands:
    """Stands in for wire and supervisor: remembers what a run did to its processes and arms."""

    error: OSError | None = None
    events: list[Event] = field(default_factory=list)
    ready: bool = True
    stopping: bool = False
    said: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    arrives: bool = True
    heartbeat: Any = field(default_factory=lambda: SimpleNamespace(ready=True, note=""))

    def __post_init__(self) -> None:
        spec = SimpleNamespace(on_death=OnDeath.END_RUN)
        child = SimpleNamespace(spec=spec, phase=Phase.READY, heartbeat=self.heartbeat, restarts=0)
        self.children = {"controller": child, "arm.left": child}
        self.status: Any = None
        self.task = self.chunk = self.human = None
        self.episodes: list[EpisodeState] = []
        self.safety = safety("armed")
        self.is_awaiting = False
        self.energised: tuple[str, ...] = ("left", "right")
        self.deaths: list[tuple[str, str]] = []
        self.chunk_arrival_ns = 0
        self.inference_ms: list[float] = []

    def poll(self, _timeout_s: float) -> list[Event]:
        if self.error:
            raise self.error
        events, self.events = self.events, []
        return events

    def stop(self, names: list[str]) -> None:
        self.stopped += names

    def listen(self) -> list[str]:
        return []

    def tell_death(self, process: str, detail: str) -> None:
        self.deaths.append((process, detail))

    def serve(self, _now_ns: int) -> list[str]:
        return []

    def told(self) -> list[str]:
        return []

    def tell(self, state: EpisodeState) -> None:
        self.episodes.append(state)

    def say(self, orders: Any, _now_ns: int) -> None:
        self.said.append(orders.mode)
        self.status = status(orders.mode, arrived=self.arrives)
        if orders.ask == "off":
            self.safety = safety("disarmed")
            self.energised = () if orders.mode == "rest" else self.energised


@pytest.fixture
def station(tmp_path: Path) -> Station:
    config = decided(load(robot_file("aloha"), ["policy=scripted", f"runs={tmp_path / 'runs'}"]))
    return Station(config, Options(seed=0, episodes=1, duration_s=None, launched_ns=0))


@pytest.fixture
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def drive(station: Station, hands: Hands, display: Any = None) -> None:
    shown = display or cast("Any", Silent())
    played = cast("Any", hands)
    station._drive(played, played, played, played, shown)


class Silent:
    def show(self, _snapshot: object) -> None:
        pass


@pytest.mark.parametrize("working", [0, 1, 3])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), BrokenPipeError(), SystemExit(1)])
def test_a_display_that_fails_is_switched_off_and_told_once(
    working: int, error: BaseException
) -> None:
    losses: list[str] = []
    broken = BrokenDisplay(error, working)
    with ExpendableDisplay(cast("Any", broken), losses.append) as display:
        for _ in range(5):
            display.show(cast("Any", None))
    assert broken.shown == working
    assert len(losses) == 1
    assert "switched off" in losses[0]


def test_a_run_goes_on_without_its_display(station: Station) -> None:
    losses = station.record.losses
    hands = Hands()
    station._ending.interrupt(signal.SIGINT, None)
    hands.status = status("run", arrived=True)
    broken = BrokenDisplay(OSError(5, "Input/output error"), working=1)
    with ExpendableDisplay(cast("Any", broken), losses.append) as display:
        drive(station, hands, display)
    assert hands.said[-1] == "rest"
    assert station.record.ending.startswith("stopped by the operator")
    assert "Input/output error" in losses[0]


def test_a_failing_disk_ends_a_run_with_a_hold_and_the_cause(station: Station) -> None:
    hands = Hands(error=OSError(28, "No space left on device"))
    drive(station, hands)
    assert set(hands.said) == {"hold"}
    assert hands.safety.phase == "disarmed", "its end while armed would be a fault"
    assert set(hands.stopped) == {"controller", "arm.left"}
    assert "No space left on device" in station.record.ending
    assert "the arms hold" in station.record.ending


def test_the_first_cause_of_a_failure_stays(station: Station) -> None:
    deaths = [
        Event(1, "arm.left", Phase.DEAD, "by signal SIGKILL"),
        Event(2, "controller", Phase.DEAD, "exit 1"),
    ]
    drive(station, Hands(events=deaths))
    station._ending.interrupt(signal.SIGINT, None)
    assert station.record.ending.startswith("arm.left died")


def test_why_the_arms_hold_is_written_down(station: Station) -> None:
    hands = Hands(events=[Event(1, "arm.left", Phase.DEAD, "exit 1")])
    hands.heartbeat.note = "right: elbow (id 4) has latched: overload"
    drive(station, hands)
    told = [event.text for event in station.record.events]
    assert told[-1] == "holds: right: elbow (id 4) has latched: overload"


def test_the_death_of_what_moves_the_arms_is_told_to_the_safety_process(station: Station) -> None:
    hands = Hands(events=[Event(1, "arm.left", Phase.DEAD, "exit 1")])
    drive(station, hands)
    assert hands.deaths == [("arm.left", "exit 1")]
    assert station.energised == ("left", "right")


def test_a_failure_after_an_interrupt_is_told(station: Station) -> None:
    station._ending.interrupt(signal.SIGINT, None)
    drive(station, Hands(events=[Event(1, "controller", Phase.DEAD, "exit 1")]))
    assert station.record.ending.startswith("controller died")


@pytest.mark.usefixtures("handlers")
def test_a_closed_terminal_stops_a_run_as_ctrl_c_does(station: Station) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests themselves were run under
    station._heed_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    assert station.record.ending.startswith("stopped by the operator")


@pytest.mark.parametrize(
    ("numbers", "apart_s", "urgent"),
    [
        # A shell hangs up its jobs and ends, and then the kernel hangs up those that are left.
        ((signal.SIGHUP, signal.SIGHUP), 0.05, False),
        ((signal.SIGTERM, signal.SIGTERM), 0.0, False),  # `timeout`: its child, then the group
        ((signal.SIGTERM, signal.SIGHUP), 0.0, False),  # systemd with SendSIGHUP
        ((signal.SIGTERM, signal.SIGTERM), 2.0, True),
        ((signal.SIGINT, signal.SIGINT), 0.05, True),
    ],
)
def test_what_is_signalled_twice_at_once_is_asked_for_once(
    station: Station,
    monkeypatch: pytest.MonkeyPatch,
    numbers: tuple[signal.Signals, ...],
    apart_s: float,
    urgent: bool,
) -> None:
    now_ns = iter(range(SECOND_NS, 100 * SECOND_NS, max(1, round(apart_s * 1e9))))
    with monkeypatch.context() as patched:
        patched.setattr("station.ending.time.monotonic_ns", lambda: next(now_ns))
        for number in numbers:
            station._ending.interrupt(number, None)
    assert station._ending.is_urgent is urgent


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("number", "named"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_sigterm_ends_a_stopped_run_as_ctrl_c_does_and_the_stop_is_told(
    station: Station, number: signal.Signals, named: str
) -> None:
    hands = Hands()
    hands.safety = replace(safety("stopped", "hold"), causes=("left: a motor is hot",))
    station._heed_signals()
    os.kill(os.getpid(), number)
    drive(station, hands)
    assert station._ending.exit_code is ExitCode.DONE
    *_, line = last_lines(station.record, station.run_directory / "report.html")
    assert line.startswith(
        f"ended: stopped by the operator ({named}); in force: stop 4821: left: a"
    )
    assert line.endswith("report.html")


def test_a_stop_that_nobody_resets_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    config = decided(load(robot_file("aloha"), ["policy=scripted", f"runs={tmp_path / 'runs'}"]))
    station = Station(config, Options(0, 1, None, 0, stop_wait_s=0.0))
    hands = Hands()
    hands.safety = safety("stopped", "hold")
    drive(station, hands)
    assert station._ending.exit_code is ExitCode.STOPPED
    (line,) = last_lines(station.record, None)
    assert line.startswith("ended: stop 4821: a hand in the way")
    assert line.endswith("; there is no report")


def test_the_last_line_tells_the_first_failure_shortened_and_how_the_episodes_went(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive(station, Hands(events=[Event(1, "arm.left", Phase.DEAD, "exit 1: " + "word " * 200)]))
    assert station._ending.exit_code is ExitCode.FAILED
    station.record.episodes = [EpisodeOutcome(n, n, "lift", n > 0, 7.0) for n in range(3)]
    monkeypatch.chdir(station.run_directory.parent.parent)
    *whole, line = last_lines(station.record, station.run_directory / "report.html")
    assert line.startswith("ended: arm.left died (exit 1: word word")
    assert ", 2 of 3 succeeded; report: runs/" in line
    assert len(line) < 250
    assert " ".join(whole) == station.record.ending
    assert max(map(len, whole)) <= 100


def test_every_event_is_in_the_runs_folder_whole(station: Station) -> None:
    station.run_directory.mkdir(parents=True)
    detail = "exit 1: " + "word " * 200
    drive(station, Hands(events=[Event(1, "arm.left", Phase.DEAD, detail)]))
    kept = read_lines(station.run_directory / EVENTS_FILE)
    assert f"dead {detail}".strip() in [entry["text"] for entry in kept]


@pytest.mark.usefixtures("handlers")
def test_nohup_outlives_its_terminal(station: Station) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    station._heed_signals()
    os.kill(os.getpid(), signal.SIGHUP)
    assert station.record.ending == ""


def test_a_third_interrupt_does_not_wait_for_the_arms(station: Station) -> None:
    for _ in range(3):
        station._ending.interrupt(signal.SIGINT, None)
    hands = Hands(arrives=False)
    drive(station, hands)
    assert hands.said == []
    assert hands.stopped


def test_a_slow_way_to_rest_is_no_failure_but_standing_still_is() -> None:
    progress = Progress()
    now_ns = SECOND_NS
    for second in range(100):
        moved = cast("Any", SimpleNamespace(epoch=1, cursor=float(second)))
        assert not progress.is_stuck(moved, now_ns + second * SECOND_NS)
    assert not progress.is_stuck(moved, now_ns + 114 * SECOND_NS)
    assert progress.is_stuck(moved, now_ns + 115 * SECOND_NS)


@pytest.mark.usefixtures("handlers")
def test_a_run_that_cannot_write_says_where_and_what_to_do(
    tmp_path: Path, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "runs").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(RuntimeError, match="--set runs=") as caught:
        station.run(Silent())
    assert str(tmp_path / "runs") in str(caught.value)


def test_very_many_events_keep_their_beginning_and_their_end(station: Station) -> None:
    for number in range(2500):
        station.record.note(RunEvent(number, "camera.cam_high", "dead"))
    times = [event.t_ns for event in station.record.events]
    assert times == [*range(200), *range(1700, 2500)]
    assert station.record.forgotten_events == 1500
    assert station.record.noted_events == 2500


def test_a_run_that_fails_tells_that_its_episode_is_over(station: Station) -> None:
    hands = Hands(events=[Event(1, "controller", Phase.DEAD, "exit 1")])
    drive(station, hands)
    assert hands.episodes[-1].phase in ("none", "over")


def test_the_report_says_that_events_were_left_out(station: Station) -> None:
    for number in range(1001):
        station.record.note(RunEvent(number, "camera.cam_high", "dead"))
    station._ending.interrupt(signal.SIGINT, None)
    drive(station, Hands())
    assert any("events in the middle" in loss for loss in station.record.losses)


def test_a_stop_takes_longer_the_gentler_the_limits_are() -> None:
    assert stopping_s(LimitsConfig()) < 1.2
    gentle = LimitsConfig(velocity=3.0, acceleration=4.0, jerk=20.0)
    assert stopping_s(gentle) > 1.9
