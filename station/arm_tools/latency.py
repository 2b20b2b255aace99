"""`latency`: measures how late each joint follows its commands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Group

from drivers.arm import ArmReading
from drivers.arms.aloha import AlohaArm
from motion.limits import GRIPPER
from station.arm_tools.delay import Trace, chirp, delay_s
from station.arm_tools.delay_plot import save_plot
from station.arm_tools.keeping import keep
from station.arm_tools.moving import RATE_HZ, Mover, interruptible
from station.arm_tools.request import NamedArm, Request, ToolError
from station.arm_tools.tables import plain_table, titled

Array = NDArray[np.float64]

AMPLITUDE_RAD: Final = 0.05
_LEAST_RAD: Final = 0.01  # less drowns in the encoder's steps of 1.5 mrad
_LEAST_FIT: Final = 0.9  # correlation of a joint that follows at all
_COMMAND: Final = "python -m drivers latency"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `latency`."""
    command.add_argument(
        "--joint",
        action="append",
        default=[],
        metavar="JOINT",
        dest="joints",
        help="this joint alone; may be given several times",
    )
    command.add_argument(
        "--yes", action="store_true", dest="assume_yes", help="do not ask before moving"
    )


def run(request: Request, options: argparse.Namespace) -> int:
    """Measure the followers, or the arms given, and keep it.

    Raises:
        ArmError: an arm cannot be moved.
        ToolError: a joint does not follow its commands, or none has room.
    """
    arms = request.selected(leaders=False)
    for arm in arms:
        known = dict.fromkeys(arm.config.joints)
        for joint in options.joints:
            if joint not in known:
                raise ToolError(f"arm {arm.name} has no joint {joint!r}; it has {', '.join(known)}")
    joints = options.joints or list(arms[0].config.joints)
    request.say(
        f"moves {', '.join(joints)} of {', '.join(arm.name for arm in arms)}, one after another, "
        f"by at most {AMPLITUDE_RAD} rad; a limp arm is made to hold first, and holds afterwards"
    )
    request.demand_consent("go on?")
    for arm in arms:
        _measure(request, arm, joints)
    return 0


def _measure(request: Request, arm: NamedArm, joints: list[str]) -> None:
    traces: dict[str, Trace] = {}
    with interruptible() as interrupted:
        driver = AlohaArm(arm.profile)
        try:
            driver.attach()
            mover = Mover(arm.name, driver, arm.limits(request.station), interrupted)
            for joint, amplitude in _amplitudes(request, mover.goal, arm, joints).items():
                traces[joint] = _excited(mover, arm, joint, amplitude)
        finally:
            driver.detach()
    results = {joint: delay_s(trace) for joint, trace in traces.items()}
    plot = save_plot(
        request.station.run_folder / f"latency_{arm.name}.png",
        {joint: (trace, results[joint][0]) for joint, trace in traces.items()},
    )
    request.console.print(_table(arm, results, plot))
    sound = {joint: round(delay, 4) for joint, (delay, fit) in results.items() if fit >= _LEAST_FIT}
    if sound:
        file = keep(request, f"{arm.place}.latency_s", sound, _COMMAND)
        request.say(f"arm {arm.name}: written to {file}; it holds")
    if deaf := [joint for joint in results if joint not in sound]:
        raise ToolError(
            f"arm {arm.name}: {', '.join(deaf)} did not follow the commands well, that was not "
            f"kept: see {plot}. Does the arm lie on something? Lift it to a free pose, support it "
            "until it holds, and measure again"
        )


def _excited(mover: Mover, arm: NamedArm, joint: str, amplitude: float) -> Trace:
    """Move one joint to and fro around where it is; returns what was asked and what was done."""
    row = list(arm.config.joints).index(joint)
    wave = amplitude * chirp(RATE_HZ)
    path = np.tile(mover.goal, (len(wave), 1))
    path[:, row] += wave
    sent: list[tuple[float, float]] = []
    seen: dict[float, float] = {}

    def note(sent_ns: int, command: Array, reading: ArmReading) -> None:
        sent.append((sent_ns * 1e-9, float(command[row])))
        since_oldest_s = float(reading.age_s.max() - reading.age_s[row])
        seen[reading.t_sample_ns * 1e-9 + since_oldest_s] = float(reading.position[row])

    mover.follow(path, note)
    return Trace(*np.array(sent).T, *np.array(sorted(seen.items())).T)


def _amplitudes(
    request: Request, goal: Array, arm: NamedArm, joints: list[str]
) -> dict[str, float]:
    """Return how far joints may be moved to both sides, in the unit of their commands.

    Those that have no room are left out; raises ToolError if none has.
    """
    amplitudes: dict[str, float] = {}
    gripper = arm.profile.gripper
    for joint, centre in zip(arm.config.joints, goal.tolist(), strict=True):
        low, high = arm.config.joints[joint]
        unit_rad = gripper.open_rad - gripper.closed_rad if joint == GRIPPER else 1.0
        room_rad = min(centre - low, high - centre) * unit_rad
        if joint in joints and room_rad >= _LEAST_RAD:
            amplitudes[joint] = min(AMPLITUDE_RAD, room_rad) / unit_rad
        elif joint in joints:
            request.say(
                f"arm {arm.name}: {joint} is left out, it is nearer than {_LEAST_RAD} rad to the "
                "end of its range"
            )
    if not amplitudes:
        raise ToolError(f"arm {arm.name}: no joint has room to move: bring it elsewhere first")
    return amplitudes


def _table(arm: NamedArm, results: dict[str, tuple[float, float]], plot: Path) -> Group:
    table = plain_table("joint", "ms", "was", "correlation", right=("ms", "was", "correlation"))
    for joint, (delay, fit) in results.items():
        was = arm.config.latency_s.get(joint)
        table.add_row(
            joint,
            f"{delay * 1e3:.1f}",
            "" if was is None else f"{was * 1e3:.1f}",
            f"{fit:.3f}",
            style="bold red" if fit < _LEAST_FIT else "",
        )
    return titled(f"arm {arm.name}: how late its joints follow their commands ({plot})", table)
