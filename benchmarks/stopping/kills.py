"""`kill -9` of each process in turn: what the goals and the torque of the arms do."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.stopping.broker import Broker, free_port, mosquitto
from benchmarks.stopping.record import largest_step_rad, last_change_ns, torque_changes
from benchmarks.stopping.robot import ARMS, ROBOT, Robot, RobotError, profile
from drivers.dynamixel import registers as reg
from drivers.dynamixel.bus import NoAnswerError, RefusedError, ServoBus
from drivers.dynamixel.port import PortError, SerialPort
from station.config import load, robot_file

ENDS_THE_RUN = ("controller", "twin", *(f"arm.{arm}" for arm in ARMS))
_BEFORE_NS = 500_000_000  # from when on goals are looked at
_LOOK_S = 2.0  # after which arms stand, or go on
_MOVES_NS = 100_000_000  # arms whose goal changed within this time are not standing


@dataclass(frozen=True, slots=True)
class Kill:
    """What became of the arms after the death of a process."""

    process: str
    standstill_ms: float | None  # from the kill to the last change of any goal; None: they went on
    step_rad: float
    torque_changes: int


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
            "killed", "times", "stood still after, p50 ms", "most ms", "step rad", "torque"
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
    restarted = _restarted()
    with ExitStack() as opened, Progress(console=console) as progress:
        program = mosquitto()
        broker = opened.enter_context(Broker(program)) if program else None
        if broker is None:
            result.left_out.append("mqtt: mosquitto is not installed")
            restarted.remove("mqtt")
        task = progress.add_task("kills", total=count * (len(restarted) + len(ENDS_THE_RUN)))
        for victims in _launches(count, restarted):
            try:
                for kill in _killed(victims, (*settings, *(broker.settings if broker else ()))):
                    result.made.append(kill)
                    progress.advance(task)
            except RobotError as error:
                result.left_out.append(f"{', '.join(victims)}: {str(error).splitlines()[0]}")
    return result


def _restarted() -> list[str]:
    """Return the processes that are started again after their death, by the robot's config."""
    config = load(robot_file(ROBOT), [])
    cameras = [f"camera.{name}" for name in config.cameras]
    return ["safety", "policy_worker", *cameras, "dashboard", "mqtt", "journal"]


def _launches(count: int, restarted: Sequence[str]) -> Iterator[list[str]]:
    """Yield whom to kill in each launch: some who come back, and one whose death ends it."""
    for _ in range(count):
        for place, last in enumerate(ENDS_THE_RUN):
            yield [*restarted[place :: len(ENDS_THE_RUN)], last]


def _killed(victims: Sequence[str], settings: Sequence[str]) -> Iterator[Kill]:
    with Robot(f"dashboard.port={free_port()}", *settings) as robot:
        for process in victims:
            robot.set_in_motion()
            t_ns = robot.signal(process, signal.SIGKILL)
            if process in ENDS_THE_RUN:
                yield _ended(robot, process, t_ns)
                return
            robot.during(_LOOK_S)
            stands_ns = max(last_change_ns(s, t_ns) for s in robot.since(t_ns).values())
            newest_ns = max(states[-1].t_written_ns for states in robot.states.values())
            robot.set_in_motion()  # it came back, and so did the motion: smoothly
            yield _judged(
                robot, process, t_ns, stands_ns if stands_ns < newest_ns - _MOVES_NS else 0
            )


def _ended(robot: Robot, process: str, t_ns: int) -> Kill:
    """Look at the last cycles of a launch; of a dead driver's torque only the servos tell."""
    kind, _, arm = process.partition(".")
    limp = _limp_motors(robot, arm) if kind == "arm" else 0
    robot.during(_LOOK_S)
    stands_ns = max(last_change_ns(s, t_ns) for s in robot.since(t_ns).values())
    kill = _judged(robot, process, t_ns, stands_ns)
    return Kill(kill.process, kill.standstill_ms, kill.step_rad, kill.torque_changes + limp)


def _judged(robot: Robot, process: str, t_ns: int, stands_ns: int) -> Kill:
    arms = robot.since(t_ns - _BEFORE_NS).values()
    return Kill(
        process,
        (stands_ns - t_ns) * 1e-6 if stands_ns else None,
        max(largest_step_rad(states) for states in arms),
        sum(torque_changes(states) for states in arms),
    )


def _limp_motors(robot: Robot, arm: str) -> int:
    """Return how many motors of an arm without a driver hold no torque, as they say themselves."""
    servos = profile(arm)
    path = robot.bus_directory / servos.port.rpartition("/")[2]
    try:
        with SerialPort.open(path, servos.baud) as port:
            bus = ServoBus(port)
            return sum(bus.read(servo, reg.TORQUE_ENABLE) == 0 for servo in servos.ids)
    except (PortError, NoAnswerError, RefusedError) as error:
        raise RobotError(
            f"the servos of the arm without a driver do not answer: {error}"
        ) from error
