"""One arm of the twin as the shafts of its servos."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.dynamixel.profile import Gripper, Motor, Profile
from drivers.gripper import commanded_rad, observed
from simulation.scene import scene_model
from simulation.servos.plant import LIMP, Drive
from simulation.twin import ARM_JOINTS, HOME, Twin
from simulation.twin_plant import SLACK_NS, STEP_NS, TwinPlant

GRIPPER = Gripper(
    horn_m=0.022, rod_m=0.036, closed_m=0.01844, open_m=0.058, closed_rad=-0.6213, open_rad=1.491
)
VIPERX = Profile(
    port="ttyDXL_follower_left",
    motors={
        "waist": Motor(id=1, model="XM540-W270"),
        "shoulder": Motor(id=2, model="XM540-W270", shadow=3, reversed=True),
        "elbow": Motor(id=4, model="XM540-W270", shadow=5, reversed=True),
        "forearm_roll": Motor(id=6, model="XM540-W270"),
        "wrist_angle": Motor(id=7, model="XM540-W270", reversed=True),
        "wrist_rotate": Motor(id=8, model="XM430-W350"),
        "gripper": Motor(id=9, model="XM430-W350", mode="current_position", current_limit=200),
    },
    gripper=GRIPPER,
)
# where the shafts stand at HOME, by id; the gripper's apart
SHAFTS = {1: 0.0, 2: 0.96, 3: -0.96, 4: -1.16, 5: 1.16, 6: 0.0, 7: 0.3, 8: 0.0}


class Arm:
    """The right arm of a twin behind servos, and the clock that physics follows."""

    def __init__(self, start: NDArray[np.float64] = HOME) -> None:
        self.twin = Twin(scene_model())
        self.twin.reset(0, start)
        self.plant = TwinPlant(self.twin, 1, VIPERX)
        self.now_ns = 0

    def hold(self) -> None:
        for servo in VIPERX.ids:
            shaft = self.plant.motion(servo, self.now_ns).position_rad
            self.plant.drive(servo, Drive("position", shaft, 3.0))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1e9 / STEP_NS)):
            self.twin.step(STEP_NS * 1e-9)
            self.now_ns += STEP_NS
            self.plant.stepped(self.now_ns)

    def shaft(self, servo: int) -> float:
        return self.plant.motion(servo, self.now_ns).position_rad

    def current(self, servo: int) -> float:
        return self.plant.motion(servo, self.now_ns).current_a


@pytest.fixture
def arm() -> Arm:
    return Arm()


def test_shafts_turn_as_their_motors_are_mounted(arm: Arm) -> None:
    for servo, angle in SHAFTS.items():
        assert arm.shaft(servo) == pytest.approx(angle, abs=1e-6)


def test_the_crank_stands_where_the_fingers_do(arm: Arm) -> None:
    assert observed(GRIPPER, arm.shaft(9)) == pytest.approx(HOME[13], abs=1e-6)


@pytest.mark.parametrize("servo", [1, 2, 4, 6, 7, 8])
def test_a_driven_shaft_goes_where_it_is_told(arm: Arm, servo: int) -> None:
    arm.hold()
    goal = arm.shaft(servo) + 0.2
    arm.plant.drive(servo, Drive("position", goal, 3.0))
    if servo in (2, 4):
        arm.plant.drive(servo + 1, Drive("position", -goal, 3.0))
    arm.run(2.0)
    assert arm.shaft(servo) == pytest.approx(goal, abs=0.03)
    np.testing.assert_allclose(arm.twin.position[:7], HOME[:7], atol=0.02)


@pytest.mark.parametrize("action", [0.25, 0.5, 0.75])
def test_the_gripper_follows_its_crank(arm: Arm, action: float) -> None:
    arm.hold()
    angle = commanded_rad(GRIPPER, action)
    arm.plant.drive(9, Drive("position", angle, 0.5))
    arm.run(3.0)
    assert arm.shaft(9) == pytest.approx(angle, abs=0.05)
    assert arm.twin.position[13] == pytest.approx(observed(GRIPPER, angle), abs=0.03)


def test_a_limp_arm_sinks_gently_and_a_held_one_does_not(arm: Arm) -> None:
    before = arm.twin.position
    arm.run(1.0)
    sunk = np.abs(arm.twin.position - before)[7:]
    assert 0.02 < sunk.max() < 0.5
    assert np.abs(arm.twin.velocity[7:]).max() < 1.0
    assert np.abs(arm.twin.position - before)[:7].max() < 0.02


def test_an_arm_let_go_at_rest_lies_there() -> None:
    rest = np.array([0.0, -1.8, 1.55, 0.0, 0.8, 0.0, 0.1] * 2)
    arm = Arm(rest)
    fastest = 0.0
    for _ in range(30):
        arm.run(0.1)
        fastest = max(fastest, float(np.abs(arm.twin.velocity).max()))
    assert fastest < 0.2
    np.testing.assert_allclose(arm.twin.position, rest, atol=0.1)


def test_torque_on_again_is_as_stiff_as_before(arm: Arm) -> None:
    arm.run(0.5)
    arm.hold()
    arm.run(0.5)
    held = arm.twin.position
    arm.run(1.0)
    np.testing.assert_allclose(arm.twin.position, held, atol=5e-3)
    fresh = scene_model()
    np.testing.assert_array_equal(arm.twin.model.actuator_gainprm, fresh.actuator_gainprm)
    np.testing.assert_array_equal(arm.twin.model.actuator_biasprm, fresh.actuator_biasprm)


def test_a_joint_is_held_while_one_of_its_motors_is_on(arm: Arm) -> None:
    arm.hold()
    arm.plant.drive(4, LIMP)
    arm.run(1.0)
    assert arm.shaft(5) == pytest.approx(SHAFTS[5], abs=0.02)
    assert arm.current(4) == 0.0
    assert abs(arm.current(5)) > 0.5
    arm.plant.drive(5, LIMP)
    arm.run(1.0)
    assert abs(arm.shaft(5) - SHAFTS[5]) > 0.05


def test_master_and_shadow_share_the_load_in_opposite_directions(arm: Arm) -> None:
    arm.hold()
    arm.run(1.0)
    assert arm.current(4) == pytest.approx(-arm.current(5))
    assert 0.2 < abs(arm.current(4)) < 2.0


def test_a_pair_that_disagrees_fights(arm: Arm) -> None:
    arm.hold()
    arm.plant.drive(5, Drive("position", SHAFTS[5] + 0.1, 3.0))
    arm.run(1.0)
    joint_torques = arm.current(4) * -1, arm.current(5) * 1
    assert joint_torques[0] * joint_torques[1] < 0
    assert min(map(abs, joint_torques)) > 0.3


def test_currents_stay_within_what_a_servo_may_spend(arm: Arm) -> None:
    arm.hold()
    for servo, goal in ((4, SHAFTS[4] + 0.5), (5, SHAFTS[5] - 0.5)):
        arm.plant.drive(servo, Drive("position", goal, 0.4))
    most = 0.0
    for _ in range(50):
        arm.run(STEP_NS * 1e-9)
        most = max(most, abs(arm.current(4)))
    assert most == pytest.approx(0.4)


def test_a_shaft_goes_on_evenly_between_steps_and_no_further(arm: Arm) -> None:
    arm.hold()
    arm.plant.drive(1, Drive("position", 0.5, 3.0))
    arm.run(0.1)
    begin = arm.plant.motion(1, arm.now_ns)
    half = arm.plant.motion(1, arm.now_ns + STEP_NS // 2)
    assert begin.velocity_rad_s > 0.5
    assert half.position_rad - begin.position_rad == pytest.approx(
        begin.velocity_rad_s * STEP_NS * 0.5e-9
    )
    far = arm.plant.motion(1, arm.now_ns + 100 * STEP_NS)
    assert far == arm.plant.motion(1, arm.now_ns + STEP_NS + SLACK_NS)


def test_a_driven_velocity_moves_the_joint_until_it_ends(arm: Arm) -> None:
    arm.hold()
    arm.plant.drive(1, Drive("velocity", 0.4, 3.0))
    arm.run(0.5)
    before = arm.shaft(1)
    arm.run(1.0)
    assert arm.shaft(1) - before == pytest.approx(0.4, abs=0.02)
    arm.plant.drive(1, Drive("velocity", 0.0, 3.0))
    arm.run(0.5)
    still = arm.shaft(1)
    arm.run(0.5)
    assert arm.shaft(1) == pytest.approx(still, abs=0.01)


@pytest.mark.parametrize("drive", [Drive("current", 2.0, 3.0), Drive("pwm", 0.5, 3.0)])
def test_a_torque_pushes_against_the_weight(arm: Arm, drive: Drive) -> None:
    arm.run(1.0)
    limp = arm.shaft(4)
    arm.plant.drive(4, drive)
    arm.run(1.0)
    assert arm.shaft(4) > limp


def test_speed_of_the_crank_is_the_fingers(arm: Arm) -> None:
    arm.hold()
    arm.plant.drive(9, Drive("position", 1.0, 0.5))
    arm.run(0.3)
    before = arm.plant.motion(9, arm.now_ns)
    arm.run(STEP_NS * 1e-9)
    after = arm.plant.motion(9, arm.now_ns)
    measured = (after.position_rad - before.position_rad) / (STEP_NS * 1e-9)
    assert before.velocity_rad_s > 0.0
    assert measured == pytest.approx(before.velocity_rad_s, rel=0.2)


def test_other_joints_are_refused_by_name() -> None:
    motors = {("neck" if joint == "waist" else joint): m for joint, m in VIPERX.motors.items()}
    profile = VIPERX.model_copy(update={"motors": motors})
    with pytest.raises(ValueError, match="neck"):
        TwinPlant(Twin(scene_model()), 0, profile)


def test_both_arms_have_plants_of_their_own() -> None:
    twin = Twin(scene_model())
    plants = [TwinPlant(twin, arm, VIPERX) for arm in (0, 1)]
    plants[0].drive(1, Drive("position", 0.3, 3.0))
    twin.step(1.0)
    for plant in plants:
        plant.stepped(1_000_000_000)
    shafts = [plant.motion(1, 1_000_000_000).position_rad for plant in plants]
    assert shafts == pytest.approx([0.3, 0.0], abs=0.02)
    assert math.isclose(twin.position[ARM_JOINTS.index("waist")], shafts[0])
