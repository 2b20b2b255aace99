"""`free`: takes torque off at once, wherever the arms are."""

from __future__ import annotations

import argparse
from typing import Final

from drivers.dynamixel.port import PortError
from station.arm_tools.motors import torque_off
from station.arm_tools.request import NamedArm, Request, connected

PHRASE: Final = "the arms will fall"


def run(request: Request, _: argparse.Namespace) -> int:
    """Let the arms go, as many of them as there are; returns 1 if one did not wholly go."""
    arms = request.selected()
    request.say(f"torque off now: {', '.join(arm.name for arm in arms)}. Support them.")
    request.demand_phrase(PHRASE)
    results = [_let_go(request, arm) for arm in arms]
    return 0 if all(results) else 1


def _let_go(request: Request, arm: NamedArm) -> bool:
    """Take torque off an arm; a port that is not there must not keep the others up."""
    try:
        with connected(arm) as bus:
            left = torque_off(bus, arm.profile)
    except PortError as error:
        request.say(f"arm {arm.name}: {error}")
        return False
    if left:
        request.say(
            f"arm {arm.name}: {', '.join(left)} do not say that they let go: switch its 12 V off"
        )
        return False
    request.say(f"arm {arm.name}: torque off")
    return True
