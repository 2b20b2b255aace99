"""`check`: every check that a launch makes of the arms, all of them at once, without touching."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Group
from rich.markup import escape

from drivers.arm import ArmError
from drivers.dynamixel.address import open_port
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.checks import (
    all_said,
    check_alerts,
    check_answers,
    check_identities,
    check_registers,
    check_settings,
    check_shadows,
    demand_room,
    motors_of,
    named,
    refuse_company,
)
from drivers.dynamixel.deviations import Said, deviations
from drivers.dynamixel.port import Port, PortError
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.registers import TORQUE_ENABLE
from drivers.dynamixel.serial_port import latency_timer_ms
from station.arm_tools.motors import glances, holding
from station.arm_tools.request import NamedArm, Request, options_hint
from station.arm_tools.tables import plain_table, titled

_SLOW_TIMER_MS: Final = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check."""

    name: str
    complaint: str = ""  # what is wrong and what to do, nothing if all is well
    note: str = ""


def run(request: Request, _: argparse.Namespace) -> int:
    """Show a table for each arm; returns 1 if anything is wrong."""
    complaints: list[str] = []
    for arm in request.selected():
        results = examined(arm)
        request.console.print(_table(arm, results))
        complaints += [result.complaint for result in results if result.complaint]
    if not complaints:
        request.say("all is well")
        return 0
    hint = options_hint("\n".join(complaints), request.robot_options)
    request.say(f"failed checks: {len(complaints)}; nothing was changed{hint}")
    return 1


def examined(arm: NamedArm) -> list[Result]:
    """Return the results of all checks that can be made of an arm."""
    profile = arm.profile
    try:
        with open_port(profile.port, profile.baud) as port:
            results = [Result("port", note=profile.port), _latency(profile.port)]
            if results[-1].complaint:  # all motors would seem to be silent
                return results
            try:
                results += _of_servos(port, profile)
            except (NoAnswerError, RefusedError, PortError) as error:
                results.append(Result("the rest", str(error)))
            return results
    except PortError as error:
        return [Result("port", str(error))]


def _of_servos(port: Port, profile: Profile) -> list[Result]:
    bus = ServoBus(port)
    company = _result("alone on the bus", lambda: refuse_company(port))
    motors = _result("motors", lambda: check_identities(bus, profile))
    here = _answering(bus, profile) if motors.complaint else profile
    if not here.motors:
        return [company, motors]
    answers = _result("answers", lambda: check_answers(bus, here))
    if answers.complaint:  # nothing else can be asked
        return [company, motors, answers]
    said = all_said(bus, here)
    return [
        company,
        motors,
        answers,
        _result("no latched errors", lambda: check_alerts(bus, here)),
        _registers(here, said),
        _result("settings", lambda: check_settings(here, said)),
        _result("shadows agree", lambda: check_shadows(bus, here)),
        _result("within limits", lambda: _check_place(bus, here)),
        _torque(bus, here),
    ]


def _registers(profile: Profile, said: dict[int, Said]) -> Result:
    result = _result("registers", lambda: check_registers(profile, said))
    left = [
        f"{named(joint, servo)}: {deviation.change}"
        for joint, servo, motor in motors_of(profile)
        if not said[servo][TORQUE_ENABLE]
        for deviation in deviations(said[servo], motor, servo)
    ]
    if result.complaint or not left:
        return result
    return replace(result, note=f"a launch sets {', '.join(left)}")


def _result(name: str, check: Callable[[], None]) -> Result:
    try:
        check()
    except ArmError as error:
        return Result(name, str(error))
    return Result(name)


def _latency(path: str) -> Result:
    timer_ms = latency_timer_ms(path)
    if timer_ms is None or timer_ms <= _SLOW_TIMER_MS:
        return Result("latency timer", note="none" if timer_ms is None else f"{timer_ms} ms")
    complaint = (
        f"the USB adapter holds answers back for {timer_ms} ms, expected {_SLOW_TIMER_MS}: a "
        "launch sets it where it may; for good, use the udev rule of `python -m drivers scan`"
    )
    return Result("latency timer", complaint)


def _answering(bus: ServoBus, profile: Profile) -> Profile:
    """Return the part of an arm that answers, so that the other checks can go on with it."""
    found = bus.scan()
    motors = {
        joint: motor
        if motor.shadow is None or motor.shadow in found
        else motor.model_copy(update={"shadow": None})
        for joint, motor in profile.motors.items()
        if motor.id in found
    }
    return profile.model_copy(update={"motors": motors})


def _check_place(bus: ServoBus, profile: Profile) -> None:
    """Raise ArmError if a joint stands where its torque may not be switched on."""
    found = glances(bus, profile.ids)
    for joint, motor in profile.motors.items():
        seen = found.get(motor.id)
        if seen and not seen.torque:
            demand_room(joint, motor, seen.position)


def _torque(bus: ServoBus, profile: Profile) -> Result:
    held = holding(glances(bus, profile.ids), profile)
    whole = "holds" if len(held) == len(profile.ids) else f"only {', '.join(held)} hold"
    return Result("torque", note=whole if held else "limp")


def _table(arm: NamedArm, results: list[Result]) -> Group:
    table = plain_table("check", "")
    table.add_column("finding")
    for result in results:
        verdict = "[bold red]wrong[/]" if result.complaint else "[green]ok[/]"
        table.add_row(result.name, verdict, escape(result.complaint or result.note))
    return titled(f"arm {arm.name}", table)
