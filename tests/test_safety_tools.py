"""`python -m safety` against a launch that is only a bus: what is asked, said and returned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from messaging.messages import Reply, Request, SafetyState
from messaging.topics import SAFETY_STATE
from messaging.transport import Bus, Waiter
from safety import audit, latch
from safety.cause import Cause
from safety.facts import Stop
from safety.latch import Latched
from station.lock import StationLock
from station.safety_tools.main import TOOLS, main

pytestmark = pytest.mark.realtime

ARMED = SafetyState(0, "armed", 1, "poses", 1.0, "")
STOPPED = SafetyState(
    0,
    "stopped",
    1,
    "none",
    1.0,
    "",
    event="4821",
    stop="hold",
    stopped_at="2026-01-02T03:04:05",
    by="shell alice",
    causes=("stop by shell alice: a hand in the way",),
    confirmed_ms={"left": 23.4, "right": 25.0},
)


class FakeLaunch(threading.Thread):
    """Answers as a safety process would, in the state and with the reply that a test wants."""

    def __init__(self, bus: Bus, state: SafetyState, answered: Callable[[Request], Reply]) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self._state = state
        self._answered = answered
        self._states = bus.publisher(SAFETY_STATE)
        self._service = bus.service("safety")
        self._over = threading.Event()

    def run(self) -> None:
        waiter = Waiter([self._service])
        while not self._over.is_set():
            if waiter.wait(0.02) and (asked := self._service.receive()):
                self.asked.append(asked.request)
                self._service.answer(asked, self._answered(asked.request))
            self._states.send(replace(self._state, t_ns=time.monotonic_ns()))

    def end(self) -> None:
        self._over.set()
        self.join()


def accepted(request: Request) -> Reply:
    return Reply(request.id, True, "done", "4821")


def refused(request: Request) -> Reply:
    return Reply(request.id, False, "arm left is too hot", "4821")


Launched = Callable[..., FakeLaunch]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def launched() -> Iterator[Launched]:
    """Return what starts a launch with a state and an answer."""
    with StationLock("aloha", "a test") as lock, Bus(lock.directory) as bus:
        threads: list[FakeLaunch] = []

        def start(
            state: SafetyState, answered: Callable[[Request], Reply] = accepted
        ) -> FakeLaunch:
            threads.append(FakeLaunch(bus, state, answered))
            threads[-1].start()
            return threads[-1]

        yield start
        for thread in threads:
            thread.end()


def test_a_stop_is_confirmed_arm_by_arm(
    launched: Launched, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = launched(STOPPED)
    assert main(["stop", "--reason", "a hand in the way"]) == 0
    said = capsys.readouterr().out
    assert "stopped, event 4821" in said
    assert "left: holding, confirmed after 23 ms" in said
    (request,) = launch.asked
    assert (request.kind, request.reason) == ("stop", "a hand in the way")
    assert request.who.startswith("shell")


def test_an_arm_that_does_not_confirm_sends_people_to_the_switch(
    launched: Launched, capsys: pytest.CaptureFixture[str]
) -> None:
    launched(replace(STOPPED, confirmed_ms={"left": 20.0}, awaited=("right",)))
    assert main(["stop"]) == 1
    assert "right: NOT CONFIRMED, USE THE 12 V SWITCH" in capsys.readouterr().out


def test_a_stop_that_no_state_tells_of_is_not_confirmed(
    launched: Launched, capsys: pytest.CaptureFixture[str]
) -> None:
    launched(ARMED)
    assert main(["stop"]) == 1
    assert "NOT CONFIRMED by any arm: USE THE 12 V SWITCH" in capsys.readouterr().out


@pytest.mark.usefixtures("launched")
def test_a_stop_without_an_answer_is_not_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop"]) == 1
    assert "NOT CONFIRMED: USE THE 12 V SWITCH" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[name] for name in ("arm", "run", "pause", "rest", "cut")])
def test_without_a_launch_every_request_says_so(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    assert "no launch runs aloha here" in capsys.readouterr().err


def test_without_a_launch_a_stop_says_that_nothing_was_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["stop", "--robot", "ours"]) == 1
    assert "no launch runs ours here: nothing to stop" in capsys.readouterr().out


def test_the_state_tells_cause_and_remedy(
    launched: Launched, capsys: pytest.CaptureFixture[str]
) -> None:
    launched(replace(STOPPED, warnings=("journal is silent",), note="waits", awaited=("left",)))
    assert main(["state"]) == 0
    said = capsys.readouterr().out
    for words in (
        "stopped: motion none, at most 100% of the usual speed",
        "event 4821 (hold) since 2026-01-02T03:04:05, by shell alice",
        "cause: stop by shell alice: a hand in the way",
        "warning: journal is silent",
        "arm left has not confirmed the stop",
        "waits",
        "next: `python -m safety reset 4821`",
    ):
        assert words in said


def test_what_persists_is_told(launched: Launched, capsys: pytest.CaptureFixture[str]) -> None:
    launched(replace(STOPPED, persisting=("the camera is frozen",)))
    main(["state"])
    assert "to be mended before a reset: the camera is frozen" in capsys.readouterr().out


@pytest.mark.usefixtures("launched")
def test_a_silent_safety_process_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state"]) == 1
    assert "the safety process is silent: nothing may move" in capsys.readouterr().out


def test_without_a_launch_the_state_tells_the_stop_left_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["state"])
    assert "no stop is in force" in capsys.readouterr().out
    path = tmp_path / "state" / "evenhand" / "aloha" / latch.NAME
    path.parent.mkdir(parents=True)
    cause = Cause(1, "shell", "a hand in the way")
    stop = Stop("4821", "hold", "shell alice", "2026-01-02", 0, 0, (cause,))
    latch.write(path, Latched("stopped", stop, 1.0, 4821))
    assert main(["state"]) == 0
    said = capsys.readouterr().out
    assert "STOPPED: event 4821 since 2026-01-02, by shell alice: a hand in the way" in said
    assert "python -m safety reset 4821" in said
    latch.write(path, Latched("running", None, 1.0, 4821))
    main(["state"])
    assert "ended without a word while the robot was running" in capsys.readouterr().out
    path.write_text("{", encoding="utf-8")
    main(["state"])
    assert "latch file damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "kind", "event", "value"),
    [
        (["reset", "4821"], "reset", "4821", 0.0),
        (["run"], "run", "", 0.0),
        (["pause"], "pause", "", 0.0),
        (["speed", "0.5"], "speed", "", 0.5),
        (["rest"], "rest", "", 0.0),
        (["arm"], "arm", "", 0.0),
    ],
)
def test_requests_reach_the_safety_process_and_its_answer_is_told(
    launched: Launched,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    kind: str,
    event: str,
    value: float,
) -> None:
    launch = launched(ARMED)
    assert main(command) == 0
    (request,) = launch.asked
    assert (request.kind, request.event, request.value) == (kind, event, value)
    assert capsys.readouterr().out.strip() in ("done", "armed")


@pytest.mark.parametrize("command", [["reset", "1"], ["arm"], ["cut"], ["speed", "2"]])
def test_a_refusal_is_told_with_its_reason(
    launched: Launched, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    launched(STOPPED, refused)
    assert main(command) == 1
    assert "refused: arm left is too hot" in capsys.readouterr().out


def test_a_self_test_that_fails_tells_why(
    launched: Launched, capsys: pytest.CaptureFixture[str]
) -> None:
    launched(replace(STOPPED, causes=("the stop path failed its self-test",)))
    assert main(["arm"]) == 1
    assert "the stop path failed its self-test" in capsys.readouterr().out


def test_a_speed_that_is_no_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", "fast"]) == 1
    assert "speed is a number from 0.05 to 1, got 'fast'" in capsys.readouterr().err


def test_a_cut_is_confirmed_by_the_code_that_a_person_types(launched: Launched) -> None:
    launch = launched(STOPPED)
    questions: list[str] = []

    def typed(question: str) -> str:
        questions.append(question)
        return " 7919\n"

    assert main(["cut"], typed) == 0
    assert [request.event for request in launch.asked] == ["", "7919"]
    assert "done" in questions[0]


def test_a_cut_that_nobody_confirms_cuts_nothing(
    launched: Launched, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = launched(STOPPED)
    assert main(["cut"], lambda _: "") == 1
    assert "torque is as it was" in capsys.readouterr().err
    assert len(launch.asked) == 1


def test_the_audit_is_shown_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["verify"], ["log"]):
        assert main(command) == 1
        assert "there is no audit of aloha yet" in capsys.readouterr().err
    path = tmp_path / "state" / "evenhand" / "aloha" / audit.NAME
    log = audit.Audit(path)
    for phase in ("armed", "running"):
        log.append([audit.Entry("12:00", 1, "shell alice", "go", "on", "armed", phase, "4821")])
    log.close()
    assert main(["verify"]) == 0
    assert "every line is as it was written" in capsys.readouterr().out
    assert main(["log"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "12:00  shell alice: go: on [armed event 4821]"
    assert second == "12:00  shell alice: go: on [armed -> running event 4821]"
    path.write_text(
        path.read_text(encoding="utf-8").replace("alice", "bob", 1) + "torn", encoding="utf-8"
    )
    assert main(["verify"]) == 1
    assert "does not follow" in capsys.readouterr().out
    main(["log"])
    assert "(torn) torn" in capsys.readouterr().out


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for name in TOOLS:
        assert name in said
    assert "12 V" in said
