"""A process's own view of its life: its config, its sign of life, its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from messaging.curve import Network
from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus, Subscriber, Waiter
from runtime.process import END_SIGNAL, Context, ProcessSpec

pytestmark = pytest.mark.realtime

HERE = Path(__file__).parent
START_S = 20.0


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


def beats(context: Context, heard: Subscriber[Heartbeat]) -> None:
    """Beat until it is heard."""
    end = time.monotonic() + START_S
    waiter = Waiter([heard])
    while not waiter.wait(0.01):
        assert time.monotonic() < end
        context.beat()
    heard.drain()


def heard_within(heard: Subscriber[Heartbeat], seconds: float) -> Heartbeat:
    assert Waiter([heard]).wait(seconds)
    heartbeat = heard.receive()
    assert heartbeat is not None
    return heartbeat


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    network = Network(
        "10.0.0.1", "10.0.0.1", {"policy_worker": "10.0.0.2"}, ("frame.top",), 5000, tmp_path
    )
    spec = ProcessSpec(
        name="camera.top",
        module="perception.main",
        config={"plugin": "video", "nested": {"rates": [1, 2.5]}},
        directory=tmp_path,
        network=network,
        needs=("twin",),
    )
    assert ProcessSpec.model_validate_json(spec.model_dump_json()) == spec


def test_an_unknown_key_of_a_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="modul"):
        ProcessSpec.model_validate({"name": "a", "modul": "b", "directory": tmp_path})


def test_heartbeats_count_loops_and_carry_the_worst_lateness(bus: Bus) -> None:
    heard = bus.subscriber(HEARTBEAT, "arm", None)
    context = Context("arm", bus)
    beats(context, heard)
    context.beat(late_ns=3_000_000)
    context.beat(late_ns=7_000_000)
    time.sleep(0.06)
    context.beat(late_ns=1_000_000, age_ns=2_000_000, counters={"bad": 1}, note="holding")
    heartbeat = heard_within(heard, START_S)
    assert heartbeat.process == "arm"
    assert heartbeat.pid == os.getpid()
    assert heartbeat.late_ms == pytest.approx(7.0)
    assert heartbeat.age_ms == pytest.approx(2.0)
    assert heartbeat.counters == {"bad": 1}
    assert heartbeat.note == "holding"
    time.sleep(0.06)
    context.beat()
    later = heard_within(heard, START_S)
    assert later.loops == heartbeat.loops + 1
    assert later.late_ms == 0.0


def test_a_loop_that_stood_still_says_so_at_once_and_goes_on_saying_it(bus: Bus) -> None:
    context, heard = Context("twin", bus), bus.subscriber(HEARTBEAT, "twin")
    beats(context, heard)
    for late_ns, stall_ms in ((50_000_000, 0.0), (310_000_000, 310.0), (0, 310.0)):
        context.beat(late_ns=late_ns)
        if late_ns <= 50_000_000:
            time.sleep(0.06)
            context.beat()
        beat = heard_within(heard, 5.0)
        while (newer := heard.receive()) is not None:
            beat = newer
        assert beat.stall_ms == stall_ms
        assert bool(beat.t_stall_ns) == bool(stall_ms)


def test_a_fast_loop_sends_no_more_than_twenty_heartbeats_a_second(bus: Bus) -> None:
    heard = bus.subscriber(HEARTBEAT, "arm", None)
    context = Context("arm", bus)
    beats(context, heard)
    begin = time.monotonic()
    sent = 0
    while time.monotonic() - begin < 0.5:
        context.beat()
        time.sleep(0.002)
        sent += len(heard.drain())
    assert 1 <= sent <= 11


def started(tmp_path: Path, module: str, **config: str) -> "subprocess.Popen[str]":
    spec = ProcessSpec(name="arm", module=module, config=config, directory=tmp_path / "bus")
    (tmp_path / "spec.json").write_text(spec.model_dump_json(), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.process", str(tmp_path / "spec.json"), str(os.getpid())],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_ends_in_order_when_asked_and_not_by_what_reaches_the_whole_launch(
    bus: Bus, tmp_path: Path, number: signal.Signals
) -> None:
    heard = bus.subscriber(HEARTBEAT, "arm")
    with started(tmp_path, "stand_ins") as process:
        assert heard_within(heard, START_S).ready
        process.send_signal(number)
        time.sleep(0.1)
        heard.drain()
        assert heard_within(heard, START_S).pid == process.pid
        process.send_signal(END_SIGNAL)
        assert process.wait(START_S) == 0
    assert not (tmp_path / "bus" / "heartbeat.arm.sock").exists()


def test_a_process_deaf_to_the_request_is_ended_by_the_system(bus: Bus, tmp_path: Path) -> None:
    heard = bus.subscriber(HEARTBEAT, "arm")
    with started(tmp_path, "stand_ins", fault="deaf") as process:
        heard_within(heard, START_S)
        process.send_signal(END_SIGNAL)
        assert process.wait(START_S) == -signal.SIGALRM


@pytest.mark.parametrize(
    ("module", "config", "complaint"),
    [
        ("no_such_module", {}, "No module named 'no_such_module'"),
        ("stand_ins", {"falt": "exits"}, "falt"),
    ],
)
def test_a_process_that_cannot_start_logs_why(
    tmp_path: Path, module: str, config: dict[str, str], complaint: str
) -> None:
    with started(tmp_path, module, **config) as process:
        _, log = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert complaint in log
