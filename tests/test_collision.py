"""The arms stop before they touch the table, themselves or one another, and smoothly."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from controller.config import ControllerConfig
from controller.core import Controller
from controller.limits import FREE_S, Blockage, ClearLimiter
from messaging.messages import ActionChunk, ControlStatus
from motion import minimum_jerk
from motion.clearance import Clearance
from motion.limits import LimitsConfig
from policy_worker.policies.scripted import Scripted
from simulation.collision_model import collision_model
from simulation.lockstep import Lockstep
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED, TRANSFER
from simulation.twin import HOME, JOINTS, Twin

Array = NDArray[np.float64]
LIMITS = Twin(scene_model()).limits(LimitsConfig())
CAPS = ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk))
DT = 0.01
SLACK_M = 2e-5
MODEL = collision_model()
REST = np.array([0.0, -1.8, 1.55, 0.0, 0.8, 0.0, 0.1] * 2)

Target = Callable[[int], Array]


def clearance() -> Clearance:
    return Clearance(MODEL, JOINTS, 0.02, 0.002)


def at(**joints: float) -> Array:
    """Return home, but for some joints."""
    pose = HOME.copy()
    for name, place in joints.items():
        pose[JOINTS.index(name)] = place
    return pose


# Where a straight line from home leads into something, and what.
INTO = {
    "table": at(left_shoulder=0.9, left_elbow=0.9),
    "left_shoulder-left_": at(left_elbow=1.55, left_wrist_angle=2.1, left_shoulder=-1.0),
    "right_": at(left_shoulder=0.6, left_elbow=-0.3, right_shoulder=0.6, right_elbow=-0.3),
}


def spare_m(poses: Sequence[Array]) -> Array:
    """Return for each pose by how much every pair keeps more than its margin, at least."""
    judge = clearance()
    return np.array([(judge.distances(pose, 0.05) - judge.margins).min() for pose in poses])


def assert_within_limits(commands: Sequence[Array]) -> None:
    for order, cap in CAPS:
        rate = np.abs(np.diff(np.array(commands), order, axis=0)) / DT**order
        assert (rate <= cap * (1 + 1e-6) + 1e-6).all(), (order, rate.max(axis=0))


def followed(limiter: ClearLimiter, targets: Sequence[Array]) -> list[Array]:
    """Return the commands for `targets`, after three at the start."""
    return [limiter.position] * 3 + [limiter.follow(target)[0] for target in targets]


class Robot:
    """A controller that begins at home, and its commands and states so far."""

    def __init__(self, pose: Array = HOME, start: Array = HOME, **config: float) -> None:
        settings = ControllerConfig.model_validate({"home_speed": 1.0, **config})
        self.controller = Controller(settings, JOINTS, LIMITS, pose, pose, clearance())
        self.controller.observe(start)
        self.commands = [start] * 3
        self.statuses: list[ControlStatus] = []
        self.now_ns = 0
        self._seq = 0

    def run(self, seconds: float) -> "Robot":
        for _ in range(round(seconds / DT)):
            command, status = self.controller.tick(self.now_ns)
            self.commands.append(command.position)
            self.statuses.append(status)
            self.now_ns += self.controller.dt_ns
        return self

    def directed(self, mode: str) -> "Robot":
        self.controller.direct(mode)
        return self

    def told(self, pose: Array) -> "Robot":
        """Send a chunk that leads to `pose` within a second."""
        start = self.controller.tick(self.now_ns)[1].cursor if not self.statuses else self.cursor
        share = np.linspace(0.0, 1.0, 50)[:, None]
        here = self.commands[-1]
        chunk = ActionChunk(
            policy="test",
            seq=self._seq,
            t_obs_ns=self.now_ns,
            cursor=start,
            epoch=self.controller.epoch,
            dt_ns=20_000_000,
            joints=JOINTS,
            actions=here + share * (pose - here),
            stages_ms={},
        )
        self._seq += 1
        assert self.controller.receive(chunk, self.now_ns) is None
        return self

    @property
    def cursor(self) -> float:
        return self.controller.cursor

    @property
    def status(self) -> ControlStatus:
        return self.statuses[-1]

    def held(self) -> dict[str, int]:
        return {
            name: count
            for name, count in self.controller.counters.items()
            if name.endswith(".collision")
        }


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.3, 3.0]), st.integers(1, 25))
def test_no_stream_of_targets_brings_anything_nearer_than_its_margin(
    seed: int, size: float, hold: int
) -> None:
    draw = np.random.default_rng(seed)
    targets = np.repeat(HOME + draw.normal(0.0, size, (90 // hold + 1, 14)), hold, axis=0)
    commands = followed(ClearLimiter(LIMITS, DT, HOME, clearance()), list(targets))
    assert_within_limits(commands)
    assert spare_m(commands).min() > -SLACK_M


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_from_anywhere_nothing_that_is_too_near_comes_nearer(seed: int) -> None:
    draw = np.random.default_rng(seed)
    start, judge = draw.uniform(LIMITS.lower, LIMITS.upper), clearance()
    least = np.minimum(judge.distances(start, 0.05), judge.margins)
    targets = draw.uniform(LIMITS.lower, LIMITS.upper, (4, 14)).repeat(15, axis=0)
    for command in followed(ClearLimiter(LIMITS, DT, start, clearance()), list(targets)):
        assert (judge.distances(command, 0.05) >= least - SLACK_M).all()


@pytest.mark.parametrize("name", INTO)
@pytest.mark.parametrize("speed", [0.3, 1.0])
def test_the_arms_stop_before(name: str, speed: float) -> None:
    robot = Robot(INTO[name], home_speed=speed).directed("home").run(4.0 if speed < 1.0 else 2.0)
    assert any(name in held for held in robot.held()), robot.held()
    assert not robot.status.arrived
    assert spare_m(robot.commands[::4]).min() > -SLACK_M
    assert spare_m(robot.commands[-1:])[0] < 0.005
    assert_within_limits(robot.commands)


def test_a_stop_once_begun_is_carried_out_in_one_go() -> None:
    robot = Robot(INTO["table"]).directed("home").run(1.5)
    since = next(i for i, status in enumerate(robot.statuses) if status.blocked_s > 0.0)
    speeds = np.abs(np.diff(robot.commands[since + 2 :], axis=0)).max(axis=1) / DT
    stand = int(np.argmax(speeds < 1e-9))
    assert stand * DT < 0.25
    assert (np.diff(speeds[2:stand]) <= 1e-9).all()
    assert speeds[stand:].max() < 0.5


def test_half_way_between_two_commands_there_is_room_too() -> None:
    robot = Robot(INTO["table"]).directed("home").run(1.0)
    commands = np.array(robot.commands)
    judge = clearance()
    wide = judge.margins > 0.01
    for pose in 0.5 * (commands[1:] + commands[:-1]):
        assert (judge.distances(pose, 0.05) - 0.5 * judge.margins)[wide].min() > -SLACK_M


def test_for_how_long_the_way_is_blocked_is_told_until_the_arms_go_on() -> None:
    robot = Robot(INTO["table"]).directed("home").run(3.0)
    assert robot.status.blocked_s > 1.0
    assert robot.status.starved_s == 0.0
    assert robot.directed("hold").run(0.5).status.blocked_s == 0.0


def test_a_pose_that_cannot_be_reached_is_not_said_to_be() -> None:
    robot = Robot(INTO["table"]).directed("home").run(6.0)
    assert not any(status.arrived for status in robot.statuses)


def test_a_policy_that_leads_away_again_goes_on() -> None:
    robot = Robot().directed("run")
    for _ in range(12):
        robot.told(INTO["table"]).run(0.1)
    assert robot.held()
    assert robot.status.blocked_s > 0.0
    for _ in range(30):
        robot.told(HOME).run(0.1)
    assert np.abs(robot.commands[-1] - HOME).max() < 0.05
    assert robot.status.blocked_s == 0.0
    assert_within_limits(robot.commands)
    assert spare_m(robot.commands[::3]).min() > -SLACK_M


def test_what_is_too_near_may_be_left() -> None:
    blocked = Robot(INTO["table"]).directed("home").run(2.0)
    inside = Clearance(MODEL, JOINTS, 0.05, 0.03)
    assert (inside.distances(blocked.commands[-1], 0.1) < inside.margins).any()
    limiter = ClearLimiter(LIMITS, DT, blocked.commands[-1], inside)
    way = minimum_jerk.path(blocked.commands[-1], HOME, LIMITS.slowed(0.5), DT)
    for target in way:
        assert limiter.follow(target)[1] == ()
    assert np.array_equal(limiter.position, way[-1])


def test_home_and_rest_are_reached_unhindered_at_full_speed() -> None:
    for start, end in ((HOME, REST), (REST, HOME)):
        robot = Robot(end, start)
        admitted = clearance()
        admitted.admit({"home": HOME, "rest": REST})
        limiter = ClearLimiter(LIMITS, DT, start, admitted)
        robot.controller._limiter = limiter
        robot.directed("home").run(3.0)
        assert robot.status.arrived
        assert not robot.held()


def test_handing_the_cube_over_never_calls_on_it() -> None:
    twin = Twin(scene_model())
    result = Lockstep(twin, Scripted(twin.model, JOINTS)).run(FIRST_EVALUATION_SEED, TRANSFER)
    assert result.success
    assert not [name for name in result.counters if name.endswith(".collision")]


def test_without_a_model_nothing_is_checked() -> None:
    pose = INTO["table"]
    controller = Controller(ControllerConfig(home_speed=1.0), JOINTS, LIMITS, pose, pose)
    controller.observe(HOME)
    controller.feel(HOME)
    controller.direct("home")
    states = [controller.tick(tick * controller.dt_ns)[1] for tick in range(300)]
    assert states[-1].arrived


def test_what_is_measured_badly_is_not_felt() -> None:
    robot = Robot()
    robot.controller.feel(np.full(14, np.nan))
    robot.run(0.05)
    assert np.isfinite(robot.commands[-1]).all()


def test_servos_that_moved_meanwhile_begin_a_new_measurement() -> None:
    limiter = ClearLimiter(LIMITS, DT, HOME, clearance())
    for _ in range(40):
        limiter.follow(INTO["table"])
    assert limiter.stopping or limiter.standing
    limiter.reset(REST)
    assert not limiter.stopping
    command, activations = limiter.follow(REST)
    assert (command.tolist(), activations) == (REST.tolist(), ())


def test_a_blockage_lasts_until_the_arms_have_moved_on_for_a_while() -> None:
    blockage = Blockage(DT)
    blockage.add(blocked=False, waiting=False)
    assert blockage.seconds == 0.0
    blockage.add(blocked=True, waiting=False)
    for _ in range(100):
        blockage.add(blocked=False, waiting=True)
    assert blockage.seconds == pytest.approx(1.01)
    for _ in range(round(FREE_S / DT)):
        blockage.add(blocked=False, waiting=False)
    assert blockage.seconds == 0.0
