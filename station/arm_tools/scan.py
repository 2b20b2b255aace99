"""`scan`: which port is which arm, what answers there, and the udev rules that keep it so."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from serial.tools import list_ports  # type: ignore[import-untyped]

from drivers.dynamixel.address import is_there, open_port
from drivers.dynamixel.bus import Identity, ServoBus
from drivers.dynamixel.checks import motors_of
from drivers.dynamixel.port import PortError
from drivers.dynamixel.registers import BAUDS, MODELS
from drivers.dynamixel.serial_port import latency_timer_ms
from station.arm_tools.request import NamedArm, Request
from station.arm_tools.tables import plain_table

_BAUD: Final = 1_000_000  # of an adapter that is no arm's yet
_MAKER: Final = 0x0403  # FTDI, whose chip the U2D2 has; other adapters are left alone
_RULES: Final = "/etc/udev/rules.d/99-evenhand-arms.rules"
_MODEL_NAMES: Final = {model.number: model.name for model in MODELS.values()}


@dataclass(frozen=True, slots=True)
class Adapter:
    """A USB serial adapter."""

    device: str
    serial_number: str | None
    vendor: int
    product: int


@dataclass(frozen=True, slots=True)
class Place:
    """A port to look at: an arm's by the config, an adapter's, or both.

    Attributes:
        path: to open.
        arm: which the config says is there.
        adapter: which the system says is there.
    """

    path: str
    arm: NamedArm | None
    adapter: Adapter | None

    @property
    def baud(self) -> int:
        """The rate to ask at."""
        return self.arm.profile.baud if self.arm else _BAUD


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `scan`."""
    command.add_argument(
        "--bauds", action="store_true", help="ask at every rate that servos know, for new ones"
    )


def run(request: Request, options: argparse.Namespace) -> int:
    """Show every port; returns 1 if an arm of the config is not wholly there."""
    arms = request.selected()
    found = places(arms, adapters(), alone=bool(request.chosen))
    complete = [_show(request, place, every_baud=options.bauds) for place in found]
    rules = [rule for place in found if (rule := udev_rule(place, arms))]
    if rules:
        request.say(f"\nTo give each arm its name for good, put into {_RULES}:")
        for rule in rules:
            request.say(rule)
        request.say("then: sudo udevadm control --reload && sudo udevadm trigger")
    return 0 if all(complete) else 1


def adapters() -> list[Adapter]:
    """Return the USB serial adapters of this machine that may have servos behind them."""
    return [
        Adapter(port.device, port.serial_number, port.vid, port.pid)
        for port in list_ports.comports()
        if port.vid == _MAKER
    ]


def places(arms: Iterable[NamedArm], found: Iterable[Adapter], *, alone: bool) -> list[Place]:
    """Return the ports of `arms`, then the adapters that no arm has unless the arms are `alone`."""
    by_device = {os.path.realpath(adapter.device): adapter for adapter in found}
    result = [
        Place(arm.profile.port, arm, by_device.pop(os.path.realpath(arm.profile.port), None))
        for arm in arms
    ]
    if not alone:
        result += [Place(adapter.device, None, adapter) for adapter in by_device.values()]
    return result


def guesses(found: Mapping[int, Identity], arms: Iterable[NamedArm]) -> list[NamedArm]:
    """Return the arms that have just these motors."""
    seen = {servo: identity.model for servo, identity in found.items()}
    return [arm for arm in arms if seen == _expected(arm)]


def udev_rule(place: Place, arms: Iterable[NamedArm]) -> str | None:
    """Return the rule that names an adapter by its serial number, None if it has none."""
    adapter = place.adapter
    if adapter is None or adapter.serial_number is None:
        return None
    if place.arm is None:
        missing = [arm for arm in arms if not is_there(arm.profile.port)]
        name = " or ".join(Path(arm.profile.port).name for arm in missing) or "ttyDXL_another"
        name = f"<{name}>"
    else:
        name = Path(place.arm.profile.port).name
    return (
        f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{adapter.vendor:04x}", '
        f'ATTRS{{idProduct}}=="{adapter.product:04x}", '
        f'ATTRS{{serial}}=="{adapter.serial_number}", ATTR{{device/latency_timer}}="1", '
        f'ENV{{ID_MM_DEVICE_IGNORE}}="1", SYMLINK+="{name}"'
    )


