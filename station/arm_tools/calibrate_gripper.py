"""`calibrate gripper`: measures where the crank stands when the gripper is closed and open."""

from __future__ import annotations

from typing import Final

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import named
from drivers.dynamixel.profile import MIDDLE_TICK, RAD_PER_TICK
from drivers.dynamixel.registers import PRESENT_POSITION, TORQUE_ENABLE
from runtime.shell import command
from station.arm_tools.keeping import keep
from station.arm_tools.motors import demand_meaning
from station.arm_tools.request import NamedArm, Request, ToolError, connected

_LEAST_SPAN_RAD: Final = 0.3
_COMMAND: Final = "python -m drivers calibrate gripper"


def run(request: Request) -> int:
    """Measure the gripper of each arm and keep it; raises ToolError if the two ends make no way."""
    for arm in request.selected():
        with connected(arm) as bus:
            demand_meaning(bus, arm)
            closed = _read(request, bus, arm, "close")
            opened = _read(request, bus, arm, "open")
        if opened - closed < _LEAST_SPAN_RAD:
            raise ToolError(
                f"arm {arm.name}: closed at {closed:.4f} rad and open at {opened:.4f} rad, "
                f"expected open at least {_LEAST_SPAN_RAD} rad above closed: move it all the way "
                "by hand; if it turns the other way, correct `reversed` of its motor"
            )
        ends = {"closed_rad": closed, "open_rad": opened}
        file = keep(request, f"{arm.place}.config.gripper", ends, _COMMAND)
        was = arm.profile.gripper
        request.say(
            f"arm {arm.name}: closed at {closed:.4f} rad (was {was.closed_rad:.4f}), open at "
            f"{opened:.4f} rad (was {was.open_rad:.4f}); written to {file}"
        )
    return 0


def _read(request: Request, bus: ServoBus, arm: NamedArm, end: str) -> float:
    """Return the crank's angle at one end, to which a person moves it."""
    servo = arm.profile.motors["gripper"].id
    if bus.read(servo, TORQUE_ENABLE):
        raise ToolError(
            f"arm {arm.name}: {named('gripper', servo)} holds, it must be limp to be moved by "
            f"hand: bring the arm to rest with {command('python -m drivers rest --arm', arm.name)}"
        )
    request.ask(f"arm {arm.name}: {end} its gripper by hand, all the way, press Enter: ")
    return round((bus.read(servo, PRESENT_POSITION) - MIDDLE_TICK) * RAD_PER_TICK, 4)
