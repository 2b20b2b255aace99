"""One emulated servo: what it answers to each instruction."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import Instruction
from drivers.dynamixel.profile import Motor as MotorProfile
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.registers import Register
from simulation.servos.faults import Mishap
from simulation.servos.motor import Motor
from simulation.servos.plant import Plant
from simulation.servos.strain import OVERLOAD
from simulation.servos.table import Table

log = logging.getLogger(__name__)

BOOT_NS: Final = 200_000_000
LAST_ID: Final = 252

_CLEAR_TURNS: Final = bytes((0x01, 0x44, 0x58, 0x4C, 0x22))
_SENSED = range(reg.REALTIME_TICK.address, reg.BACKUP_READY.address)
_INDIRECT_START: Final = reg.INDIRECT_ADDRESS[0].address
_GOAL: Final = (reg.GOAL_POSITION.address, reg.GOAL_POSITION.size)
_TICKS: Final = struct.Struct("<i")
_LAB_FIRMWARE: Final = 47
_LAB_VELOCITY_LIMIT: Final = 131  # half a turn a second

Answer = tuple[int, bytes]  # error byte, data


class Servo:
    """A servo on a bus, powered by it. Time is an argument of everything."""

    def __init__(self, model: reg.Model, settings: Mapping[Register, int]) -> None:
        """A servo with the EEPROM `settings`, without power and on no shaft yet."""
        self.table = Table(model, settings)
        self.motor = Motor(self.table)
        self.volts = 0.0
        self._registered: tuple[int, bytes] | None = None
        self._powered = False
        self._awake_ns = 0
        self._now_ns = 0

    @property
    def id(self) -> int:
        """The id that it answers to."""
        return self.table.bytes[reg.ID.address]

    @property
    def secondary(self) -> int | None:
        """The id that it also obeys, without a word."""
        secondary = self.table.bytes[reg.SECONDARY_ID.address]
        return None if secondary > LAST_ID or secondary == self.id else secondary

    @property
    def awake(self) -> bool:
        """Whether it has power and has booted."""
        return self._powered and self._now_ns >= self._awake_ns

    @property
    def restless(self) -> bool:
        """Whether time alone soon changes something about it."""
        return self._powered and (self._now_ns < self._awake_ns or self.motor.restless)

    def mount(self, plant: Plant) -> None:
        """Put it on its shaft."""
        self.motor.mount(plant)

    def power_on(self, now_ns: int, boot_ns: int = BOOT_NS) -> None:
        """Begin anew, ready after `boot_ns`: torque off, no errors, RAM as by default."""
        self._powered = True
        self._now_ns = now_ns
        self._awake_ns = now_ns + boot_ns
        self._registered = None
        self.table.restart()
        self.motor.restart(now_ns)

    def power_off(self) -> None:
        """Lose the supply: silent and limp."""
        self._powered = False
        self.motor.torque(0)
        self.motor.drive()

    def suffer(self, mishap: Mishap, now_ns: int) -> None:
        """Let something happen to it, if it has power."""
        if not self._powered:
            return
        if mishap == "brown_out":
            self.power_on(now_ns)
        elif mishap == "overload":
            self.motor.fail(OVERLOAD)
        elif mishap == "overheating":
            self.motor.overheat()
        else:
            self.motor.torque(0)
            self.motor.drive()

    def advance(self, now_ns: int, heard_ns: int, volts: float) -> None:
        """Let time pass until now, at the supply's `volts`."""
        self._now_ns, self.volts = now_ns, volts
        if self.awake:
            self.motor.advance(now_ns, heard_ns, volts)

    def execute(
        self, instruction: int, params: bytes, now_ns: int, *, secondary: bool = False
    ) -> Answer | None:
        """Do what a packet to this servo alone says; None: it does not answer."""
        level = self.table.settings.status_return_level
        answer = self._result(instruction, params, now_ns, secondary)
        if instruction == Instruction.PING:
            return answer
        return answer if level == 2 or (level == 1 and instruction == Instruction.READ) else None

    def _result(self, instruction: int, params: bytes, now_ns: int, secondary: bool) -> Answer:
        if instruction == Instruction.PING:
            number, firmware = self.table.bytes[:2], self.table.bytes[6:7]
            return self._alert(), bytes(number + firmware)
        if instruction == Instruction.READ and len(params) == 4:
            address, length = struct.unpack("<HH", params)
            return self.read(address, length, now_ns)
        if instruction in (Instruction.WRITE, Instruction.REG_WRITE) and len(params) > 2:
            address, data = params[0] | params[1] << 8, params[2:]
            if instruction == Instruction.WRITE:
                return self.write(address, data, secondary=secondary)
            return self._register(address, data, secondary)
        if instruction == Instruction.REBOOT:
            answer = self._alert(), b""
            self.power_on(now_ns)
            return answer
        return self._rarely(instruction, params, secondary)

    def _rarely(self, instruction: int, params: bytes, secondary: bool) -> Answer:
        if instruction == Instruction.ACTION:
            return self._act(secondary)
        if instruction == Instruction.CLEAR:
            return self._clear(params)
        if instruction == Instruction.FACTORY_RESET:
            log.warning("servo %d: factory reset refused; it would forget its id", self.id)
            return self._refused(reg.Refusal.RESULT)
        return self._refused(reg.Refusal.INSTRUCTION)

    def _alert(self) -> int:
        return reg.ALERT if self.table.bytes[reg.HARDWARE_ERROR_STATUS.address] else 0

    def _refused(self, refusal: int) -> Answer:
        return self._alert() | refusal, b""

    def read(self, address: int, length: int, now_ns: int) -> Answer:
        """Return part of the control table as it is now."""
        sensed = address < _SENSED.stop and address + length > _SENSED.start
        if sensed or address >= _INDIRECT_START:
            self.motor.refresh(now_ns, self.volts)
        data = self.table.read(address, length)
        return self._refused(reg.Refusal.ACCESS) if data is None else (self._alert(), data)

    @property
    def answers_reads(self) -> bool:
        """Whether Status_Return_Level lets it answer what it reads."""
        return self.table.settings.status_return_level > 0

    def write(self, address: int, data: bytes, *, secondary: bool = False) -> Answer:
        """Write part of the control table, wholly or not at all."""
        # What comes a hundred times a second; all it does is what follows, in fewer steps.
        if (address, len(data)) == _GOAL and self.motor.steer(_TICKS.unpack(data)[0]):
            return self._alert(), b""
        changes = self._changes(address, data, secondary)
        if isinstance(changes, reg.Refusal):
            return self._refused(changes)
        for register, value in changes:
            self.motor.set(register, value)
        self.motor.drive()
        return self._alert(), b""

    def _register(self, address: int, data: bytes, secondary: bool) -> Answer:
        changes = self._changes(address, data, secondary)
        if isinstance(changes, reg.Refusal):
            return self._refused(changes)
        self._registered = address, data
        self.table[reg.REGISTERED_INSTRUCTION] = 1
        return self._alert(), b""

    def _act(self, secondary: bool) -> Answer:
        if self._registered is None:
            return self._refused(reg.Refusal.INSTRUCTION)
        address, data = self._registered
        self._registered = None
        self.table[reg.REGISTERED_INSTRUCTION] = 0
        return self.write(address, data, secondary=secondary)

    def _changes(
        self, address: int, data: bytes, secondary: bool
    ) -> list[tuple[Register, int]] | reg.Refusal:
        changes = self.table.changes(address, data)
        if isinstance(changes, reg.Refusal) or not secondary:
            return changes
        return reg.Refusal.ACCESS if any(entry.eeprom for entry, _ in changes) else changes

    def _clear(self, params: bytes) -> Answer:
        if params != _CLEAR_TURNS:
            return self._refused(reg.Refusal.DATA_RANGE)
        if self.motor.is_moving():
            return self._refused(reg.Refusal.RESULT)
        self.motor.clear_turns()
        self.motor.hold()
        return self._alert(), b""


