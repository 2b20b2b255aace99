"""When the simulated operator takes the arms over, which of them, and when it lets go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from motion.handover import HOLD, TRANSFER, Expert
from motion.sight import SIDES, Eyes, Sight
from simulation.scene import scene_model
from simulation.twin import HOME, JOINTS, Twin
from teleop.operator import Correction, Habits, Moment, Operator, Reaction
from teleop.operator_sight import STALLED_S

TICK_NS = 10_000_000
NEVER_EAGER = Habits(eager=0.0)


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(scene_model())


class Bench:
    """An operator that is shown one sight after another, a hundred a second."""

    def __init__(
        self, twin: Twin, habits: Habits = NEVER_EAGER, instruction: str = TRANSFER
    ) -> None:
        twin.reset(3)
        self._cube = int(twin.model.joint("red_box_joint").qposadr[0])
        self.operator = Operator(Expert(twin.model), habits, JOINTS)
        sight = Eyes(twin.model).sight(twin.qpos)
        self.moment = Moment(
            now_ns=0,
            episode=1,
            instruction=instruction,
            qpos=twin.qpos,
            sight=sight,
            command=HOME,
            asked=False,
            obeyed=False,
        )

    def step(self, sight: Sight | None = None, *, heeded: bool = True) -> Correction | None:
        """Show what goes on after one more tick; `heeded` is whether teleop does as is wanted."""
        before = self.moment
        engaged = heeded and self.operator.correction is not None
        self.moment = replace(
            before,
            now_ns=before.now_ns + TICK_NS,
            sight=sight or before.sight,
            asked=engaged,
            obeyed=engaged,
        )
        return self.operator.step(self.moment)

    def until(self, wanted: bool, seconds: float, *, heeded: bool = True) -> float:
        """Return after how long the operator has begun to correct, or ended it."""
        for tick in range(round(seconds * 100)):
            if (self.step(heeded=heeded) is not None) == wanted:
                return tick * 0.01
        raise AssertionError(f"after {seconds} s: {self.operator.correction}")

    def cube(self, *place: float) -> None:
        """Put the cube somewhere, at once."""
        self.moment = replace(self.moment, sight=replace(self.moment.sight, cube=np.array(place)))
        self.moment.qpos[self._cube : self._cube + 3] = place

    def in_hand(self, side: str, height_m: float) -> None:
        """Let a hand hold the cube."""
        sight = self.moment.sight
        place = np.array([0.08, 0.5, height_m])
        hands = {**sight.hands, side: replace(sight.hands[side], tip=place, finger_m=0.022)}
        self.moment = replace(self.moment, sight=Sight(place.copy(), hands))


def test_while_all_goes_well_the_policy_commands(twin: Twin) -> None:
    bench = Bench(twin)
    assert not any(bench.step() for _ in range(round(STALLED_S * 100) - 1))


def test_a_stall_is_corrected_after_a_human_delay(twin: Twin) -> None:
    bench = Bench(twin)
    assert STALLED_S + 0.1 < bench.until(True, 6.0) < STALLED_S + 1.0
    assert bench.operator.correction is not None
    assert bench.operator.correction.reason == "stalled"


def test_what_rights_itself_within_the_delay_is_left_alone(twin: Twin) -> None:
    bench = Bench(twin, Habits(eager=0.0, delay_s=1.0))
    for _ in range(round(STALLED_S * 100) + 10):
        bench.step()
    bench.in_hand("right", 0.2)
    assert not any(bench.step() for _ in range(200))


def test_only_the_arm_that_has_to_grasp_is_moved(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    assert bench.operator.correction is not None
    assert bench.operator.correction.sides == ("right",)


def test_a_cube_that_is_lifted_is_handed_back_to_the_policy(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    bench.in_hand("right", 0.2)
    assert 0.1 < bench.until(False, 2.0) < 1.0


def test_a_cube_that_is_held_low_is_not_handed_back(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    bench.in_hand("right", 0.05)
    assert all(bench.step() for _ in range(100))


def test_who_fails_twice_is_not_trusted_again(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    bench.in_hand("right", 0.2)
    bench.until(False, 2.0)
    bench.until(True, 6.0)
    correction = bench.operator.correction
    assert correction is not None
    assert correction.finishing
    assert correction.sides == SIDES
    assert all(bench.step() for _ in range(200))


def test_to_hold_the_cube_takes_one_arm(twin: Twin) -> None:
    bench = Bench(twin, instruction=HOLD)
    bench.in_hand("right", 0.05)
    bench.until(True, 6.0)
    bench.in_hand("right", 0.2)
    bench.until(False, 2.0)
    bench.cube(0.1, 0.5, 0.02)
    bench.until(True, 6.0)
    assert bench.operator.correction is not None
    assert bench.operator.correction.sides == ("right",)


def test_the_next_episode_begins_with_trust(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    bench.moment = replace(bench.moment, episode=2)
    bench.until(True, 6.0)
    assert bench.operator.correction is not None
    assert not bench.operator.correction.finishing


def test_hands_begin_where_the_arms_are_led(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    assert bench.operator.correction is not None
    pose = bench.operator.correction.hands.pose(bench.moment.now_ns)
    np.testing.assert_allclose(pose, HOME, atol=1e-9)


def test_a_mistake_of_its_own_is_corrected_without_a_step(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    correction = bench.operator.correction
    assert correction is not None
    first = correction.hands
    before = first.pose(bench.moment.now_ns)
    bench.cube(0.04, 0.55, 0.02)
    while correction.hands is first:
        before = first.pose(bench.moment.now_ns)
        assert bench.step() is correction
    after = correction.hands.pose(bench.moment.now_ns)
    assert np.abs(after - before).max() < 0.02


def test_a_takeover_that_is_not_obeyed_is_given_up_for_a_while(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    assert bench.until(False, 3.0, heeded=False) == pytest.approx(1.0, abs=0.1)
    assert bench.until(True, 6.0) > 1.0


def test_a_cube_out_of_reach_is_left_alone(twin: Twin) -> None:
    bench = Bench(twin)
    bench.cube(-0.9, 0.5, 0.02)
    assert not any(bench.step() for _ in range(800))


def test_a_cube_that_leaves_the_reach_is_let_go_of(twin: Twin) -> None:
    bench = Bench(twin)
    bench.until(True, 6.0)
    bench.step()
    bench.cube(-0.9, 0.5, 0.02)
    bench.until(False, 2.0)


def test_who_is_asked_takes_over_at_once_with_both_arms(twin: Twin) -> None:
    bench = Bench(twin)
    bench.step()
    correction = bench.operator.step(replace(bench.moment, asked=True, obeyed=True))
    assert correction is not None
    assert (correction.reason, correction.sides) == ("asked", SIDES)


def test_eagerness_takes_over_although_nothing_is_wrong(twin: Twin) -> None:
    bench = Bench(twin, Habits(eager=1.0))
    eager: list[float] = []
    for episode in range(30):
        bench.moment = replace(bench.moment, episode=episode)
        bench.operator.rest()
        after_s = bench.until(True, 6.0)
        assert bench.operator.correction is not None
        if bench.operator.correction.reason == "eager":
            eager.append(after_s)
    assert min(eager) < 1.5
    assert len(eager) > 10
    assert len(set(eager)) == len(eager)


def test_eagerness_is_a_share_of_the_episodes(twin: Twin) -> None:
    bench = Bench(twin, Habits(eager=0.3))
    eager = 0
    for episode in range(200):
        bench.operator._begin(replace(bench.moment, episode=episode))
        eager += bool(np.isfinite(bench.operator._eager_ns))
    assert 40 < eager < 80


def test_the_same_seed_and_episode_make_the_same_person(twin: Twin) -> None:
    def takes(seed: int, episode: int) -> float:
        bench = Bench(twin, Habits(eager=0.0, seed=seed))
        bench.moment = replace(bench.moment, episode=episode)
        return bench.until(True, 6.0)

    assert takes(1, 1) == takes(1, 1)
    assert len({takes(1, 1), takes(1, 2), takes(2, 1)}) > 1


def test_delays_are_those_of_a_person() -> None:
    draw = np.random.default_rng(1)
    reaction = Reaction(lambda: float(draw.lognormal(np.log(0.3), 0.3)))
    assert not reaction.to(stimulus=True, now_ns=1)
    assert reaction.to(stimulus=True, now_ns=1_000_000_000)
    assert not reaction.to(stimulus=False, now_ns=1_100_000_000)
    assert not reaction.to(stimulus=True, now_ns=1_200_000_000)


@pytest.mark.parametrize("wrong", [{"eager": 1.5}, {"delay_s": 0.0}, {"noise_rad": -0.1}, {"x": 1}])
def test_no_such_person(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Habits.model_validate(wrong)
