"""An arm of emulated servos behind a port, and all that was written into it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import Instruction, Packet, PacketReader
from drivers.dynamixel.profile import Profile
from drivers.dynamixel.socket_port import SCHEME
from drivers.gripper import commanded_rad
from simulation.servos.adapter import Adapter
from simulation.servos.faults import Faults
from simulation.servos.first_order import FirstOrder
from simulation.servos.line import Line
from simulation.servos.ports import Ports
from simulation.servos.servo import Servo, servos_of
from station.config import load, robot_file

Array = NDArray[np.float64]

PORT = "arm"
PRIORITY = 50  # below that of drivers
SWITCH_S = 0.0005  # an answer must be there within 3 ms
SENSED = range(reg.REALTIME_TICK.address, reg.BACKUP_READY.address)
_REGISTERS = {register.address: register for register in reg.CONTROL_TABLE}
_STANDS_TICKS = 2


def address(directory: Path, scheme: str = SCHEME) -> str:
    """Return where the arm that is emulated in `directory` is plugged in."""
    return f"{scheme}{directory / PORT}"


def follower(port: str = "/dev/ttyDXL_follower_left") -> Profile:
    """Return the left follower of ALOHA, at another port."""
    options = load(robot_file("aloha"), []).arms["left"].config
    return Profile.model_validate_json(json.dumps({**options, "port": port}))


def leader(port: str) -> Profile:
    """Return the left leader of ALOHA, at another port."""
    options = load(robot_file("aloha"), []).leaders["left"].config
    return Profile.model_validate_json(json.dumps({**options, "port": port}))


@dataclass(frozen=True, slots=True)
class Write:
    """One register of one servo as the host set it, and how the servo was before."""

    t_ns: int
    servo: int
    register: reg.Register
    value: int
    was: int
    torqued: bool
    stands: int  # ticks


class RecordingLine(Line):
    """A line that remembers every write of the host, and where the shafts were."""

    def __init__(self, profile: Profile, plant: FirstOrder, servos: list[Servo]) -> None:
        super().__init__(servos, plant, Adapter(profile.baud))
        self.profile = profile
        self.writes: list[Write] = []
        self.history: list[tuple[int, list[float]]] = []  # time, joints in rad
        self._shafts = plant.shafts
        self._host = PacketReader()

    def receive(self, data: bytes, now_ns: int) -> None:
        for packet in self._host.feed(data):
            for servo, address, values in _written(packet):
                self._note(servo, address, values, now_ns)
        super().receive(data, now_ns)

    def due(self, now_ns: int) -> bytes:
        data = super().due(now_ns)
        self.history.append((now_ns, [shaft.position_rad for shaft in self._shafts]))
        return data

    def _note(self, number: int, address: int, values: bytes, now_ns: int) -> None:
        servo, at = self.servos.get(number), 0
        while servo is not None and at < len(values) and address + at in _REGISTERS:
            register = _REGISTERS[address + at]
            self.writes.append(
                Write(
                    now_ns,
                    number,
                    register,
                    register.unpacked(values[at : at + register.size]),
                    servo.table[register],
                    bool(servo.table[reg.TORQUE_ENABLE]),
                    self._stands(number),
                )
            )
            at += register.size

    def _stands(self, number: int) -> int:
        """Return what Present_Position of a servo would say."""
        for motor, shaft in zip(self.profile.motors.values(), self._shafts, strict=True):
            if number in motor.ids:
                return round(shaft.position_rad / reg.RAD_PER_TICK) + reg.MIDDLE_TICK
        raise KeyError(number)

    def of(self, register: reg.Register, since_ns: int = 0) -> list[Write]:
        """Return the writes to one register since then, the oldest first."""
        return [w for w in list(self.writes) if w.register is register and w.t_ns >= since_ns]


class EmulatedArm:
    """A follower's servos on a port of their own, at rest at `start` (joints as commanded)."""

    def __init__(
        self,
        directory: Path,
        start: Mapping[str, float] | None = None,
        profile: Callable[[str], Profile] = follower,
        scheme: str = SCHEME,
    ) -> None:
        self.profile = profile(address(directory, scheme))
        angles = dict(start or {})
        angles["gripper"] = commanded_rad(self.profile.gripper, angles.get("gripper", 0.5))
        self.plant = FirstOrder.of(self.profile, angles)
        self.servos = {servo.id: servo for servo in servos_of(self.profile)}
        self.line = RecordingLine(self.profile, self.plant, list(self.servos.values()))
        self.line.due(time.monotonic_ns())  # the servos start when they get power
        self.ports = Ports({PORT: self.line}, {PORT: self.profile.port})

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.line.faults

    def table(self, servo: int, register: reg.Register) -> int:
        """Return a register as it stands."""
        return self.servos[servo].table[register]

    def tables(self) -> dict[int, bytes]:
        """Return all that was ever set in each servo: its table without what it senses."""
        return {
            number: bytes(b for at, b in enumerate(servo.table.bytes) if at not in SENSED)
            for number, servo in self.servos.items()
        }

    def torque(self) -> dict[int, int]:
        """Return Torque_Enable of each servo."""
        return {number: self.table(number, reg.TORQUE_ENABLE) for number in self.servos}

    def goals(self) -> dict[int, int]:
        """Return Goal_Position of each joint's first motor."""
        return {
            motor.id: self.table(motor.id, reg.GOAL_POSITION)
            for motor in self.profile.motors.values()
        }

    def now(self) -> Array:
        """Return where the joints are, in rad."""
        return np.array([shaft.position_rad for shaft in self.plant.shafts])

    def angles(self, t_ns: int | Array) -> Array:
        """Return where the joints (in rad) were at one or several times (T,): (J,) or (T, J)."""
        history = list(self.line.history)
        stamps = np.array([stamp for stamp, _ in history], np.float64)
        columns = np.array([row for _, row in history]).T
        return np.stack([np.interp(t_ns, stamps, column) for column in columns], axis=-1)

    def standing_since(self, since_ns: int) -> int:
        """Return when a goal last changed after `since_ns`, that itself if none did."""
        moved = [w.t_ns for w in self.line.of(reg.GOAL_POSITION, since_ns) if w.value != w.was]
        return max(moved, default=since_ns)

    def assert_sound_goals(self) -> None:
        """Check every goal ever written: inside its limits, no zeros, no jump, no torque astray."""
        goals = self.line.of(reg.GOAL_POSITION)
        assert goals
        motors = {motor.id: motor for motor in self.profile.motors.values()}
        for write in goals:
            motor = motors[write.servo]
            assert write.value != 0, write
            assert motor.ticks[0] <= write.value <= motor.ticks[1], write
            cap = int(motor.step_cap_rad / reg.RAD_PER_TICK)
            assert not write.torqued or abs(write.value - write.was) <= cap, write
        told: dict[int, int] = {}
        for write in list(self.line.writes):
            if write.register is reg.GOAL_POSITION:
                told[write.servo] = write.value
            if write.register is reg.TORQUE_ENABLE:
                assert write.value == 1, write
                if write.servo in motors:
                    assert abs(told[write.servo] - write.stands) <= _STANDS_TICKS, write


