"""`reboot`: restarts motors that latched an error; until then they stay limp whatever is asked."""

from __future__ import annotations

import argparse
import time
from typing import Final

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import motors_of, named
from drivers.dynamixel.registers import hardware_errors
from station.arm_tools.motors import Glance, glances
from station.arm_tools.request import NamedArm, Request, ToolError, connected

PHRASE: Final = "it goes limp"
_BOOT_NS: Final = 3_000_000_000  # and more than that


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `reboot`."""
    command.add_argument(
        "--motor",
        action="append",
        default=[],
        type=int,
        metavar="ID",
        dest="motors",
        help="this one, latched or not; may be given several times, with one --arm",
    )


def run(request: Request, options: argparse.Namespace) -> int:
    """Restart the motors given, or all that have latched an error; returns 1 if one stays so."""
    arms = request.selected()
    if options.motors and len(arms) != 1:
        raise ToolError("an id alone does not say which arm's: give one --arm with --motor")
    results = [_reboot(request, arm, options.motors) for arm in arms]
    return 0 if all(results) else 1


def _reboot(request: Request, arm: NamedArm, wanted: list[int]) -> bool:
    strangers = [str(servo) for servo in wanted if servo not in arm.profile.ids]
    if strangers:
        ids = ", ".join(map(str, arm.profile.ids))
        raise ToolError(f"arm {arm.name} has no motor {', '.join(strangers)}; it has {ids}")
    with connected(arm) as bus:
        found = glances(bus, arm.profile.ids)
        if not found:
            raise ToolError(f"arm {arm.name}, {arm.profile.port}: no motor answers; 12 V on?")
        chosen = wanted or [servo for servo, seen in found.items() if seen.hardware_error]
        if not chosen:
            request.say(f"arm {arm.name}: no motor has latched an error")
            return True
        names = _names(arm)
        for servo in chosen:
            request.say(f"arm {arm.name}: restarts {names[servo]}{_state(found.get(servo))}")
        request.say("Its joint is limp from then on, its shadow's too. Support the arm.")
        request.demand_phrase(PHRASE)
        for servo in chosen:
            bus.reboot(servo)
        after = _awaited(bus, arm, chosen)
    for servo in chosen:
        request.say(f"arm {arm.name}: {names[servo]}{_state(after.get(servo))}")
    healthy = all(servo in after and not after[servo].hardware_error for servo in chosen)
    request.say("a launch, or `rest`, makes it hold again" if healthy else "it is not well")
    return healthy


def _awaited(bus: ServoBus, arm: NamedArm, chosen: list[int]) -> dict[int, Glance]:
    """Return what the arm's motors say once all that were restarted are back, or are overdue."""
    overdue_ns = time.monotonic_ns() + _BOOT_NS
    while True:
        found = glances(bus, arm.profile.ids)
        if all(servo in found for servo in chosen) or time.monotonic_ns() > overdue_ns:
            return found


def _names(arm: NamedArm) -> dict[int, str]:
    return {servo: named(joint, servo) for joint, servo, _ in motors_of(arm.profile)}


def _state(seen: Glance | None) -> str:
    if seen is None:
        return ": no answer"
    errors = ", ".join(hardware_errors(seen.hardware_error)) or "no error"
    return f": {errors}, torque {'on' if seen.torque else 'off'}"
