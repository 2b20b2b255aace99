"""What carries an arm's weight: torques against MuJoCo's, and the currents made of them."""

from __future__ import annotations

import json

import mujoco
import numpy as np
import pytest
from emulated_arm import Array, leader
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.dynamixel.carry import currents, loads_a
from drivers.dynamixel.profile import CURRENT_A, Profile
from drivers.dynamixel.weight import Link, carrying_torques

LEADER = leader("/dev/null")
ANGLES = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(np.array)


def carrying(share: float) -> Profile:
    """Return the leader with motors that carry so much of it."""
    assert LEADER.weight is not None
    weight = LEADER.weight.model_copy(update={"share": share})
    return LEADER.model_copy(update={"weight": weight})


def links() -> tuple[Link, ...]:
    assert LEADER.weight is not None
    return tuple(LEADER.weight.links.values())


def mujoco_torques(angles: Array) -> Array:
    spec = mujoco.MjSpec()
    body = spec.worldbody
    for link in links():
        body = body.add_body(
            pos=link.at, mass=link.mass_kg, ipos=link.centre, inertia=(1e-4, 1e-4, 1e-4)
        )
        body.explicitinertial = True
        body.add_joint(type=mujoco.mjtJoint.mjJNT_HINGE, axis=link.axis)
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[:] = angles
    mujoco.mj_forward(model, data)
    return np.array(data.qfrc_bias)


@given(ANGLES)
def test_torques_are_those_of_mujoco(angles: Array) -> None:
    assert carrying_torques(links(), angles) == pytest.approx(mujoco_torques(angles), abs=1e-9)


def test_an_arm_stretched_out_weighs_most_on_its_shoulder_and_nothing_turns_its_waist() -> None:
    torques = carrying_torques(links(), np.array([0.7, 1.57, -1.57, 0.0, 0.0, 0.0]))
    assert torques[0] == pytest.approx(0.0, abs=1e-9)
    assert torques[1] == pytest.approx(-3.9, abs=0.1)  # 1.1 kg at 0.36 m
    assert np.abs(torques).argmax() == 1


def test_the_two_motors_of_a_joint_share_its_load_and_weak_ones_have_none() -> None:
    angles = np.array([0.0, 0.5, 0.3, 0.0, 0.2, 0.0, 0.5])
    told, loads = currents(carrying(0.5), angles), loads_a(LEADER, angles)
    assert set(told) == {1, 2, 3, 4, 5, 6, 7}  # wrist_rotate is an XL430
    assert told[2] == told[3] == round(0.5 * loads[1] / CURRENT_A)
    assert told[7] == round(0.5 * loads[4] / CURRENT_A)
    torque = carrying_torques(links(), angles[:6])[1]
    assert loads[1] == pytest.approx(torque / (2 * 4.1 / 2.3))


def test_no_current_is_above_its_limit() -> None:
    profile = carrying(1.0)
    motors = dict(profile.motors)
    motors["shoulder"] = motors["shoulder"].model_copy(update={"current_limit": 50})
    angles = np.array([0.0, 1.5, -1.5, 0.0, 0.0, 0.0, 0.5])
    assert currents(profile.model_copy(update={"motors": motors}), angles)[2] == -50


def test_nothing_is_carried_unless_that_is_asked_for() -> None:
    assert LEADER.carried == ()
    assert carrying(0.1).carried == ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle")


def test_links_must_be_joints_in_their_order() -> None:
    data = LEADER.model_dump(mode="json")
    shoulder = data["weight"]["links"].pop("waist")
    data["weight"]["links"]["hip"] = shoulder
    with pytest.raises(ValidationError, match=r"want the links of waist, shoulder.* got shoulder"):
        Profile.model_validate_json(json.dumps(data))
