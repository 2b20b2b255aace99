"""The motor of an emulated servo: operating modes, profile, protection, and what it senses."""

from __future__ import annotations

import math
import struct
from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.profile import STALL_A, TICKS
from drivers.dynamixel.registers import Register
from simulation.servos.plant import LIMP, Drive, Motion, Plant
from simulation.servos.settings import (
    CURRENT,
    CURRENT_POSITION,
    POSITION,
    PWM,
    RESET_BY_MODE,
    TICKS_S_PER_UNIT,
    VELOCITY,
    Settings,
)
from simulation.servos.strain import OVERHEATED, Strain
from simulation.servos.table import Table
from simulation.servos.trajectory import Trajectory, timed

WATCHDOG_NS: Final = 20_000_000  # a unit of Bus_Watchdog

_ARRIVED_TICKS: Final = 10.0
_LOST_TICKS: Final = 100.0

_SENSED: Final = struct.Struct("<HBBhhiiiiHB")  # Realtime_Tick to Present_Temperature
_SENSED_START: Final = reg.REALTIME_TICK.address


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
        self._sensed_ns = 0

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
        settings = self.table.settings
        if not settings.torque_enable:
            return LIMP
        mode, sign, most_a = settings.operating_mode, settings.sign, self._most_a(settings)
        if mode == PWM:
            return Drive("pwm", sign * settings.duty, most_a)
        most_a *= abs(settings.duty)
        if mode == CURRENT:
            goal_a = min(max(settings.goal_current * reg.CURRENT_A, -most_a), most_a)
            return Drive("current", sign * goal_a, most_a)
        if mode == VELOCITY:
            return Drive("velocity", sign * self._velocity * reg.RAD_PER_TICK, most_a)
        if mode == CURRENT_POSITION:
            most_a = min(most_a, abs(settings.goal_current) * reg.CURRENT_A)
        ticks = self._trajectory.position - self._zero(settings)
        return Drive("position", sign * ticks * reg.RAD_PER_TICK, most_a)

    def _most_a(self, settings: Settings) -> float:
        if not self.table.model.has_current:
            return self.strain.stall_a
        return min(settings.current_limit * reg.CURRENT_A, self.strain.stall_a)

    def _zero(self, settings: Settings) -> int:
        """Return what the registers show at the shaft's middle, tick 2048."""
        return settings.middle - TICKS * self._turns

    def _position(self) -> float:
        settings = self.table.settings
        shaft = settings.sign * self.motion.position_rad / reg.RAD_PER_TICK
        return self._zero(settings) + shaft

    # -- what it senses ----------------------------------------------------------------------

    def _sense(self, now_ns: int) -> None:
        self._sensed_ns = now_ns
        self.motion = self._plant.motion(self.shaft, now_ns)

    def refresh(self, now_ns: int, volts: float) -> None:
        """Bring Realtime_Tick to Present_Temperature up to date."""
        self._sense(now_ns)
        settings, motion, trajectory = self.table.settings, self.motion, self._trajectory
        sign, held = settings.sign, settings.torque_enable > 0
        position = self._zero(settings) + sign * motion.position_rad / reg.RAD_PER_TICK
        velocity = sign * motion.velocity_rad_s / reg.VELOCITY_RAD_S
        load = sign * motion.current_a / self.strain.stall_a
        measures = self.table.model.has_current  # else what it says is a load
        current = sign * motion.current_a / reg.CURRENT_A if measures else load / reg.LOAD_SHARE
        _SENSED.pack_into(
            self.table.bytes,
            _SENSED_START,
            (now_ns - self._start_ns) // 1_000_000 % reg.TICK_CYCLE_MS,
            abs(velocity) > settings.moving_threshold,
            self._moving_status(position),
            _word(load / reg.PWM_SHARE),
            _word(current),
            round(velocity),
            round(position),
            round(trajectory.velocity / TICKS_S_PER_UNIT) if held else 0,
            round(trajectory.position if held else position),
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
        threshold = self.table.settings.moving_threshold
        return abs(self.motion.velocity_rad_s) > threshold * reg.VELOCITY_RAD_S

    def clear_turns(self) -> None:
        """Show the position within one turn."""
        self._turns = 0
        offset = self.table.settings.middle - reg.MIDDLE_TICK
        self._turns = math.floor((self._position() - offset) / TICKS)

    # -- what time does ----------------------------------------------------------------------

    @property
    def restless(self) -> bool:
        """Whether it changes by itself, so that it wants to be advanced often."""
        settings = self.table.settings
        return settings.torque_enable > 0 and (
            not self._trajectory.done
            or settings.operating_mode == VELOCITY
            or settings.bus_watchdog > 0
            or self.strain.overloaded_s > 0.0
        )

    def advance(self, now_ns: int, heard_ns: int, volts: float) -> None:
        """Let time pass until now; the bus last carried an instruction at `heard_ns`."""
        before_ns, self._now_ns = self._now_ns, now_ns
        dt_s = (now_ns - before_ns) * 1e-9
        if dt_s <= 0.0:
            return
        if self._sensed_ns <= before_ns:  # nobody has read it since
            self._sense(now_ns)
        settings = self.table.settings
        self.strain.advance(self.motion.current_a, dt_s)
        shown = round(volts / reg.VOLTAGE_V)
        supplied = settings.min_voltage_limit <= shown <= settings.max_voltage_limit
        self.fail(self.strain.errors(settings.temperature_limit, supplied))
        if self.restless:
            self._go_on(dt_s, now_ns - heard_ns)

    def _go_on(self, dt_s: float, unheard_ns: int) -> None:
        settings = self.table.settings
        if 0 < settings.bus_watchdog * WATCHDOG_NS < unheard_ns:
            self._bite()
        self._trajectory.advance(dt_s)
        if self.table.settings.operating_mode == VELOCITY:
            self._ramp(dt_s)
        self.drive()

    def _ramp(self, dt_s: float) -> None:
        settings = self.table.settings
        goal = settings.goal_velocity * TICKS_S_PER_UNIT
        change = settings.profile[1] * dt_s
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
                if table.settings.torque_on_by_goal:
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
        for register in RESET_BY_MODE:
            self.table[register] = self.table.model.defaults.get(register, 0)
        self.table[reg.GOAL_PWM] = self.table[reg.PWM_LIMIT]
        self.table[reg.GOAL_CURRENT] = self.table[reg.CURRENT_LIMIT]
        self.clear_turns()

    def _aim(self) -> None:
        settings = self.table.settings
        if not settings.follows_goal_position:
            return
        goal = float(self.table[reg.GOAL_POSITION])
        if settings.operating_mode == POSITION:
            goal = min(max(goal, settings.min_position_limit), settings.max_position_limit)
        if settings.timed:
            distance = abs(goal - self._trajectory.position)
            times_s = settings.profile_velocity * 1e-3, settings.profile_acceleration * 1e-3
            self._trajectory.retarget(goal, *timed(distance, *times_s))
        else:
            self._trajectory.retarget(goal, *settings.profile)

    def steer(self, goal: int) -> bool:
        """Go straight to a goal, if that is all that it asks for; return whether it is."""
        settings, driven = self.table.settings, self._driven
        if goal not in settings.steerable or driven.kind != "position":
            return False
        self.table[reg.GOAL_POSITION] = goal
        self._trajectory.stop(goal)
        angle = settings.sign * (goal - self._zero(settings)) * reg.RAD_PER_TICK
        if angle != driven.goal:
            self._driven = Drive("position", angle, driven.current_a)
            self._plant.drive(self.shaft, self._driven)
        return True

    def hold(self) -> None:
        """Make where it is its goal."""
        self.table[reg.GOAL_POSITION] = round(self._position())
        self._trajectory.stop(float(self.table[reg.GOAL_POSITION]))


def _word(value: float) -> int:
    return round(value) if -32768.0 < value < 32767.0 else int(math.copysign(32767.0, value))
