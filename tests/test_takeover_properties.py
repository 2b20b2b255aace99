"""Whatever people say, whoever commands, whatever chunks come: commands keep the limits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from taking_over import Shared, still, waving
from test_controller import JOINTS, LIMITS, START

from controller.fade import Fade
from messaging.messages import MOTIONS
from motion.limits import JointLimits

DT = 0.01

seeds = st.integers(0, 2**32 - 1)
devices = st.fixed_dictionaries(
    {},
    optional={
        "device": st.sampled_from(["leader", "gamepad"]),
        "relative": st.booleans(),
        "doing": st.sampled_from(["correct", "rewind"]),
        "joints": st.sampled_from([JOINTS, JOINTS[:7], JOINTS[9:10], ()]),
    },
)
stretches = st.fixed_dictionaries(
    {
        "ticks": st.integers(1, 25),
        "engaged": st.sampled_from([True, True, False]),
        "mute": st.sampled_from([False, False, False, True]),
        "silent": st.booleans(),
        "directed": st.sampled_from(["run", "run", "run", "run", "hold", "home", "nonsense"]),
        "motion": st.sampled_from(["all", "all", "all", *MOTIONS]),
        "hand": st.sampled_from(["still", "waves", "jumps", "noise", "nan", "far"]),
        "speed": st.sampled_from([1.0, 1.0, 0.3, 0.0]),
        "said": devices,
        "lag_ns": st.sampled_from([0, 3_000_000, 3_000_000, 50_000_000, 150_000_000, -1]),
        "missed": st.sampled_from([0, 0, 1]),
        "seed": seeds,
    }
)


def hand(kind: str, random: np.random.Generator) -> np.ndarray:
    """Return where the device is, all joints."""
    size = len(JOINTS)
    if kind == "nan":
        return np.full(size, np.nan)
    if kind == "far":
        return np.full(size, 1e200)
    return START + random.normal(0.0, {"jumps": 1.0, "noise": 0.01}.get(kind, 0.2), size)


@settings(max_examples=25, deadline=None)
@given(st.lists(stretches, min_size=2, max_size=8))
def test_commands_keep_every_limit_and_never_step(course: list[dict[str, object]]) -> None:
    robot = Shared(still(START)).run(0.5)
    for stretch in course:
        play(robot, dict(stretch))
    robot.assert_kept()
    commands = np.array(robot.commands)
    assert (commands >= LIMITS.lower - 1e-7).all()
    assert (commands <= LIMITS.upper + 1e-7).all()
    for status in robot.statuses:
        assert (status.mode == "human") == (status.commander == "human")
        assert not (status.mode == "human" and status.starved_s)
    assert np.diff([status.epoch for status in robot.statuses]).min() >= 0


def play(robot: Shared, stretch: dict[str, object]) -> None:
    """Let things be as a stretch says, for as long as it says."""
    random = np.random.default_rng(int(str(stretch["seed"])))
    kind, said, lag_ns = str(stretch["hand"]), stretch["said"], int(str(stretch["lag_ns"]))
    robot.engaged, robot.mute = bool(stretch["engaged"]), bool(stretch["mute"])
    robot.silent = bool(stretch["silent"])
    robot.directed, robot.motion = str(stretch["directed"]), str(stretch["motion"])
    robot.controller.speed = float(str(stretch["speed"]))
    place, wave = hand(kind, random), waving(hand("still", random))
    assert isinstance(said, dict)
    for _ in range(int(str(stretch["ticks"]))):
        pose = wave(robot.now_ns * 1e-9) if kind == "waves" else place
        if kind == "noise":
            pose = hand(kind, random)
        joints = said.get("joints", JOINTS)
        rows = [JOINTS.index(name) for name in joints]
        robot.said = {**said, "position": pose[rows], "t_ns": robot.now_ns - lag_ns}
        robot.now_ns += int(str(stretch["missed"])) * robot.dt_ns
        robot.tick()


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-1.0, 1.0),
    st.floats(-1.5, 1.5),
    st.floats(-8.0, 8.0),
)
def test_a_gap_closes_from_what_it_was_within_the_limits(
    place: float, velocity: float, acceleration: float
) -> None:
    limits = JointLimits.of(LIMITS, ("left_waist",))
    gap = Fade(np.array([place]), np.array([velocity]), np.array([acceleration]), limits)
    times = DT * np.arange(-3, 400)
    before = place + velocity * times + 0.5 * acceleration * times**2
    rows = np.array([float(gap.at(max(time, 0.0))[0]) for time in times])
    rows[:4] = before[:4]
    assert abs(rows[-1]) < 1e-12
    assert np.abs(np.diff(rows, 2)).max() / DT**2 <= 25.0
    assert np.abs(np.diff(rows, 3)).max() / DT**3 <= 800.0


def test_each_joint_closes_its_gap_by_itself() -> None:
    place = np.where(np.arange(len(JOINTS)) == 0, 0.5, 0.01)
    nothing = np.zeros(len(JOINTS))
    left = Fade(place, nothing, nothing, LIMITS).at(0.4)
    assert left[0] > 0.1
    assert (left[1:] == 0.0).all()


def test_no_gap_stays_closed() -> None:
    nothing = np.zeros(len(JOINTS))
    gap = Fade(nothing, nothing, nothing, LIMITS)
    assert (gap.rest == 0.0).all()
    assert all((gap.at(seconds) == 0.0).all() for seconds in (0.0, 0.01, 1.0))
