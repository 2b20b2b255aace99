"""`watch`: all motors of the arms, live, read only."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Final

from rich.columns import Columns
from rich.console import Group
from rich.live import Live

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import SHADOW_TICKS, motors_of
from drivers.dynamixel.profile import MIDDLE_TICK, RAD_PER_TICK, Motor
from drivers.dynamixel.registers import (
    CURRENT_A,
    LOAD_SHARE,
    MODELS,
    VELOCITY_RAD_S,
    VOLTAGE_V,
    hardware_errors,
)
from runtime.rate import RateKeeper
from station.arm_tools.motors import Glance, glances
from station.arm_tools.request import NamedArm, Request, ToolError, connected
from station.arm_tools.tables import plain_table, titled

_RATE_HZ: Final = 10.0
_BAR: Final = 11  # characters from one limit to the other
_HOT: Final = 60  # deg C; servos switch themselves off at 80, some at 72
_WEAK_V: Final = 11.0  # of 12
_NUMBERS: Final = ("id", "rad", "rad/s", "current", "V", "°C")
_COLUMNS: Final = (
    *("joint", "id", "rad", "limits"),
    *("rad/s", "current", "V", "°C", "torque", ""),
)


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `watch`."""
    command.add_argument("--once", action="store_true", help="show the motors once and end")


def run(request: Request, options: argparse.Namespace) -> int:
    """Show the motors until Ctrl-C, or once; raises PortError, or ToolError if one is silent."""
    with ExitStack() as stack:
        buses = {arm.name: stack.enter_context(connected(arm)) for arm in request.selected()}
        if options.once:
            _show_once(request, buses)
            return 0
        with suppress(KeyboardInterrupt):
            _follow(request, buses)
    return 0


def _show_once(request: Request, buses: Mapping[str, ServoBus]) -> None:
    found = {name: glances(bus, request.arms[name].profile.ids) for name, bus in buses.items()}
    request.console.print(_side_by_side(request.arms, found))
    silent = [f"{name} ({request.arms[name].profile.port})" for name in found if not found[name]]
    if silent:
        raise ToolError(
            f"no motor answers of arm {', '.join(silent)}: switch the 12 V on, check the cable at "
            "the base, and see what is there with `python -m drivers scan`"
        )


def _follow(request: Request, buses: Mapping[str, ServoBus]) -> None:
    rate = RateKeeper(_RATE_HZ)
    with Live(_view(request.arms, buses), console=request.console, auto_refresh=False) as live:
        while True:
            rate.wait()
            live.update(_view(request.arms, buses), refresh=True)


def _view(arms: Mapping[str, NamedArm], buses: Mapping[str, ServoBus]) -> Columns:
    return _side_by_side(
        arms, {name: glances(bus, arms[name].profile.ids) for name, bus in buses.items()}
    )


def _side_by_side(
    arms: Mapping[str, NamedArm], found: Mapping[str, Mapping[int, Glance]]
) -> Columns:
    """Return all arms, side by side as far as the terminal is wide enough."""
    return Columns([shown(arms[name], seen) for name, seen in found.items()], padding=(0, 3))


def shown(arm: NamedArm, found: Mapping[int, Glance]) -> Group:
    """Return an arm's motors, one a row."""
    result = plain_table(*_COLUMNS, right=_NUMBERS, gap=1)
    for joint, servo, motor in motors_of(arm.profile):
        name = joint if servo == motor.id else "  its shadow"
        seen = found.get(servo)
        if seen is None:
            result.add_row(name, str(servo), *[""] * 7, "[bold red]no answer[/]")
            continue
        result.add_row(
            name, str(servo), *_values(seen, motor), _complaints(servo, seen, motor, found)
        )
    return titled(f"arm {arm.name}, {arm.profile.port}", result)


def _values(seen: Glance, motor: Motor) -> tuple[str, ...]:
    current = (
        f"{seen.current * CURRENT_A:.2f} A"
        if MODELS[motor.model].has_current
        else f"{seen.current * LOAD_SHARE:.0%} load"
    )
    volts = seen.voltage * VOLTAGE_V
    return (
        f"{(seen.position - MIDDLE_TICK) * RAD_PER_TICK:.3f}",
        bar(seen.position, motor.ticks),
        f"{seen.velocity * VELOCITY_RAD_S:.2f}",
        current,
        _marked(f"{volts:.1f}", volts < _WEAK_V),
        _marked(f"{seen.temperature}", seen.temperature >= _HOT),
        "[green]on[/]" if seen.torque else "off",
    )


def bar(position: int, limits: tuple[int, int]) -> str:
    """Return where between its limits a motor stands, drawn; a `!` stands beyond them."""
    low, high = limits
    place = round((position - low) / (high - low) * (_BAR - 1))
    outside = not low <= position <= high
    cells = ["·"] * _BAR
    cells[min(max(place, 0), _BAR - 1)] = "!" if outside else "█"
    return "".join(cells)


def _complaints(servo: int, seen: Glance, motor: Motor, found: Mapping[int, Glance]) -> str:
    texts = list(hardware_errors(seen.hardware_error))
    partner = found.get(motor.id)
    if servo == motor.shadow and partner is not None:
        apart = seen.position - partner.position
        if abs(apart) > SHADOW_TICKS:
            texts.append(f"{abs(apart)} ticks off {motor.id}")
    return f"[bold red]{', '.join(texts)}[/]" if texts else ""


def _marked(text: str, bad: bool) -> str:
    return f"[bold red]{text}[/]" if bad else text