def servos_of(profile: Profile) -> list[Servo]:
    """Return all motors of an arm as a lab has set them up, shadows included, torque off."""
    baud = next(code for code, baud in reg.BAUDS.items() if baud == profile.baud)
    servos: list[Servo] = []
    for motor in profile.motors.values():
        common = _lab_settings(motor) | {reg.BAUD_RATE: baud}
        model = reg.MODELS[motor.model]
        servos.append(Servo(model, common))
        if motor.shadow is not None:
            mirrored = {
                reg.ID: motor.shadow,
                reg.SECONDARY_ID: motor.id,
                reg.DRIVE_MODE: int(not motor.reversed),
            }
            servos.append(Servo(model, common | mirrored))
    return sorted(servos, key=lambda servo: servo.id)


def _lab_settings(motor: MotorProfile) -> dict[Register, int]:
    settings = {
        reg.FIRMWARE_VERSION: _LAB_FIRMWARE,
        reg.ID: motor.id,
        reg.RETURN_DELAY_TIME: 0,
        reg.DRIVE_MODE: int(motor.reversed),
        reg.VELOCITY_LIMIT: _LAB_VELOCITY_LIMIT,
        reg.MIN_POSITION_LIMIT: motor.ticks[0],
        reg.MAX_POSITION_LIMIT: motor.ticks[1],
    }
    if motor.current_limit is not None and reg.MODELS[motor.model].has_current:
        settings[reg.CURRENT_LIMIT] = motor.current_limit
    return settings
