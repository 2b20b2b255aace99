"""The motor of an emulated servo: operating modes, profile, protection, and what it senses."""

from __future__ import annotations

import math
import struct
from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.profile import TICKS
from drivers.dynamixel.registers import Register
from simulation.servos.plant import LIMP, Drive, Motion, Plant
from simulation.servos.strain import OVERHEATED, STALL_A, Strain
from simulation.servos.table import POSITION, Table
from simulation.servos.trajectory import Trajectory, timed

TICKS_S_PER_UNIT: Final = reg.VELOCITY_RAD_S / reg.RAD_PER_TICK
TICKS_S2_PER_UNIT: Final = reg.ACCELERATION_RAD_S2 / reg.RAD_PER_TICK
WATCHDOG_NS: Final = 20_000_000  # a unit of Bus_Watchdog

CURRENT, VELOCITY, EXTENDED, CURRENT_POSITION, PWM = 0, 1, 4, 5, 16
POSITIONING: Final = (POSITION, EXTENDED, CURRENT_POSITION)
_REVERSE, _TIMED, _TORQUE_ON_BY_GOAL = 0x01, 0x04, 0x08  # bits of Drive_Mode
_MOST_OFFSET: Final = 1024  # that position mode heeds
_ARRIVED_TICKS: Final = 10.0
_LOST_TICKS: Final = 100.0
_RESET_BY_MODE: Final = (
    reg.VELOCITY_I_GAIN,
    reg.VELOCITY_P_GAIN,
    reg.POSITION_D_GAIN,
    reg.POSITION_I_GAIN,
    reg.POSITION_P_GAIN,
    reg.FEEDFORWARD_2ND_GAIN,
    reg.FEEDFORWARD_1ST_GAIN,
    reg.PROFILE_ACCELERATION,
    reg.PROFILE_VELOCITY,
    reg.GOAL_VELOCITY,
)

_SENSED: Final = struct.Struct("<HBBhhiiiiHB")  # Realtime_Tick to Present_Temperature
_SENSED_START: Final = reg.REALTIME_TICK.address
_SENSED_END: Final = _SENSED_START + _SENSED.size