@contextmanager
def emulated_arm(
    directory: Path,
    start: Mapping[str, float] | None = None,
    profile: Callable[[str], Profile] = follower,
    scheme: str = SCHEME,
) -> Iterator[EmulatedArm]:
    """Run an arm in a thread until the test ends, behind a socket or, without `scheme`, a terminal.

    The kernel passes on a terminal's bytes late on a busy machine.
    """
    arm = EmulatedArm(directory, start, profile, scheme)
    stop = threading.Event()

    def live() -> None:
        with prompt():
            arm.ports.run(stop)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with prompt():
            yield arm
    finally:
        stop.set()
        thread.join(timeout=5)
        arm.ports.close()
    assert not thread.is_alive()


@contextmanager
def prompt() -> Iterator[None]:
    """Let this thread run as soon as it can, where the system permits that.

    The emulator shares the interpreter with the test, so both must be prompt.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.sched_setscheduler(0, policy, parameter)
        sys.setswitchinterval(before)


def until(happened: Callable[[], Any], what: str, timeout_s: float = 5.0) -> None:
    """Wait until something has happened; fail with `what` if it does not."""
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(0.002)


def _written(packet: Packet) -> Iterator[tuple[int, int, bytes]]:
    """Yield (id, address, data) of what a packet writes."""
    params = packet.params
    address = int.from_bytes(params[:2], "little")
    if packet.instruction == Instruction.WRITE:
        yield packet.id, address, params[2:]
    elif packet.instruction == Instruction.SYNC_WRITE:
        length = int.from_bytes(params[2:4], "little")
        for at in range(4, len(params), 1 + length):
            yield params[at], address, params[at + 1 : at + 1 + length]
