"""From a fault to its detection, in the running stack: measured beside what is promised."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.bus.emulators import Emulators
from benchmarks.stopping.broker import Broker, free_port, mosquitto
from benchmarks.stopping.detectors import findings
from benchmarks.stopping.faults import (
    CYCLE_MS,
    Detections,
    Fault,
    Found,
    braked_ns,
    revoked_ns,
    waited_ns,
    warned_ns,
)
from benchmarks.stopping.robot import ARMS, ROBOT, Robot, RobotError
from learning.demos import record
from motion.leave import MOST_AGE_NS
from safety.config import SafetyConfig
from station.config import load, robot_file
from station.hardware import decided
from station.processes import process_table

_STOP_MS = 15.0  # a control tick and a half: a person's stop is passed on at once
_BROKER_MS = 8000.0  # a keepalive and a half
_DAMAGE_MS = 2100.0  # all of a second that began after it, and a look at that
# Four answers in a hundred. Half of that may by chance be less than the one that is warned of, for
# one second in twenty.
_DAMAGE = "corrupt 0.002"
_WARNED = 9  # the row that does not stop the robot
_ARM = "follower_left"
_IMPATIENT = "twin.safety={}"  # the thresholds are those of a real robot


def measured(count: int, settings: Sequence[str], console: Console) -> Detections:
    """Bring about each fault so many times, those that end a launch once."""
    result = Detections()
    result.found += findings(count)
    with tempfile.TemporaryDirectory(prefix="eh-") as folder:
        demos = Path(folder)
        record(demos, 0, 1, 1)
        (episode,) = demos.iterdir()
        _measure(result, count, settings, episode, console)
    return result


def _measure(
    result: Detections, count: int, settings: Sequence[str], episode: Path, console: Console
) -> None:
    parts = (_of_processes, partial(_of_servos, episode=episode))
    with Progress(console=console) as progress:
        for part in parts:
            try:
                part(result, count, settings, progress)
            except RobotError as error:
                result.left_out.append(f"the rest, as a launch ended early: {error}")


def _of_processes(
    result: Detections, count: int, settings: Sequence[str], progress: Progress
) -> None:
    with ExitStack() as opened:
        program = mosquitto()
        broker = opened.enter_context(Broker(program)) if program else None
        if broker is None:
            result.left_out.append("row 28: mosquitto is not installed")
        faults = _process_faults(broker)
        task = progress.add_task("faults of processes", total=count * len(faults))
        to_broker = broker.settings if broker else ()
        port = f"dashboard.port={free_port()}"
        robot = opened.enter_context(Robot(port, *to_broker, _IMPATIENT, *settings))
        for _ in range(count):
            for fault in faults:
                result.measure(fault, robot)
                progress.advance(task)


def _process_faults(broker: Broker | None) -> list[Fault]:
    config = SafetyConfig()
    nowhere = Path()
    stalls = {
        spec.name: spec.stall_s * 1e3
        for spec in process_table(decided(load(robot_file(ROBOT), [])), nowhere, nowhere)
    }
    controller_ms = config.controller_silent_s * 1e3
    permit_ms = MOST_AGE_NS * 1e-6
    faults = [
        Fault(1, "a person's stop", _STOP_MS, _pressed),
        _hang(3, "policy_worker", stalls["policy_worker"]),
        Fault(3, "policy_worker dies", stalls["policy_worker"], _killed("policy_worker")),
        _hang(4, "controller", controller_ms),
        _hang(4, "controller", controller_ms, braked_ns, "the drivers brake: "),
        _hang(5, f"arm.{ARMS[0]}", config.arm_silent_s * 1e3),
        _hang(6, "safety", permit_ms, braked_ns),
        _hang(7, "dashboard", config.dashboard_silent_s * 1e3, warned_ns),
        _hang(22, "camera.cam_high", config.camera_age_s * 1e3, waited_ns),
        _hang(25, "journal", stalls["journal"], warned_ns),
    ]
    if broker:
        faults.append(
            Fault(
                *(28, "the broker dies", _BROKER_MS),
                *(lambda _: broker.kill(), warned_ns, lambda _: broker.start()),
            )
        )
    return faults


def _pressed(robot: Robot) -> int:
    return robot.send("stop").t_ns


def _killed(process: str) -> Callable[[Robot], int]:
    return lambda robot: robot.signal(process, signal.SIGKILL)


def _hang(
    row: int, process: str, promised_ms: float, found_ns: Found = revoked_ns, what: str = ""
) -> Fault:
    return Fault(
        row,
        f"{what}{process} hangs",
        promised_ms,
        lambda robot: robot.signal(process, signal.SIGSTOP),
        found_ns,
        lambda robot: robot.signal(process, signal.SIGCONT),
        process,
    )


def _of_servos(
    result: Detections, count: int, settings: Sequence[str], progress: Progress, episode: Path
) -> None:
    """Measure what servos do wrong, in emulated ones outside of the launch, without a twin.

    There is nothing to be seen, so that the arms do once more what was demonstrated in `episode`.
    """
    passing = ("silent 4", "broken 4", _DAMAGE, "unplug")
    lasting = ("overload 4", "brown_out 4", "torque_off 4", "power 0")
    task = progress.add_task("faults of servos", total=count * len(passing) + len(lasting))
    for requests, times in ((passing, count), *(((request,), 1) for request in lasting)):
        with (
            tempfile.TemporaryDirectory(prefix="eh-") as folder,
            Emulators(Path(folder)) as servos,
            Robot(*settings, *_arms_on(servos, episode)) as robot,
        ):
            for request in times * requests:
                result.measure(_servo_fault(servos, request), robot)
                progress.advance(task)


def _servo_fault(servos: Emulators, request: str) -> Fault:
    config = SafetyConfig()
    sample_ms, voltage_ms = config.sample_age_s * 1e3, config.voltage_s * 1e3
    row, text, promised_ms, remedy = {
        "silent 4": (8, "a motor says nothing", sample_ms, "clear"),
        "broken 4": (8, "a motor is cut off, with those behind it", sample_ms, "clear"),
        _DAMAGE: (9, "one byte in five hundred comes damaged", _DAMAGE_MS, "clear"),
        "overload 4": (10, "a motor gives up", CYCLE_MS, "clear"),
        "brown_out 4": (12, "a motor restarts", voltage_ms, "clear"),
        "torque_off 4": (12, "a motor lets go by itself", voltage_ms, "clear"),
        "power 0": (27, "the 12 V supply is switched off", sample_ms, "clear"),
        "unplug": (27, "the USB adapter is pulled out", sample_ms, "plug"),
    }[request]

    def bring(_: Robot) -> int:
        now_ns = time.monotonic_ns()
        servos.ask(f"{_ARM} {request}")
        return now_ns

    return Fault(
        *(row, text, promised_ms, bring, warned_ns if row == _WARNED else revoked_ns),
        clear=lambda _: servos.ask(f"{_ARM} {remedy}"),
    )


def _arms_on(servos: Emulators, episode: Path) -> tuple[str, ...]:
    """Return the settings of a launch that drives emulated servos as if they were real ones."""
    return (
        "hardware=real",
        "cameras={}",
        "dashboard.enabled=false",
        "policy=replay",
        f"policies.replay.file={episode}",
        *(f"arms.{arm}.config.port={servos.profiles[f'follower_{arm}'].port}" for arm in ARMS),
    )