def _show(request: Request, place: Place, *, every_baud: bool) -> bool:
    """Show one port; returns whether the arm that should be there is."""
    request.say(f"\n{_title(place)}")
    try:
        with open_port(place.path, place.baud) as port:
            found = {place.baud: ServoBus(port).scan()}
        if every_baud:
            others = [baud for baud in BAUDS.values() if baud != place.baud]
            found |= _at_other_bauds(place.path, others)
    except PortError as error:
        request.say(f"  {error}")
        return False
    timer_ms = latency_timer_ms(place.path)
    request.say(f"  latency timer: {'none' if timer_ms is None else f'{timer_ms} ms'}")
    if not any(found.values()):
        request.say("  nothing answers: switch the 12 V on; new servos need --bauds")
        return False
    request.console.print(_answers(found, place.arm))
    return _judged(request, place, found[place.baud])


def _judged(request: Request, place: Place, found: Mapping[int, Identity]) -> bool:
    """Say how what answers compares with the config; returns whether all is there."""
    if place.arm is None:
        likely = guesses(found, request.arms.values())
        names = ", ".join(f"{arm.name} ({arm.profile.port})" for arm in likely)
        request.say(f"  no arm of the config is here; could be: {names or 'none of them'}")
        return True
    expected = _expected(place.arm)
    missing = [servo for servo in expected if servo not in found]
    if missing:
        request.say(f"  missing: {', '.join(map(str, missing))}")
    other = [
        servo for servo in expected if servo in found and found[servo].model != expected[servo]
    ]
    if other:
        request.say(f"  of another model than the config says: {', '.join(map(str, other))}")
    return not missing and not other


def _title(place: Place) -> str:
    arm = f"arm {place.arm.name}" if place.arm else "no arm of the config"
    if place.adapter is None:
        return f"{place.path}: {arm}"
    number = place.adapter.serial_number or "none"
    return f"{place.path}: {arm}, adapter {place.adapter.device}, serial number {number}"


def _answers(found: Mapping[int, Mapping[int, Identity]], arm: NamedArm | None) -> Table:
    joints = (
        {servo: (joint, motor) for joint, servo, motor in motors_of(arm.profile)} if arm else {}
    )
    table = plain_table("  baud", "id", "model", "firmware", "joint", right=("  baud", "id"))
    for baud, identities in found.items():
        for servo, identity in sorted(identities.items()):
            joint, motor = joints.get(servo, ("", None))
            shadow = " (shadow)" if motor and servo == motor.shadow else ""
            model = _MODEL_NAMES.get(identity.model, f"number {identity.model}")
            table.add_row(f"{baud}", f"{servo}", model, f"{identity.firmware}", f"{joint}{shadow}")
    return table


def _expected(arm: NamedArm) -> dict[int, int]:
    return {servo: MODELS[motor.model].number for _, servo, motor in motors_of(arm.profile)}


def _at_other_bauds(path: str, bauds: Iterable[int]) -> dict[int, dict[int, Identity]]:
    """Ask at further rates, with ROBOTIS' own library, which is at home there."""
    import dynamixel_sdk  # for this question alone

    packets: Any = dynamixel_sdk.PacketHandler(2.0)
    port: Any = dynamixel_sdk.PortHandler(path)
    found: dict[int, dict[int, Identity]] = {}
    try:
        for baud in bauds:
            try:
                known = port.setBaudRate(baud)
            except (OSError, ValueError):
                continue  # a rate that the adapter does not know
            if known:
                answers, _ = packets.broadcastPing(port)
                found[baud] = {servo: Identity(*answer) for servo, answer in answers.items()}
    finally:
        if port.is_open:
            port.closePort()
    return found
