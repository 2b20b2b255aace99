"""Requests to emulated servos in words: what shall go wrong, and what is going on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Column, Table

from drivers.dynamixel import registers as reg
from runtime.plugins import UnknownNameError
from simulation.servos.faults import ALWAYS, Faults, Mishap, Spoiling
from simulation.servos.hand import Hand, HandError
from simulation.servos.line import Line
from simulation.servos.ports import Ports
from simulation.servos.servo import Servo

PREFIX: Final = "ttyDXL_"  # of the ports' names, by custom; need not be typed
_MS_NS: Final = 1_000_000


class RequestError(ValueError):
    """A request that cannot be carried out, and how it should look."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """One verb: what follows it, what it does, in words and in fact."""

    arguments: str
    meaning: str
    cause: Callable[[Faults, list[float]], None]
    told: str = ""  # of what was done: {0} is the first argument, {all} are all; else `meaning`

    def done(self, arguments: Sequence[str]) -> str:
        """Say what has been done."""
        return (self.told or self.meaning).format(*arguments, all=", ".join(arguments))


def _spoil(how: Spoiling) -> Callable[[Faults, list[float]], None]:
    def cause(faults: Faults, given: list[float]) -> None:
        servo = int(given[0]) if given else None
        faults.spoil(how, servo, count=int(given[1]) if given[1:] else 1)

    return cause


def _delay(faults: Faults, given: list[float]) -> None:
    servo = int(given[1]) if given[1:] else None
    count = int(given[2]) if given[2:] else 1
    faults.spoil("late", servo, count=count, by_ns=round(given[0] * _MS_NS))


def _corrupt(faults: Faults, given: list[float]) -> None:
    faults.spoil("corrupt", count=ALWAYS, share=given[0])


def _happen(mishap: Mishap) -> Callable[[Faults, list[float]], None]:
    def cause(faults: Faults, given: list[float]) -> None:
        faults.happen(mishap, int(given[0]))

    return cause


def _power(faults: Faults, given: list[float]) -> None:
    faults.powered = bool(given[0])


def _chatter(faults: Faults, given: list[float]) -> None:
    faults.chatter_hz = given[0]


_FAULTS: Final = {
    "late": _Fault(
        "MS [ID [COUNT]]",
        "the next answers come so much later",
        _delay,
        "answers come {0} ms later",
    ),
    "lost": _Fault("[ID [COUNT]]", "the next answers are lost", _spoil("lost")),
    "truncated": _Fault("[ID [COUNT]]", "the next answers are cut in half", _spoil("truncated")),
    "corrupt": _Fault(
        "SHARE",
        "that part of all bytes arrives damaged",
        _corrupt,
        "a share of {0} of all bytes arrives damaged",
    ),
    "silent": _Fault(
        "ID ...",
        "motors say nothing",
        lambda faults, given: faults.silence(*map(int, given)),
        "motors {all} say nothing",
    ),
    "broken": _Fault(
        "ID ...",
        "motors are cut off, with those behind them in a sync read",
        lambda faults, given: faults.break_chain(*map(int, given)),
        "motors {all} are cut off, with those behind them in a sync read",
    ),
    "overload": _Fault(
        "ID",
        "a motor gives up: torque off, alert",
        _happen("overload"),
        "motor {0} gives up: torque off, alert",
    ),
    "overheating": _Fault(
        "ID",
        "a motor is too hot: torque off, alert",
        _happen("overheating"),
        "motor {0} is too hot: torque off, alert",
    ),
    "brown_out": _Fault(
        "ID", "a motor restarts, torque off", _happen("brown_out"), "motor {0} restarts, torque off"
    ),
    "torque_off": _Fault(
        "ID", "a motor lets go by itself", _happen("torque_off"), "motor {0} lets go by itself"
    ),
    "power": _Fault(
        "0 or 1",
        "the 12 V supply is switched off, or on",
        _power,
        "the 12 V supply is at {0} (0 is off, 1 is on)",
    ),
    "chatter": _Fault(
        "HZ",
        "a second master reads on the same bus",
        _chatter,
        "a second master reads on the same bus at {0} Hz",
    ),
    "clear": _Fault(
        "",
        "all works again; a motor that latched an error still needs a reboot",
        lambda faults, _: faults.clear(),
    ),
}
_PORT_VERBS: Final = {
    "unplug": "the USB adapter is pulled out",
    "plug": "and put in again",
    "show": "what its motors are doing",
}
_HAND_VERBS: Final = {
    "move": ("MOTOR RAD", "a hand moves a limp joint there; MOTOR is an id, or the joint's name"),
    "offset": ("MOTOR TICKS", "a limp motor gets this Homing_Offset, as if its horn sat askew"),
    "write": ("MOTOR REGISTER VALUE", "a register is set, Goal_PWM for instance"),
}


class Console:
    """Carries out requests such as `follower_left silent 4`, from any thread."""

    def __init__(self, lines: Mapping[str, Line], ports: Ports, hands: Mapping[str, Hand]) -> None:
        """Take requests for the lines by names, `ports` being theirs, of arms in hand."""
        self._hands = hands
        self._lines = lines
        self._names = {name.removeprefix(PREFIX): name for name in lines}
        self._ports = ports

    def obey(self, request: str) -> Table | str:
        """Carry out one request; returns what it asks to see, or what was done.

        Raises:
            RequestError: it cannot be understood or carried out.
        """
        words = request.split()
        if words == ["help"]:
            return self._help()
        if words == ["show"]:
            return self._shown(*self._lines)
        if len(words) < 2:
            raise RequestError(f"{request!r}: want PORT REQUEST; `help` lists what can be asked")
        short, verb, *arguments = words
        _demand("port", short, self._names)
        _demand("request", verb, (*_PORT_VERBS, *_FAULTS, *_HAND_VERBS))
        name = self._names[short]
        if verb == "show":
            return self._shown(name)
        return f"{short}: {self._done(name, verb, arguments)}; done"

    def _done(self, name: str, verb: str, arguments: list[str]) -> str:
        """Carry out a request that is no question; returns what was done."""
        if verb in _HAND_VERBS:
            return self._by_hand(name, verb, arguments)
        if verb in _FAULTS:
            return self._cause(name, verb, arguments)
        {"plug": self._ports.plug, "unplug": self._ports.unplug}[verb](name)
        return _PORT_VERBS[verb]

    def _by_hand(self, name: str, verb: str, arguments: list[str]) -> str:
        hand = self._hands[name]
        try:
            with self._ports.paused:
                self._lines[name].due(time.monotonic_ns())
                if verb == "write":
                    motor, register, value = arguments
                    return hand.write(motor, register, int(value))
                motor, amount = arguments
                if verb == "move":
                    return hand.move(motor, float(amount))
                return hand.offset(motor, int(amount))
        except HandError as error:
            raise RequestError(str(error)) from error
        except ValueError as error:
            raise RequestError(f"want: PORT {verb} {_HAND_VERBS[verb][0]} ({error})") from error

    def _cause(self, name: str, verb: str, arguments: list[str]) -> str:
        fault, line = _FAULTS[verb], self._lines[name]
        try:
            given = [float(argument) for argument in arguments]
            if "ID" in fault.arguments:
                _check_ids(fault, given, line)
            fault.cause(line.faults, given)
        except (ValueError, IndexError) as error:
            raise RequestError(f"want: PORT {verb} {fault.arguments} ({error})") from error
        return fault.done(arguments)

    def _help(self) -> Table:
        table = Table("request", "what happens", title=f"ports: {', '.join(self._names)}")
        for verb, meaning in _PORT_VERBS.items():
            table.add_row(f"PORT {verb}", meaning)
        for verb, fault in _FAULTS.items():
            table.add_row(f"PORT {verb} {fault.arguments}".replace("[", r"\["), fault.meaning)
        for verb, (wanted, meaning) in _HAND_VERBS.items():
            table.add_row(f"PORT {verb} {wanted}", meaning)
        table.add_row("show", "what all motors are doing")
        table.add_row("help", "this list")
        return table

    def _shown(self, *names: str) -> Table:
        columns = ("id", "model", "torque", "position", "goal", "mA", "V", "°C", "says")
        table = Table(Column("port", no_wrap=True), *columns)
        for name in names:
            with self._ports.paused:
                self._lines[name].due(time.monotonic_ns())
                rows = [_row(servo) for _, servo in sorted(self._lines[name].servos.items())]
            for row in rows:
                table.add_row(name.removeprefix(PREFIX), *row)
            table.add_section()
        return table


def _demand(kind: str, given: str, known: Iterable[str]) -> None:
    if given not in known:
        raise RequestError(str(UnknownNameError(kind, given, known)))


def _check_ids(fault: _Fault, given: list[float], line: Line) -> None:
    """Raise ValueError unless the ids given are the line's."""
    wanted = fault.arguments.replace("[", "").split()
    ids = given if "..." in wanted else given[wanted.index("ID") :][:1]
    if not ids and not fault.arguments.endswith("]"):
        raise ValueError("which servo?")
    for servo in ids:
        if servo not in line.servos:
            raise ValueError(f"no servo {servo:g}; there are {', '.join(map(str, line.servos))}")


def _row(servo: Servo) -> tuple[str, ...]:
    table = servo.table
    if not servo.awake:
        return str(servo.id), table.model.name, "no power, or starts"
    servo.motor.refresh(time.monotonic_ns(), servo.volts)
    return (
        str(servo.id),
        table.model.name,
        "on" if table[reg.TORQUE_ENABLE] else "off",
        str(table[reg.PRESENT_POSITION]),
        str(table[reg.GOAL_POSITION]),
        f"{table[reg.PRESENT_CURRENT] * reg.CURRENT_A * 1e3:.0f}"
        if table.model.has_current
        else "-",
        f"{table[reg.PRESENT_INPUT_VOLTAGE] * reg.VOLTAGE_V:.1f}",
        str(table[reg.PRESENT_TEMPERATURE]),
        ", ".join(reg.hardware_errors(table[reg.HARDWARE_ERROR_STATUS])) or "fine",
    )
