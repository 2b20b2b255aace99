from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from video_device import jpeg, noise

from messaging.messages import ControlStatus, Directive, Frame, JointState
from messaging.topics import CONTROL_STATUS, DIRECTIVE, FRAME, JOINT_STATE
from messaging.transport import Bus
from policy_worker.policy import PolicySpec
from policy_worker.senses import Senses
from policy_worker.track import Track

pytestmark = pytest.mark.realtime

SPEC = PolicySpec("test", ("a", "b"), ("cam",), 10, 20_000_000, ())
TICK_NS = 10_000_000
WITHIN_S = 5.0
BLACK = np.zeros((4, 6, 3), np.uint8)


class World:
    """Everything that a worker listens to, said by hand."""

    def __init__(self, bus: Bus, spec: PolicySpec = SPEC) -> None:
        self.frames = bus.publisher(FRAME, "cam")
        self.states = bus.publisher(JOINT_STATE, "left")
        self.statuses = bus.publisher(CONTROL_STATUS)
        self.directives = bus.publisher(DIRECTIVE)
        self.senses = Senses(spec, ("left",), bus)
        self.seq = 0
        self._join()

    def _join(self) -> None:
        """Wait until the subscriber hears everybody: what is said before is lost."""
        end = time.monotonic() + WITHIN_S
        while self.senses.refusal(self.senses.now_ns()) not in ("", "nothing new"):
            assert time.monotonic() < end
            now_ns = time.monotonic_ns()
            self.say(now_ns - 1, cursor=0.0, epoch=1, mode="idle")
            self.frame(now_ns - 2)

    def say(self, t_ns: int, *, cursor: float, epoch: int, mode: str = "run") -> None:
        self.seq += 1
        self.directives.send(Directive(self.seq, mode, 7, "do it"))
        self.statuses.send(
            ControlStatus(
                seq=self.seq,
                t_ns=t_ns,
                late_us=0.0,
                mode=mode,
                epoch=epoch,
                cursor=cursor,
                rate=1.0,
                upcoming=np.zeros((1, 2)),
                dt_ns=TICK_NS,
                runway_s=1.0,
                latency_s=0.0,
                disagreement_rad=0.0,
                jerk=0.0,
                chunks=0,
                counters={},
            )
        )
        here = np.array([cursor, -cursor])
        empty = np.empty(0)
        self.states.send(
            JointState(
                arm="left",
                seq=self.seq,
                t_sample_ns=t_ns,
                joints=("a", "b"),
                position=here,
                velocity=here,
                current=empty,
                temperature=empty,
                voltage=empty,
                age_s=empty,
                errors=(),
                warnings=(),
                written=here,
                t_written_ns=t_ns,
                t_command_ns=t_ns,
                holding="",
            )
        )

    def frame(self, t_ns: int, image: NDArray[np.uint8] = BLACK) -> None:
        self.frames.send(Frame("cam", self.seq, t_ns, time.monotonic_ns(), image))
        self.senses.wait(0.05)
        time.sleep(0.02)
        self.senses.wait(0.0)


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="eh-") as folder, Bus(Path(folder)) as bus:
        yield World(bus)


def refusal(world: World) -> str:
    return world.senses.refusal(world.senses.now_ns())


def test_cursor_and_joints_are_those_of_the_moment_of_capture(world: World) -> None:
    start_ns = time.monotonic_ns()
    # The plan clock stands still for three ticks, then runs: no line through the last two hits it.
    for tick, cursor in enumerate([5.0, 5.0, 5.0, 6.0, 7.0]):
        world.say(start_ns + tick * 1_000_000, cursor=cursor, epoch=2)
    world.frame(start_ns + 2_500_000)
    assert refusal(world) == ""
    seen = world.senses.seen()
    assert seen.cursor == pytest.approx(5.5)
    assert seen.epoch == 2
    assert seen.observation.t_obs_ns == start_ns + 2_500_000
    assert seen.observation.position == pytest.approx([5.5, -5.5])
    assert seen.observation.plan_time_s == pytest.approx(5.5 * 0.01)
    assert (seen.observation.episode, seen.observation.instruction) == (7, "do it")


