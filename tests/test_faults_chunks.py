"""Chunks that are wrong, old, doubled or impossible: dropped or limited, counted, named."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from stack import Stack, stack, station_config

from messaging.messages import ActionChunk
from messaging.topics import ACTION_CHUNK
from messaging.transport import Publisher
from runtime.process import ProcessSpec

HORIZON = 50
DT_NS = 20_000_000
SWING_RAD = 0.1
SWING_HZ = 0.5

Array = NDArray[np.float64]

pytestmark = [pytest.mark.alone, pytest.mark.slow]


class Policy:
    """The test as the policy: it looks at the controller and sends what it likes."""

    def __init__(self, running: Stack) -> None:
        self.running = running
        self.home = np.array([v for arm in running.config.arms.values() for v in arm.home])
        self.joints = tuple(running.config.ranges)
        self.newest: ActionChunk | None = None
        self._publisher: Publisher[ActionChunk] = running.bus.publisher(ACTION_CHUNK)
        self._seq = 0

    def chunk(self) -> ActionChunk:
        """Return a good chunk: both arms wave around home."""
        status = self.running.status
        times_s = status.cursor * status.dt_ns * 1e-9 + np.arange(HORIZON) * DT_NS * 1e-9
        actions = self.home + SWING_RAD * np.sin(2 * np.pi * SWING_HZ * times_s)[:, None]
        actions[:, 6::7] = self.home[6::7]
        self._seq += 1
        return ActionChunk(
            policy="test",
            seq=self._seq,
            t_obs_ns=status.t_ns,
            cursor=status.cursor,
            epoch=status.epoch,
            dt_ns=DT_NS,
            joints=self.joints,
            actions=actions,
            stages_ms={},
        )

    def send(self, chunk: ActionChunk) -> None:
        """Publish a chunk and give the controller time for it."""
        self._publisher.send(chunk)
        self.running.during(0.1)

    def counted(self, name: str) -> int:
        """Return how often the controller counted something."""
        return self.running.status.counters.get(name, 0)

    def assert_counts(self, chunk: ActionChunk, name: str, *, merged: int = 0) -> None:
        """Check that `chunk` is counted under `name`, and whether it is merged."""
        before, chunks = self.counted(name), self.running.status.chunks
        self.send(chunk)
        self.running.until(lambda: self.counted(name) > before, f"{name} to be counted", 5.0)
        assert self.running.status.chunks == chunks + merged
        self.assert_goes_on()

    def assert_goes_on(self) -> None:
        """Check that good chunks are still merged, and that all went smoothly so far."""
        chunks = self.running.status.chunks
        for _ in range(5):
            self.send(self.chunk())
        self.running.until(lambda: self.running.status.chunks >= chunks + 3, "good chunks", 5.0)
        self.running.assert_smooth()


@pytest.fixture(scope="module")
def station() -> Iterator[Policy]:
    def replaced(spec: ProcessSpec) -> ProcessSpec | None:
        return None if spec.name == "policy_worker" else spec

    with stack(station_config("policy=scripted"), replaced) as running:
        yield Policy(running)


@pytest.fixture
def policy(station: Policy) -> Policy:
    """Return the policy while the arms move by its chunks."""
    running = station.running
    if not (running.statuses and running.status.mode == "run" and running.phase == "running"):
        running.go_on()
        running.home()
        running.order("run")
        running.until(lambda: running.status.mode == "run", "the run")
    for _ in range(5):
        station.send(station.chunk())
    running.until(running.moving, "the arms to move")
    station.send(station.chunk())
    return station


def changed(actions: Array, row: int, column: int, value: float) -> Array:
    result = actions.copy()
    result[row, column] = value
    return result


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_chunk_with_a_value_that_is_no_number_is_dropped(policy: Policy, value: float) -> None:
    chunk = policy.chunk()
    bad = replace(chunk, actions=changed(chunk.actions, 7, 3, value))
    policy.assert_counts(bad, "dropped.not_finite")


def test_a_chunk_of_the_wrong_shape_is_dropped(policy: Policy) -> None:
    chunk = policy.chunk()
    policy.assert_counts(replace(chunk, actions=chunk.actions[:, :13].copy()), "dropped.shape")
    chunk = policy.chunk()
    policy.assert_counts(replace(chunk, actions=np.empty((0, 14))), "dropped.shape")


def test_a_chunk_for_other_joints_is_dropped(policy: Policy) -> None:
    chunk = policy.chunk()
    policy.assert_counts(replace(chunk, joints=chunk.joints[::-1]), "dropped.joints")


def test_a_chunk_of_an_old_epoch_is_dropped(policy: Policy) -> None:
    chunk = policy.chunk()
    policy.assert_counts(replace(chunk, epoch=chunk.epoch - 1), "dropped.epoch")


def test_a_chunk_that_comes_twice_is_merged_once(policy: Policy) -> None:
    chunk = policy.chunk()
    merged = policy.running.status.chunks
    policy.send(chunk)
    policy.running.until(lambda: policy.running.status.chunks == merged + 1, "the chunk")
    policy.assert_counts(chunk, "dropped.duplicate")


def test_a_chunk_overtaken_by_a_newer_one_is_dropped(policy: Policy) -> None:
    older = policy.chunk()
    policy.running.during(0.05)
    policy.send(policy.chunk())
    policy.assert_counts(older, "dropped.out_of_order")


def test_a_chunk_from_long_ago_is_dropped(policy: Policy) -> None:
    chunk = policy.chunk()
    policy.assert_counts(
        replace(chunk, t_obs_ns=time.monotonic_ns() - 10_000_000_000), "dropped.stale"
    )


def test_a_chunk_from_the_future_is_dropped(policy: Policy) -> None:
    chunk = policy.chunk()
    policy.assert_counts(
        replace(chunk, t_obs_ns=time.monotonic_ns() + 10_000_000_000), "dropped.future"
    )


def test_a_chunk_far_outside_a_joints_range_is_dropped(policy: Policy) -> None:
    chunk = policy.chunk()
    bad = replace(chunk, actions=changed(chunk.actions, 7, 3, 30.0))
    policy.assert_counts(bad, "dropped.beyond_limits")


def test_a_chunk_just_outside_a_joints_range_is_brought_inside(policy: Policy) -> None:
    chunk = policy.chunk()
    low, high = policy.running.config.ranges["left_shoulder"]
    actions = chunk.actions.copy()
    # Slow enough to be followed: only where it ends lies outside.
    actions[:, 1] += np.linspace(0.0, low - 0.1 - actions[-1, 1], HORIZON)
    policy.assert_counts(replace(chunk, actions=actions), "clipped", merged=1)
    written = np.array([s.written[1] for s in policy.running.written["left"].states])
    assert low <= written.min()
    assert written.max() <= high


def test_a_chunk_with_a_jump_is_followed_within_the_limits(policy: Policy) -> None:
    chunk = policy.chunk()
    actions = chunk.actions.copy()
    actions[5:, 0] += 0.15
    merged = policy.running.status.chunks
    policy.send(replace(chunk, actions=actions))
    policy.running.until(lambda: policy.running.status.chunks > merged, "the chunk")
    policy.assert_goes_on()


def test_arms_hold_when_chunks_end_and_go_on_when_they_come_again(policy: Policy) -> None:
    stop = policy.running.stop_after(policy.running.status.t_ns)
    assert stop.runway_s > 0.0
    policy.assert_goes_on()
    policy.running.until(policy.running.moving, "the arms to move again")


def test_chunks_that_stay_away_stop_the_robot_until_a_person_goes_on(policy: Policy) -> None:
    running = policy.running
    running.stopped_by("no new actions")
    running.until(running.standing, "the arms to stand")
    policy.send(policy.chunk())
    running.during(0.3)
    assert running.standing(), "a chunk that comes late moves nothing"
