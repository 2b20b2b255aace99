"""`kill -9` of each process in turn: what the goals and the torque of the arms do."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.stopping.broker import Broker, free_port, mosquitto
from benchmarks.stopping.record import (
    largest_step_rad,
    last_change_ns,
    torque_changes,
)
from benchmarks.stopping.robot import ARMS, ROBOT, Robot, RobotError, profile
from drivers.dynamixel import registers as reg
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.port import PortError
from drivers.dynamixel.socket_port import SocketPort
from runtime.process import OnDeath
from station.config import load, robot_file
from station.hardware import decided
from station.processes import process_table, servos_address

_BEFORE_NS = 500_000_000  # from when on goals are looked at
_LOOK_S = 2.0  # after which arms stand, or go on
_STANDS_NS = 300_000_000  # goals that have not changed for so long stand
_GONE_S = 2.0  # for the system to clean up after a process
_AGAIN_S = 0.02  # between two tries to open a dead driver's port


@dataclass(frozen=True, slots=True)
class Kill:
    """What became of the arms after the death of a process."""

    process: str
    standstill_ms: float | None  # from the kill to the last change of any goal; None: they went on
    step_rad: float
    torque_changes: int
    cause: str = ""  # for which safety stopped the robot then; empty if it did not

    def __str__(self) -> str:
        """Return it in a line."""
        stood = "went on" if self.standstill_ms is None else f"stood {self.standstill_ms:.0f} ms"
        return (
            f"{self.process}: {stood}, step {self.step_rad:.4f} rad, torque {self.torque_changes}"
            f"{': ' if self.cause else ''}{self.cause}"
        )


@dataclass
class Kills:
    """All of them, and what could not be measured."""

    made: list[Kill] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Return the worst of all."""
        if not self.made:
            return {}
        return {
            "kills": float(len(self.made)),
            "kill_max_step_rad": max(kill.step_rad for kill in self.made),
            "kill_torque_changes": float(sum(kill.torque_changes for kill in self.made)),
            "kill_standstill_max_ms": max(
                (kill.standstill_ms for kill in self.made if kill.standstill_ms is not None),
                default=float("nan"),
            ),
        }

    def table(self) -> Table:
        """Return one row a process."""
        table = Table(
            "killed", "times", "stood still after, p50 ms", "most ms", "step rad", "torque", "stops"
        )
        for process in dict.fromkeys(kill.process for kill in self.made):
            of_it = [kill for kill in self.made if kill.process == process]
            stood = [kill.standstill_ms for kill in of_it if kill.standstill_ms is not None]
            table.add_row(
                process,
                str(len(of_it)),
                f"{np.median(stood):.0f}" if stood else "went on",
                f"{max(stood):.0f}" if stood else "",
                f"{max(kill.step_rad for kill in of_it):.4f}",
                str(sum(kill.torque_changes for kill in of_it)),
                str(sum(bool(kill.cause) for kill in of_it)),
            )
        return table


def cap_rad() -> float:
    """Return how far the goal of an arm's joint may go at a time, by the robot's config."""
    return max(
        motor.step_cap_rad
        for arm in ARMS
        for name, motor in profile(arm).motors.items()
        if name != "gripper"
    )


def measured(count: int, settings: Sequence[str], console: Console) -> Kills:
    """Kill each process so many times, each time while the arms move."""
    result = Kills()
    with ExitStack() as opened, Progress(console=console) as progress:
        program = mosquitto()
        if program:
            broker = opened.enter_context(Broker(program))
            settings = (*settings, *broker.settings)
        else:
            result.left_out.append("mqtt: mosquitto is not installed")
        launches = list(_launches(count, settings))
        task = progress.add_task("kills", total=sum(map(len, launches)))
        for victims in launches:
            try:
                for kill in _killed(victims, settings):
                    result.made.append(kill)
                    console.print(str(kill), soft_wrap=True, markup=False)
                    progress.advance(task)
            except RobotError as error:
                result.left_out.append(f"one of {', '.join(victims)}: {error}")
    return result


def _launches(count: int, settings: Sequence[str]) -> Iterator[list[str]]:
    """Yield whom to kill in each launch: some who are started again, and one who ends it."""
    config = decided(load(robot_file(ROBOT), list(settings)))
    nowhere = Path()
    table = process_table(config, nowhere, nowhere)
    last = [spec.name for spec in table if spec.on_death is OnDeath.END_RUN]
    others = [spec.name for spec in table if spec.on_death is OnDeath.RESTART]
    for _ in range(count):
        for place, victim in enumerate(last):
            yield [*others[place :: len(last)], victim]


def _killed(victims: Sequence[str], settings: Sequence[str]) -> Iterator[Kill]:
    with Robot(f"dashboard.port={free_port()}", *settings) as robot:
        for process in victims:
            robot.set_in_motion()
            t_ns = robot.signal(process, signal.SIGKILL)
            if process == victims[-1]:
                yield _ended(robot, process, t_ns)
                return
            robot.during(_LOOK_S)
            stands_ns = _stands_ns(robot, t_ns)
            stand = stands_ns < time.monotonic_ns() - _STANDS_NS
            robot.set_in_motion()  # it came back, and so did the motion: smoothly
            # Without a stop arms stand, too: at home, until an episode begins.
            stopped = stand and robot.first_cause(t_ns)
            yield _judged(robot, process, t_ns, stands_ns if stopped else None)


def _stands_ns(robot: Robot, since_ns: int) -> int:
    """Return when the last goal of any arm changed."""
    arms = robot.since(since_ns - _BEFORE_NS).values()
    return max(last_change_ns(states, since_ns) for states in arms)


def _ended(robot: Robot, process: str, t_ns: int) -> Kill:
    """Look at the last cycles of a launch; of a dead driver's torque only the servos tell."""
    kind, _, arm = process.partition(".")
    limp = _limp_motors(robot, arm) if kind == "arm" else 0
    robot.during(_LOOK_S)
    kill = _judged(robot, process, t_ns, _stands_ns(robot, t_ns))
    return replace(kill, torque_changes=kill.torque_changes + limp)


def _judged(robot: Robot, process: str, t_ns: int, stands_ns: int | None) -> Kill:
    arms = robot.since(t_ns - _BEFORE_NS).values()
    return Kill(
        process,
        (stands_ns - t_ns) * 1e-6 if stands_ns is not None else None,
        max(largest_step_rad(states) for states in arms),
        sum(torque_changes(states) for states in arms),
        robot.first_cause(t_ns),
    )


def _limp_motors(robot: Robot, arm: str) -> int:
    """Return how many motors of an arm without a driver hold no torque, as they say themselves."""
    driver, servos = f"arm.{arm}", profile(arm)
    address = servos_address(robot.bus_directory, arm)
    end = time.monotonic() + _GONE_S
    robot.until(lambda: driver not in robot.pids, f"{driver} to be gone", _GONE_S, alive=False)
    while True:
        try:
            with SocketPort.open(address, servos.baud) as port:
                bus = ServoBus(port)
                return sum(bus.read(servo, reg.TORQUE_ENABLE) == 0 for servo in servos.ids)
        except (PortError, NoAnswerError, RefusedError) as error:
            # The system takes the port from a dead process last of all.
            if time.monotonic() > end:
                raise RobotError(f"servos without a driver do not answer: {error}") from error
            robot.during(_AGAIN_S)