def test_nothing_is_seen_twice(world: World) -> None:
    start_ns = time.monotonic_ns()
    world.say(start_ns, cursor=0.0, epoch=2)
    world.frame(start_ns + 1)
    assert refusal(world) == ""
    world.senses.seen()
    assert refusal(world) == "nothing new"
    world.say(start_ns + 3, cursor=1.0, epoch=2)
    world.frame(start_ns + 2)
    assert refusal(world) == ""


def test_a_jpeg_file_is_seen_as_pixels(world: World) -> None:
    start_ns = time.monotonic_ns()
    world.say(start_ns, cursor=0.0, epoch=2)
    world.frame(start_ns + 1, jpeg(noise(0)))
    assert refusal(world) == ""
    assert world.senses.seen().observation.images["cam"].shape == (48, 64, 3)


def test_a_frame_that_cannot_be_read_is_refused_by_name(world: World) -> None:
    start_ns = time.monotonic_ns()
    world.say(start_ns, cursor=0.0, epoch=2)
    world.frame(start_ns + 1, np.arange(100, dtype=np.uint8))
    assert refusal(world) == "unreadable frame of cam"
    world.frame(start_ns + 2)
    assert refusal(world) == ""


def test_a_frame_from_before_the_epoch_does_not_count(world: World) -> None:
    start_ns = time.monotonic_ns()
    world.say(start_ns, cursor=0.0, epoch=2)
    world.say(start_ns + 5, cursor=0.0, epoch=3)
    world.frame(start_ns + 3)
    assert refusal(world) == "nothing new"
    world.frame(start_ns + 6)
    assert refusal(world) == ""


def test_each_stale_source_is_named(world: World) -> None:
    start_ns = time.monotonic_ns()
    world.say(start_ns, cursor=0.0, epoch=2)
    world.frame(start_ns + 1)
    late_ns = start_ns + CONTROL_STATUS.stale_after_ns + 10_000_000
    assert world.senses.refusal(late_ns) == "stale controller status"
    world.say(late_ns, cursor=0.0, epoch=2)
    world.senses.wait(0.0)
    time.sleep(0.02)
    world.senses.wait(0.0)
    much_later_ns = start_ns + FRAME.stale_after_ns + 10_000_000
    world.say(much_later_ns, cursor=0.0, epoch=2)
    time.sleep(0.02)
    world.senses.wait(0.0)
    assert world.senses.refusal(much_later_ns) == "stale frame of cam"


def test_only_a_run_is_worth_inferring_for(world: World) -> None:
    assert not world.senses.running()
    world.say(time.monotonic_ns(), cursor=0.0, epoch=2, mode="run")
    time.sleep(0.02)
    world.senses.wait(0.0)
    assert world.senses.running()


def test_the_station_of_another_machine_tells_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Bus, "spans_machines", property(lambda _: True))
    ahead_ns = 3_600_000_000_000
    with tempfile.TemporaryDirectory(prefix="eh-") as folder, Bus(Path(folder)) as bus:
        world = World(bus)
        world.say(time.monotonic_ns() + ahead_ns, cursor=0.0, epoch=2)
        time.sleep(0.02)
        world.senses.wait(0.0)
        apart_ns = world.senses.now_ns() - time.monotonic_ns()
    assert apart_ns == pytest.approx(ahead_ns, abs=1e9)


def test_a_policy_without_cameras_goes_by_the_joints() -> None:
    with tempfile.TemporaryDirectory(prefix="eh-") as folder, Bus(Path(folder)) as bus:
        world = World(bus, replace(SPEC, cameras=()))
        world.say(time.monotonic_ns(), cursor=3.0, epoch=2)
        world.say(time.monotonic_ns(), cursor=4.0, epoch=2)
        world.frame(0)
        assert refusal(world) == ""
        seen = world.senses.seen()
    assert seen.cursor == pytest.approx(4.0)
    assert seen.observation.position == pytest.approx([4.0, -4.0])
    assert seen.observation.images == {}


def test_a_track_interpolates_and_ends_flat() -> None:
    track = Track()
    with pytest.raises(LookupError):
        track.at(0)
    for t_ns, value in [(10, 1.0), (20, 3.0), (15, 99.0), (30, 3.0)]:
        track.add(t_ns, np.array([value]))
    assert [float(track.at(t)[0]) for t in (0, 10, 15, 20, 25, 40)] == [1, 1, 2, 3, 3, 3]
