"""The controller as a whole, in virtual time, against a policy with latency."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.config import ControllerConfig
from controller.core import Controller
from messaging.messages import ActionChunk, ControlStatus
from motion.limits import JointLimits, LimitsConfig, gripper_mask

Array = NDArray[np.float64]
Policy = Callable[[Array], Array]  # seconds of plan (H,) -> actions (H, J)

ARM = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
JOINTS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ARM)
GRIPS = gripper_mask(JOINTS)
LIMITS = JointLimits.build(
    JOINTS, np.where(GRIPS, 0.0, -2.0), np.where(GRIPS, 1.0, 2.0), LimitsConfig()
)
HOME = np.where(GRIPS, 0.5, 0.2)
REST = np.where(GRIPS, 0.2, -0.5)
START = np.where(GRIPS, 0.5, 0.0)
PHASE = np.linspace(0.0, 3.0, 14)


def swing(seconds: Array) -> Array:
    """Return a smooth motion that begins at `START` with the joints moving."""
    wave = np.sin(1.5 * seconds[:, None] + PHASE) - np.sin(PHASE)
    return np.asarray(START + 0.3 * wave)


class Robot:
    """A controller with a worker beside it that has one inference in flight."""

    def __init__(self, policy: Policy = swing, latency_s: float = 0.1, **config: Any) -> None:
        self.controller = Controller(ControllerConfig(**config), JOINTS, LIMITS, HOME, REST)
        self.controller.observe(START)
        self.dt_ns = self.controller.dt_ns
        self.dt = self.dt_ns * 1e-9
        self.policy, self.latency_s = policy, latency_s
        self.silent = False
        self.now_ns = 10**9
        self.flying: tuple[int, ActionChunk] | None = None
        self.commands = [START] * 3
        self.statuses: list[ControlStatus] = []
        self.dropped: list[str] = []

    def chunk(self, cursor: float | None = None, **changes: Any) -> ActionChunk:
        cursor = self.controller.cursor if cursor is None else cursor
        chunk = ActionChunk(
            policy="swing",
            seq=len(self.statuses),
            t_obs_ns=self.now_ns,
            cursor=cursor,
            epoch=self.controller.epoch,
            dt_ns=20_000_000,
            joints=JOINTS,
            actions=self.policy(cursor * self.dt + 0.02 * np.arange(50.0)),
            stages_ms={},
        )
        return replace(chunk, **changes)

    def tick(self) -> ControlStatus:
        if self.flying is not None and self.flying[0] <= self.now_ns:
            reason = self.controller.receive(self.flying[1], self.now_ns)
            self.dropped += [reason] if reason else []
            self.flying = None
        command, status = self.controller.tick(self.now_ns)
        self.commands.append(command.position)
        self.statuses.append(status)
        if self.flying is None and not self.silent and status.mode == "run":
            arrival = self.now_ns + round(self.latency_s * 1e9)
            self.flying = (arrival, self.chunk(status.cursor))
        self.now_ns += self.dt_ns
        return status

    def run(self, seconds: float) -> "Robot":
        for _ in range(round(seconds / self.dt)):
            self.tick()
        return self

    def direct(self, mode: str) -> "Robot":
        self.controller.direct(mode)
        return self

    @property
    def limit_counts(self) -> list[str]:
        return [name for name in self.controller.counters if name.startswith("limit.")]

    def assert_smooth(self, jerk: float = 400.0) -> None:
        positions = np.array(self.commands)[:, ~GRIPS]
        for order, cap in ((1, 3.0), (2, 25.0), (3, jerk)):
            rate = np.abs(np.diff(positions, order, axis=0)).max() / self.dt**order
            assert rate <= cap * (1.0 + 1e-9), (order, rate)


def test_nothing_is_commanded_before_the_joints_are_known() -> None:
    controller = Controller(ControllerConfig(), JOINTS, LIMITS, HOME, REST)
    controller.observe(np.full(14, np.nan))
    with pytest.raises(RuntimeError, match="observed"):
        controller.tick(0)


def test_the_first_command_is_where_the_joints_are() -> None:
    robot = Robot()
    robot.controller.observe(HOME)
    robot.run(0.2)
    assert (np.array(robot.commands) == START).all()


@pytest.mark.parametrize("rate_hz", [50, 100, 200])
def test_it_follows_a_policy_at_full_speed_in_time_with_it(rate_hz: int) -> None:
    robot = Robot(rate_hz=rate_hz).direct("run").run(6.0)
    settled = robot.statuses[2 * rate_hz :]
    assert {status.rate for status in settled} == {1.0}
    steps = np.diff([status.cursor for status in settled])
    assert (steps == 1.0).all()
    cursors = np.array([status.cursor for status in settled])
    error = np.array(robot.commands[-len(settled) :]) - swing(cursors * robot.dt)
    assert np.abs(error[:, ~GRIPS]).max() < 1e-3
    assert robot.dropped == []
    assert robot.limit_counts == []
    robot.assert_smooth()


def test_latency_changes_nothing_in_where_actions_belong() -> None:
    for latency_s in (0.05, 0.3):
        robot = Robot(latency_s=latency_s).direct("run").run(5.0)
        status = robot.statuses[-1]
        expected = swing(np.array([status.cursor * robot.dt]))[0]
        assert np.abs(robot.commands[-1] - expected)[~GRIPS].max() < 1e-3


def test_act_without_a_splice_is_act() -> None:
    random = np.random.default_rng(3)
    robot = Robot(rate_hz=50, ensemble="act", splice="none")
    controller = robot.controller
    controller.direct("run")
    chunks: list[tuple[int, Array]] = []
    for tick in range(150):
        slow = 0.3 * (1.0 - np.cos(0.02 * (tick + np.arange(50.0))))[:, None]
        actions = START + slow * ~GRIPS + 1e-7 * random.normal(size=(50, 14))
        chunk = robot.chunk(actions=actions)
        assert controller.receive(chunk, robot.now_ns) is None
        chunks.append((tick, actions))
        command, _ = controller.tick(robot.now_ns)
        robot.now_ns += robot.dt_ns
        voters = [rows[tick - first] for first, rows in chunks if tick - first < 50]
        weights = np.exp(-0.01 * np.arange(len(voters)))
        expected = (weights[:, None] * np.array(voters)).sum(axis=0) / weights.sum()
        assert np.abs(command.position - expected)[~GRIPS].max() < 1e-6


def test_home_is_reached_smoothly_and_said_so() -> None:
    robot = Robot().direct("home").run(0.2)
    assert not robot.statuses[-1].arrived
    robot.run(4.0)
    assert robot.statuses[-1].arrived
    assert robot.statuses[-1].rate == 0.0
    np.testing.assert_allclose(robot.commands[-1], HOME, atol=1e-12)
    robot.assert_smooth(jerk=60.0)
    assert robot.limit_counts == []


def test_home_from_full_motion_brakes_first() -> None:
    robot = Robot().direct("run").run(3.0).direct("home").run(5.0)
    assert robot.statuses[-1].arrived
    np.testing.assert_allclose(robot.commands[-1], HOME, atol=1e-12)
    robot.assert_smooth()
    assert robot.limit_counts == []


def test_rest_follows_home_follows_rest() -> None:
    robot = Robot().direct("rest").run(4.0)
    np.testing.assert_allclose(robot.commands[-1], REST, atol=1e-12)
    robot.direct("home").run(5.0)
    np.testing.assert_allclose(robot.commands[-1], HOME, atol=1e-12)


def test_a_new_direction_on_the_way_home_is_taken_smoothly() -> None:
    robot = Robot().direct("home").run(0.4).direct("rest").run(5.0)
    np.testing.assert_allclose(robot.commands[-1], REST, atol=1e-12)
    robot.assert_smooth(jerk=100.0)


def test_hold_stops_within_half_a_second_and_stays() -> None:
    robot = Robot().direct("run").run(3.0).direct("hold").run(0.5)
    held = robot.commands[-1]
    robot.run(2.0)
    assert (np.array(robot.commands[-200:]) == held).all()
    assert robot.statuses[-1].arrived
    robot.assert_smooth()


def test_chunks_from_before_a_hold_are_dropped() -> None:
    robot = Robot().direct("run").run(3.0)
    late = robot.chunk()
    robot.direct("hold")
    robot.now_ns += 1
    assert robot.controller.receive(late, robot.now_ns) == "not_running"
    robot.direct("run")
    assert robot.controller.receive(late, robot.now_ns) == "epoch"
    assert robot.controller.counters["dropped.epoch"] == 1


def test_the_plan_stands_still_while_held_and_goes_on_after() -> None:
    robot = Robot().direct("run").run(3.0).direct("hold").run(1.0)
    cursor = robot.statuses[-1].cursor
    robot.run(1.0)
    assert robot.statuses[-1].cursor == cursor
    robot.direct("run").run(3.0)
    expected = swing(np.array([robot.statuses[-1].cursor * robot.dt]))[0]
    assert np.abs(robot.commands[-1] - expected)[~GRIPS].max() < 2e-3
    robot.assert_smooth()


def test_a_silent_worker_ends_in_a_stop_before_the_plan_does_and_is_taken_up_again() -> None:
    robot = Robot().direct("run").run(3.0)
    robot.silent = True
    robot.flying = None
    robot.run(2.0)
    stopped = robot.statuses[-1]
    assert stopped.rate == 0.0
    assert stopped.runway_s > 0.0
    assert robot.commands[-1].tolist() == robot.commands[-2].tolist()
    robot.silent = False
    robot.run(3.0)
    assert robot.statuses[-1].rate == 1.0
    expected = swing(np.array([robot.statuses[-1].cursor * robot.dt]))[0]
    assert np.abs(robot.commands[-1] - expected)[~GRIPS].max() < 2e-3
    robot.assert_smooth(jerk=150.0)
    assert robot.limit_counts == []


def test_inference_slower_than_its_horizon_slows_the_motion_and_breaks_nothing() -> None:
    robot = Robot(latency_s=0.7).direct("run").run(12.0)
    rates = [status.rate for status in robot.statuses[400:]]
    assert 0.3 < np.mean(rates) < 0.9
    robot.assert_smooth(jerk=200.0)
    assert robot.limit_counts == []


def test_two_ways_to_do_it_are_not_averaged() -> None:
    side = iter(np.tile([0.05, 0.05, 0.05, -0.05, -0.05, -0.05], 100))

    def torn(seconds: Array) -> Array:
        return np.asarray(START + next(side) * np.ones((len(seconds), 14)) * ~GRIPS)

    robot = Robot(policy=torn, latency_s=0.3).direct("run").run(10.0)
    assert robot.controller.counters["mode_switch"] >= 5
    heights = np.array(robot.commands[300:])[:, 0]
    assert np.mean(np.abs(heights) > 0.035) > 0.6
    robot.assert_smooth()


def test_a_far_first_chunk_is_approached_within_the_limits() -> None:
    def far(seconds: Array) -> Array:
        return np.asarray(START + 1.2 * np.ones((len(seconds), 14)) * ~GRIPS)

    robot = Robot(policy=far).direct("run").run(4.0)
    np.testing.assert_allclose(robot.commands[-1][~GRIPS], 1.2, atol=1e-2)
    robot.assert_smooth(jerk=800.0)
    assert robot.limit_counts == []


def test_a_start_outside_of_the_range_is_left_inwards() -> None:
    robot = Robot()
    robot.controller = Controller(ControllerConfig(), JOINTS, LIMITS, HOME, REST)
    outside = START + 2.1 * (np.arange(14) == 2)
    robot.controller.observe(outside)
    robot.commands = [outside] * 3
    robot.direct("home").run(6.0)
    np.testing.assert_allclose(robot.commands[-1], HOME, atol=1e-9)
    assert np.array(robot.commands)[:, 2].max() <= 2.1 + 1e-9


def test_the_limits_act_on_a_plan_that_breaks_them_and_the_plan_gives_way() -> None:
    random = np.random.default_rng(0)

    def wild(seconds: Array) -> Array:
        noise = 0.02 * random.normal(size=(len(seconds), 14)) * ~GRIPS
        return np.asarray(swing(seconds) + noise)

    robot = Robot(policy=wild, splice="none").direct("run").run(3.0)
    assert robot.limit_counts
    robot.assert_smooth(jerk=800.0)
    robot.direct("hold").run(2.0)
    assert robot.commands[-1].tolist() == robot.commands[-2].tolist()
    robot.direct("run").run(1.0).direct("home").run(8.0)
    assert robot.statuses[-1].arrived
    np.testing.assert_allclose(robot.commands[-1], HOME, atol=1e-9)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("shape", {"actions": np.zeros((50, 3))}),
        ("not_finite", {"actions": np.full((50, 14), np.nan)}),
        ("joints", {"joints": JOINTS[::-1]}),
        ("beyond_limits", {"actions": np.full((50, 14), 3.0)}),
        ("epoch", {"epoch": -1}),
    ],
)
def test_a_bad_chunk_is_dropped_counted_and_harmless(reason: str, changes: dict[str, Any]) -> None:
    robot, undisturbed = Robot().direct("run").run(3.0), Robot().direct("run").run(3.0)
    chunk = robot.chunk(**changes)
    assert robot.controller.receive(chunk, robot.now_ns) == reason
    assert robot.tick().counters[f"dropped.{reason}"] == 1
    assert robot.commands[-1].tolist() == (undisturbed.tick(), undisturbed.commands[-1])[1].tolist()


def test_a_chunk_twice_or_out_of_order_is_dropped() -> None:
    robot = Robot().direct("run").run(3.0)
    robot.flying = None
    first = robot.chunk()
    robot.now_ns += 1
    second = robot.chunk()
    assert robot.controller.receive(second, robot.now_ns) is None
    assert robot.controller.receive(second, robot.now_ns) == "duplicate"
    assert robot.controller.receive(first, robot.now_ns) == "out_of_order"


def test_a_slight_excess_is_clipped_and_counted() -> None:
    def edge(seconds: Array) -> Array:
        return np.asarray(START + 2.05 * np.minimum(seconds, 1.0)[:, None] * (np.arange(14) == 1))

    robot = Robot(policy=edge).direct("run").run(4.0)
    assert robot.controller.counters["clipped"] > 0
    assert robot.commands[-1][1] == pytest.approx(1.98, abs=1e-3)
    assert robot.limit_counts == []


def test_an_unknown_mode_changes_nothing() -> None:
    robot = Robot().direct("run").run(1.0).direct("hover")
    assert robot.tick().mode == "run"
    assert robot.controller.counters["dropped.mode"] == 1


def test_the_status_tells_the_coming_commands() -> None:
    robot = Robot(latency_s=0.3).direct("run").run(3.0)
    robot.flying = None
    robot.silent = True
    upcoming = robot.tick().upcoming
    assert upcoming.shape == (50, 14)
    assert upcoming[0].tolist() == robot.commands[-1].tolist()
    robot.run(0.1)
    np.testing.assert_allclose(robot.commands[-1], upcoming[10], atol=1e-12)


def test_the_status_measures() -> None:
    robot = Robot(latency_s=0.2).direct("run").run(4.0)
    status = robot.statuses[-1]
    assert status.latency_s == pytest.approx(0.2, abs=0.02)
    assert status.chunks >= 15
    assert status.disagreement_rad < 1e-3
    jerk = np.diff(np.array(robot.commands[-103:])[:, ~GRIPS], 3, axis=0) / robot.dt**3
    assert status.jerk == pytest.approx(np.sqrt(np.mean(jerk**2)), rel=1e-6)


def test_the_jerk_of_the_status_is_not_that_of_a_brake() -> None:
    robot = Robot(latency_s=0.2).direct("run").run(4.0)
    led = robot.statuses[-1].jerk
    robot.flying, robot.silent = None, True
    starved = len(robot.statuses)
    robot.run(3.0)
    assert robot.statuses[-1].rate == 0.0, "the plan ran out"
    slowed = [status for status in robot.statuses[starved:] if status.rate < 1.0]
    assert {status.jerk for status in slowed} == {0.0}
    robot.silent = False
    robot.run(1.0).direct("hold").run(0.5)
    assert robot.statuses[-1].jerk == 0.0
    robot.direct("run").run(4.0)
    assert robot.statuses[-1].jerk == pytest.approx(led, rel=2.0)
