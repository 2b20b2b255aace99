"""The control table of one servo: what may be read and written, and why not."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from drivers.dynamixel import registers as reg
from drivers.dynamixel.registers import Model, Refusal, Register
from simulation.servos.settings import MULTI_TURN_TICKS, POSITION, SETTINGS, Settings

_GAIN = (0, 16383)
_BOUNDS: Final[dict[Register, tuple[int, int]]] = {
    reg.ID: (0, 252),
    reg.BAUD_RATE: (0, 7),
    reg.RETURN_DELAY_TIME: (0, 254),
    reg.DRIVE_MODE: (0, 15),
    reg.SECONDARY_ID: (0, 255),
    reg.PROTOCOL_TYPE: (1, 22),
    reg.HOMING_OFFSET: (-1_044_479, 1_044_479),
    reg.MOVING_THRESHOLD: (0, 1023),
    reg.TEMPERATURE_LIMIT: (0, 100),
    reg.MAX_VOLTAGE_LIMIT: (60, 160),
    reg.MIN_VOLTAGE_LIMIT: (60, 160),
    reg.PWM_LIMIT: (0, reg.FULL_PWM),
    reg.VELOCITY_LIMIT: (0, 1023),
    reg.MAX_POSITION_LIMIT: (0, 4095),
    reg.MIN_POSITION_LIMIT: (0, 4095),
    **dict.fromkeys(reg.EXTERNAL_PORT_MODE, (0, 3)),
    **dict.fromkeys(reg.EXTERNAL_PORT_DATA, (0, 4095)),
    reg.STARTUP_CONFIGURATION: (0, 3),
    reg.SHUTDOWN: (0, 0x3D),
    reg.TORQUE_ENABLE: (0, 1),
    reg.LED: (0, 1),
    reg.STATUS_RETURN_LEVEL: (0, 2),
    reg.VELOCITY_I_GAIN: _GAIN,
    reg.VELOCITY_P_GAIN: _GAIN,
    reg.POSITION_D_GAIN: _GAIN,
    reg.POSITION_I_GAIN: _GAIN,
    reg.POSITION_P_GAIN: _GAIN,
    reg.FEEDFORWARD_2ND_GAIN: _GAIN,
    reg.FEEDFORWARD_1ST_GAIN: _GAIN,
    reg.BUS_WATCHDOG: (0, 127),
    reg.PROFILE_ACCELERATION: (0, 32767),
    reg.PROFILE_VELOCITY: (0, 32767),
    reg.GOAL_POSITION: (-MULTI_TURN_TICKS, MULTI_TURN_TICKS),
    **dict.fromkeys(reg.INDIRECT_ADDRESS, (64, reg.TABLE_BYTES - 1)),
}
# By address, as the hash of an integer costs next to nothing
_RANGES: Final = {register.address: bounds for register, bounds in _BOUNDS.items()}
_LIMITED_BY: Final = {
    reg.GOAL_PWM.address: reg.PWM_LIMIT,
    reg.GOAL_CURRENT.address: reg.CURRENT_LIMIT,
    reg.GOAL_VELOCITY.address: reg.VELOCITY_LIMIT,
}
_GOALS: Final = frozenset((*_LIMITED_BY, reg.GOAL_POSITION.address))
_SETTINGS: Final = frozenset(register.address for register in SETTINGS)
_DATA_OF: Final = {
    entry.address: data.address
    for entry, data in zip(reg.INDIRECT_ADDRESS, reg.INDIRECT_DATA, strict=True)
}


_FORMATS: Final = {1: "b", 2: "h", 4: "i"}
_STRUCTS: Final = {  # three times as fast as slicing the bytes
    register.address: struct.Struct(
        "<" + (_FORMATS[register.size] if register.signed else _FORMATS[register.size].upper())
    )
    for register in reg.CONTROL_TABLE
}


def _owners() -> list[Register | None]:
    owners: list[Register | None] = [None] * reg.TABLE_BYTES
    for register in reg.CONTROL_TABLE:
        span = range(register.address, register.address + register.size)
        for address in span:
            owners[address] = register
    return owners


_OWNERS: Final = _owners()


def _pieces(route: Sequence[int]) -> tuple[slice, ...]:
    """Return the addresses of `route` in as few slices as they make."""
    starts = [at for at, address in enumerate(route) if not at or address != route[at - 1] + 1]
    ends = [*starts[1:], len(route)]
    return tuple(
        slice(route[start], route[end - 1] + 1) for start, end in zip(starts, ends, strict=True)
    )


class _Parts(NamedTuple):
    """The registers of which a piece of the table consists, as far as it may be written."""

    registers: tuple[tuple[int, Register], ...]  # each with where it begins in the piece
    refusal: Refusal | None  # of what comes behind them


class Table:
    """All bytes of a servo. `table[REGISTER]` is the servo's own access, without any checks."""

    def __init__(self, model: Model, settings: Mapping[Register, int]) -> None:
        """Begin as the model leaves the factory, but for `settings`."""
        self.model = model
        self.bytes = bytearray(reg.TABLE_BYTES)
        self._route = list(range(reg.TABLE_BYTES))  # where each address really leads
        self._routed: dict[tuple[int, int], tuple[slice, ...]] = {}
        self._parted: dict[tuple[int, int], _Parts] = {}
        self._settings: Settings | None = None
        self._reset((register for register in reg.CONTROL_TABLE if register.eeprom), settings)
        self.restart()

    def __getitem__(self, register: Register) -> int:
        value: int = _STRUCTS[register.address].unpack_from(self.bytes, register.address)[0]
        return value

    def __setitem__(self, register: Register, value: int) -> None:
        start = register.address
        _STRUCTS[start].pack_into(self.bytes, start, value)
        if start in _DATA_OF:
            self._route[_DATA_OF[start]] = value
            self._routed.clear()
            self._parted.clear()
        if start in _SETTINGS:
            self._settings = None

    @property
    def settings(self) -> Settings:
        """What is looked up often, decoded when some of it has changed."""
        if self._settings is None:
            self._settings = Settings.decoded(self.__getitem__)
        return self._settings

    def restart(self) -> None:
        """Forget the RAM: every register in it has its default again, as after power on."""
        ram = [register for register in reg.CONTROL_TABLE if not register.eeprom]
        self._reset(ram, {})
        self[reg.GOAL_PWM] = self[reg.PWM_LIMIT]
        self[reg.GOAL_CURRENT] = self[reg.CURRENT_LIMIT]

    def _reset(self, registers: Iterable[Register], to: Mapping[Register, int]) -> None:
        for register in registers:
            self[register] = to.get(register, self.model.defaults.get(register, 0))

    def read(self, address: int, length: int) -> bytes | None:
        """Return `length` bytes, None if the table ends before. Gaps in it read as zeros."""
        pieces = self._routed.get((address, length))
        if pieces is None:
            if not 0 < length <= reg.TABLE_BYTES - address:
                return None
            route = self._route[address : address + length]
            pieces = self._routed[address, length] = _pieces(route)
        if len(pieces) == 1:
            return bytes(self.bytes[pieces[0]])
        return b"".join([self.bytes[piece] for piece in pieces])

    def changes(self, address: int, data: bytes) -> list[tuple[Register, int]] | Refusal:
        """Return which registers a write from the bus would set to what, or why it is refused.

        It is accepted as a whole or not at all.
        """
        parts = self._parted.get((address, len(data)))
        if parts is None:
            parts = self._parted[address, len(data)] = self._parts(address, len(data))
        changes: list[tuple[Register, int]] = []
        for start, register in parts.registers:
            if register.eeprom and self.settings.torque_enable:
                return Refusal.ACCESS
            value: int = _STRUCTS[register.address].unpack_from(data, start)[0]
            if refusal := self._refusal(register, value):
                return refusal
            changes.append((register, value))
        return parts.refusal or changes

    def _parts(self, address: int, length: int) -> _Parts:
        route = self._route[address : address + length]
        if not length or len(route) < length:
            return _Parts((), Refusal.ACCESS if length else Refusal.DATA_LENGTH)
        registers: list[tuple[int, Register]] = []
        at = 0
        while at < length:
            register = _OWNERS[route[at]]
            if register is None or not (register.writable and self.model.has(register)):
                return _Parts(tuple(registers), Refusal.ACCESS)
            whole = list(range(register.address, register.address + register.size))
            if route[at : at + register.size] != whole:
                return _Parts(tuple(registers), Refusal.DATA_LENGTH)
            registers.append((at, register))
            at += register.size
        return _Parts(tuple(registers), None)

    def _refusal(self, register: Register, value: int) -> Refusal | None:
        least, most = _RANGES.get(register.address, (value, value))
        if register is reg.OPERATING_MODE and value not in self.model.modes:
            return Refusal.DATA_RANGE
        if register is reg.CURRENT_LIMIT:
            most = self.model.defaults[register]
        if not least <= value <= most:
            return Refusal.DATA_RANGE
        if register.address in _GOALS:
            return self._goal_refusal(register, value)
        return None

    def _goal_refusal(self, register: Register, value: int) -> Refusal | None:
        settings = self.settings
        if settings.bus_watchdog < 0:
            return Refusal.DATA_RANGE
        if limit := _LIMITED_BY.get(register.address):
            return None if abs(value) <= self[limit] else Refusal.DATA_LIMIT
        if settings.operating_mode != POSITION:
            return None
        inside = settings.min_position_limit <= value <= settings.max_position_limit
        return None if inside else Refusal.DATA_LIMIT
