"""`calibrate leaders`: measures how the zeros of a leader's joints differ from its follower's."""

from __future__ import annotations

from typing import Final

from rich.console import Group

from drivers.dynamixel.profile import MOST_ZERO_RAD
from station.arm_tools.keeping import keep
from station.arm_tools.motors import all_glances, demand_limp, demand_meaning
from station.arm_tools.request import LEADER, NamedArm, Request, ToolError, connected
from station.arm_tools.tables import plain_table, titled

_COMMAND: Final = "python -m drivers calibrate leaders"


def run(request: Request) -> int:
    """Measure each leader against its follower and keep it; raises ToolError if too far apart."""
    for follower, leader in _pairs(request):
        zeros = _measured(request, follower, leader)
        request.console.print(_table(leader, zeros))
        far = [joint for joint, zero in zeros.items() if abs(zero) > MOST_ZERO_RAD]
        if far:
            raise ToolError(
                f"arm {leader.name}: {', '.join(far)} differ by more than {MOST_ZERO_RAD} rad: "
                "both arms must be in the same pose; if they were, a horn is mounted a tooth off"
            )
        request.demand_consent("keep these?")
        file = keep(request, f"{leader.place}.config.zero_rad", zeros, _COMMAND)
        request.say(f"arm {leader.name}: written to {file}")
    return 0


def _pairs(request: Request) -> list[tuple[NamedArm, NamedArm]]:
    leaders = [arm for arm in request.selected(followers=False) if arm.is_leader]
    pairs = [
        (request.arms[leader.name.removeprefix(LEADER)], leader)
        for leader in leaders
        if leader.name.removeprefix(LEADER) in request.arms
    ]
    if not pairs:
        raise ToolError("no leader with a follower is among the arms: name one with --arm")
    return pairs


def _measured(request: Request, follower: NamedArm, leader: NamedArm) -> dict[str, float]:
    """Return by joint what to add to a leader's angles to get its follower's."""
    if list(follower.profile.motors) != list(leader.profile.motors):
        raise ToolError(f"arms {follower.name} and {leader.name} have different joints")
    with connected(follower) as one, connected(leader) as other:
        demand_meaning(one, follower)
        demand_meaning(other, leader)
        demand_limp(leader, all_glances(other, leader), "it must be moved by hand")
        request.ask(
            f"bring arm {leader.name} into exactly the pose of arm {follower.name}, press Enter: "
        )
        followed, led = all_glances(one, follower), all_glances(other, leader)
    return {
        joint: round(
            followed[follower.profile.motors[joint].id].position_rad
            + follower.profile.zero_rad.get(joint, 0.0)
            - led[motor.id].position_rad,
            4,
        )
        for joint, motor in leader.profile.motors.items()
        if joint != "gripper"
    }


def _table(leader: NamedArm, zeros: dict[str, float]) -> Group:
    table = plain_table("joint", "rad", "was", right=("rad", "was"))
    for joint, zero in zeros.items():
        was = leader.profile.zero_rad.get(joint, 0.0)
        style = "bold red" if abs(zero) > MOST_ZERO_RAD else ""
        table.add_row(joint, f"{zero:+.4f}", f"{was:+.4f}", style=style)
    return titled(f"arm {leader.name}: add to its angles", table)