class Motor:
    """Turns a shaft as its control table says. Positions are ticks, as the registers show them."""

    def __init__(self, table: Table) -> None:
        """The motor with this control table, on no shaft yet."""
        self.table = table
        self.shaft = table[reg.ID]  # the plant knows it by this, whatever its id becomes
        self.strain = Strain(STALL_A[table.model.name])
        self.motion = Motion(0.0, 0.0, 0.0)
        self._plant: Plant
        self._driven = LIMP
        self._trajectory = Trajectory()
        self._turns = 0
        self._velocity = 0.0  # the ramp of velocity mode, in ticks/s
        self._now_ns = 0
        self._start_ns = 0

    def mount(self, plant: Plant) -> None:
        """Put it on its shaft."""
        self._plant = plant

    def restart(self, now_ns: int) -> None:
        """Begin anew: limp, within one turn, its goal where it is."""
        self._now_ns = self._start_ns = now_ns
        self.strain.overloaded_s = 0.0
        self._sense(now_ns)
        self.clear_turns()
        self.hold()
        self.drive()

    def drive(self) -> None:
        """Tell the plant what to do, if that changed."""
        drive = self._wanted()
        if drive != self._driven:
            self._driven = drive
            self._plant.drive(self.shaft, drive)

    def _wanted(self) -> Drive:
        table = self.table
        if not table[reg.TORQUE_ENABLE]:
            return LIMP
        mode, sign = table[reg.OPERATING_MODE], self._sign
        duty = table[reg.GOAL_PWM] * reg.PWM_SHARE
        if mode == PWM:
            return Drive("pwm", sign * duty, self._most_a())
        if mode == CURRENT:
            goal_a = table[reg.GOAL_CURRENT] * reg.CURRENT_A
            most_a = self._most_a()
            return Drive("current", sign * min(max(goal_a, -most_a), most_a), most_a)
        most_a = self._most_a() * abs(duty)
        if mode == VELOCITY:
            return Drive("velocity", sign * self._velocity * reg.RAD_PER_TICK, most_a)
        if mode == CURRENT_POSITION:
            most_a = min(most_a, abs(table[reg.GOAL_CURRENT]) * reg.CURRENT_A)
        return Drive("position", self._angle(self._trajectory.position), most_a)

    def _most_a(self) -> float:
        limit = self.table[reg.CURRENT_LIMIT] * reg.CURRENT_A
        return (
            min(limit, self.strain.stall_a) if self.table.model.has_current else self.strain.stall_a
        )

    # -- between shaft and registers ---------------------------------------------------------

    @property
    def _sign(self) -> int:
        return -1 if self.table.bytes[reg.DRIVE_MODE.address] & _REVERSE else 1

    def _zero(self) -> int:
        """Return what the registers show at the shaft's middle, tick 2048."""
        offset = self.table[reg.HOMING_OFFSET]
        if abs(offset) > _MOST_OFFSET and self.table[reg.OPERATING_MODE] == POSITION:
            offset = 0
        return reg.MIDDLE_TICK + offset - TICKS * self._turns

    def _position(self) -> float:
        return self._zero() + self._sign * self.motion.position_rad / reg.RAD_PER_TICK

    def _angle(self, ticks: float) -> float:
        return self._sign * (ticks - self._zero()) * reg.RAD_PER_TICK

    # -- what it senses ----------------------------------------------------------------------

    def _sense(self, now_ns: int) -> None:
        self.motion = self._plant.motion(self.shaft, now_ns)

    def refresh(self, now_ns: int, volts: float) -> None:
        """Bring Realtime_Tick to Present_Temperature up to date."""
        self._sense(now_ns)
        sign, motion, trajectory = self._sign, self.motion, self._trajectory
        position = self._position()
        velocity = sign * motion.velocity_rad_s / reg.VELOCITY_RAD_S
        load = sign * motion.current_a / self.strain.stall_a
        if self.table.model.has_current:
            current = sign * motion.current_a / reg.CURRENT_A
        else:
            current = load / reg.LOAD_SHARE
        torqued = self.table.bytes[reg.TORQUE_ENABLE.address]
        _SENSED.pack_into(
            self.table.bytes,
            _SENSED_START,
            (now_ns - self._start_ns) // 1_000_000 % reg.TICK_CYCLE_MS,
            abs(velocity) > self.table[reg.MOVING_THRESHOLD],
            self._moving_status(position),
            _word(load / reg.PWM_SHARE),
            _word(current),
            round(velocity),
            round(position),
            round(trajectory.velocity / TICKS_S_PER_UNIT) if torqued else 0,
            round(trajectory.position if torqued else position),
            round(volts / reg.VOLTAGE_V),
            min(255, round(self.strain.temperature_c)),
        )

    def _moving_status(self, position: float) -> int:
        trajectory = self._trajectory
        status = 0x01 if abs(trajectory.goal - position) < _ARRIVED_TICKS else 0
        if not trajectory.done:
            rectangular = math.isinf(trajectory.most_acceleration)
            status |= 0x02 | (0x10 if rectangular else 0x30)
        return status | (0x08 if abs(trajectory.position - position) > _LOST_TICKS else 0)

    def is_moving(self) -> bool:
        """Return whether it turned faster than Moving_Threshold when it last looked."""
        speed = abs(self.motion.velocity_rad_s) / reg.VELOCITY_RAD_S
        return speed > self.table[reg.MOVING_THRESHOLD]

    def clear_turns(self) -> None:
        """Show the position within one turn."""
        self._turns = 0
        offset = self._zero() - reg.MIDDLE_TICK
        self._turns = math.floor((self._position() - offset) / TICKS)

    # -- what time does ----------------------------------------------------------------------

    def advance(self, now_ns: int, heard_ns: int, volts: float) -> None:
        """Let time pass until now; the bus last carried an instruction at `heard_ns`."""
        dt_s = (now_ns - self._now_ns) * 1e-9
        self._now_ns = now_ns
        if dt_s <= 0.0:
            return
        self._sense(now_ns)
        table = self.table
        self.strain.advance(self.motion.current_a, dt_s)
        shown = round(volts / reg.VOLTAGE_V)
        allowed = range(table[reg.MIN_VOLTAGE_LIMIT], table[reg.MAX_VOLTAGE_LIMIT] + 1)
        self.fail(self.strain.errors(table[reg.TEMPERATURE_LIMIT], shown in allowed))
        if not table[reg.TORQUE_ENABLE]:
            return
        watchdog = table[reg.BUS_WATCHDOG]
        if watchdog > 0 and now_ns - heard_ns > watchdog * WATCHDOG_NS:
            self._bite()
        if not self._trajectory.done:
            self._trajectory.advance(dt_s)
            self.drive()
        if table[reg.OPERATING_MODE] == VELOCITY:
            self._ramp(dt_s)
            self.drive()

    def _ramp(self, dt_s: float) -> None:
        goal = self.table[reg.GOAL_VELOCITY] * TICKS_S_PER_UNIT
        change = (self.table[reg.PROFILE_ACCELERATION] * TICKS_S2_PER_UNIT or math.inf) * dt_s
        self._velocity += min(max(goal - self._velocity, -change), change)

    def _bite(self) -> None:
        """Stop, and take no goals until Bus_Watchdog is cleared."""
        table = self.table
        table[reg.BUS_WATCHDOG] = -1
        for register in (reg.PROFILE_ACCELERATION, reg.PROFILE_VELOCITY, reg.GOAL_VELOCITY):
            table[register] = 0
        if table[reg.OPERATING_MODE] in (PWM, CURRENT):
            table[reg.GOAL_PWM] = table[reg.GOAL_CURRENT] = 0
        self.hold()
        self.drive()

    def fail(self, errors: int) -> None:
        """Latch errors; those in Shutdown switch the torque off."""
        if not errors:
            return
        latched = self.table[reg.HARDWARE_ERROR_STATUS] | errors
        self.table[reg.HARDWARE_ERROR_STATUS] = latched
        if latched & self.table[reg.SHUTDOWN] and self.table[reg.TORQUE_ENABLE]:
            self.table[reg.TORQUE_ENABLE] = 0
            self.drive()

    def overheat(self) -> None:
        """Be hotter than it may be."""
        self.strain.temperature_c = self.table[reg.TEMPERATURE_LIMIT] + 1.0
        self.fail(OVERHEATED)

    # -- what writing a register does --------------------------------------------------------

    def set(self, register: Register, value: int) -> None:
        """Set a register as an instruction does, with all that this changes."""
        table = self.table
        if register is reg.TORQUE_ENABLE:
            self.torque(value)
        elif register is reg.OPERATING_MODE:
            if value != table[register]:
                table[register] = value
                self._change_mode()
        else:
            table[register] = value
            if register is reg.GOAL_POSITION:
                if table[reg.DRIVE_MODE] & _TORQUE_ON_BY_GOAL:
                    self.torque(1)
                self._aim()

    def torque(self, on: int) -> None:
        """Switch the torque on, unless an error forbids it, or off."""
        table = self.table
        if on and table[reg.HARDWARE_ERROR_STATUS] & table[reg.SHUTDOWN]:
            return  # only a reboot permits it again
        if on and not table[reg.TORQUE_ENABLE]:
            self._sense(self._now_ns)
            if table[reg.OPERATING_MODE] == POSITION:
                self.clear_turns()
            self._velocity = 0.0
            self._trajectory.stop(self._position())
        table[reg.TORQUE_ENABLE] = on
        self._aim()  # at the old goal, as the dangerous firmware does

    def _change_mode(self) -> None:
        for register in _RESET_BY_MODE:
            self.table[register] = self.table.model.defaults.get(register, 0)
        self.table[reg.GOAL_PWM] = self.table[reg.PWM_LIMIT]
        self.table[reg.GOAL_CURRENT] = self.table[reg.CURRENT_LIMIT]
        self.clear_turns()

    def _aim(self) -> None:
        table = self.table
        if not table[reg.TORQUE_ENABLE] or table[reg.OPERATING_MODE] not in POSITIONING:
            return
        goal = float(table[reg.GOAL_POSITION])
        if table[reg.OPERATING_MODE] == POSITION:
            goal = min(max(goal, table[reg.MIN_POSITION_LIMIT]), table[reg.MAX_POSITION_LIMIT])
        velocity, acceleration = table[reg.PROFILE_VELOCITY], table[reg.PROFILE_ACCELERATION]
        if table[reg.DRIVE_MODE] & _TIMED:
            distance = abs(goal - self._trajectory.position)
            self._trajectory.retarget(goal, *timed(distance, velocity * 1e-3, acceleration * 1e-3))
        else:
            self._trajectory.retarget(
                goal,
                velocity * TICKS_S_PER_UNIT or math.inf,
                acceleration * TICKS_S2_PER_UNIT or math.inf,
            )

    def hold(self) -> None:
        """Make where it is its goal."""
        self.table[reg.GOAL_POSITION] = round(self._position())
        self._trajectory.stop(float(self.table[reg.GOAL_POSITION]))


def _word(value: float) -> int:
    return min(max(round(value), -32768), 32767)
