"""`rest`: brings arms to their rest pose, makes sure that they lie there, then takes torque off."""

from __future__ import annotations

import argparse
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Group

from drivers.arm import ArmError
from drivers.arms.aloha import AlohaArm
from drivers.gripper import action_of
from motion import minimum_jerk
from motion.limits import JointLimits
from runtime.shell import command
from station.arm_tools.motors import Glance, all_glances, holding, latched, torque_off
from station.arm_tools.moving import RATE_HZ, Mover, interruptible
from station.arm_tools.request import NamedArm, Request, ToolError, connected
from station.arm_tools.tables import plain_table, titled

Array = NDArray[np.float64]

_SHARE: Final = 1.0 / 3.0  # of the robot's limits


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `rest`."""
    command.add_argument(
        "--yes", action="store_true", dest="assume_yes", help="do not ask before moving"
    )


def run(request: Request, _: argparse.Namespace) -> int:
    """Bring the followers, or the arms given, to rest; raises ArmError if one does not get there.

    Raises ToolError at last if one is limp by an error that a motor has latched.
    An arm that cannot be seen to lie at rest keeps its torque.
    """
    standing, complaints = {}, list[str]()
    for arm in request.selected(leaders=False):
        with connected(arm) as bus:
            found = all_glances(bus, arm)
        if holding(found, arm.profile):
            standing[arm.name] = _place(arm, found)
        elif errors := latched(found, arm.profile):
            complaints.append(_limp_by_error(arm, errors))
        else:
            request.say(f"arm {arm.name} is limp already: nothing to do")
    if standing:
        _bring_all(request, standing)
    if complaints:
        raise ToolError("\n".join(complaints))
    return 0


def _limp_by_error(arm: NamedArm, errors: list[str]) -> str:
    return (
        f"arm {arm.name} is limp, and has latched {'; '.join(errors)}. Find the cause, then "
        f"restart the motor with {command('python -m drivers reboot --arm', arm.name)}"
    )


def _bring_all(request: Request, standing: dict[str, Array]) -> None:
    arms = [request.arms[name] for name in standing]
    for arm in arms:
        request.console.print(_way(arm, standing[arm.name], _limits(arm, request)))
    request.say("The way is straight in joint angles; no collision is looked for.")
    request.demand_consent("move, and then take torque off?")
    for arm in arms:
        _bring_to_rest(request, arm)


def _limits(arm: NamedArm, request: Request) -> JointLimits:
    return arm.limits(request.station).scaled(_SHARE)


def _place(arm: NamedArm, found: dict[int, Glance]) -> Array:
    """Return where an arm stands (J,)."""
    place = np.array(
        [
            found[motor.id].position_rad + arm.profile.zero_rad.get(joint, 0.0)
            for joint, motor in arm.profile.motors.items()
        ]
    )
    place[-1] = action_of(arm.profile.gripper, float(place[-1]))
    return place


def _way(arm: NamedArm, place: Array, limits: JointLimits) -> Group:
    rest = np.array(arm.config.rest)
    seconds = minimum_jerk.duration(rest - place, limits)
    table = plain_table("joint", "from", "to", "by", right=("from", "to", "by"))
    for joint, start, goal in zip(arm.config.joints, place, rest, strict=True):
        table.add_row(joint, f"{start:.2f}", f"{goal:.2f}", f"{goal - start:+.2f}")
    return titled(f"arm {arm.name}: to rest in {seconds:.1f} s", table)


def _bring_to_rest(request: Request, arm: NamedArm) -> None:
    rest = np.array(arm.config.rest)
    limits = _limits(arm, request)
    with interruptible() as interrupted:
        driver = AlohaArm(arm.profile)
        try:
            driver.attach()
            mover = Mover(arm.name, driver, limits, interrupted)
            mover.follow(minimum_jerk.path(mover.goal, rest, limits, 1.0 / RATE_HZ))
            mover.settle(rest)
        finally:
            driver.detach()
        if interrupted():
            raise ArmError(f"stopped; arm {arm.name} is at rest, torque on")
        with connected(arm) as bus:
            left = torque_off(bus, arm.profile)
    if left:
        raise ToolError(f"arm {arm.name} lies at rest, but {', '.join(left)} did not let go")
    request.say(f"arm {arm.name} lies at rest, torque off")
