"""`python -m benchmarks.bus.loop`: one arm's bus at 100 Hz, measured from within its process."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from benchmarks.bus.clients import Client, client
from drivers.dynamixel.profile import Profile
from runtime import program
from runtime.realtime import become_realtime

RATE_HZ = 100
_PERIOD_NS = 1_000_000_000 // RATE_HZ
_LATE_NS = 5_000_000
_JOINTS = 7


@dataclass(frozen=True, slots=True)
class Measured:
    """What one arm's loop cost."""

    cycles: int
    late: list[tuple[int, int]]  # of each cycle begun more than 5 ms late, the time it is about
    incomplete: int  # without all seven joints
    processor_s: float
    elapsed_s: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what `main` printed."""
        return cls(**json.loads(text))


def main() -> None:
    """Take the arm over that the arguments tell, wait for a line, measure, print the JSON of it."""
    name, profile, seconds, priority = sys.argv[1:]
    arm = client(name, Profile.model_validate_json(profile))
    if int(priority):
        become_realtime(int(priority))
    print("ready", flush=True)
    sys.stdin.readline()
    # Nobody keeps four arms in step, in which all would want a core at the same moment.
    time.sleep(np.random.default_rng().uniform(0.0, 1.0 / RATE_HZ))
    print(json.dumps(asdict(measured(arm, round(float(seconds) * RATE_HZ)))), flush=True)
    os._exit(0)  # nothing of the SDK's shall spin on while the others are measured


def measured(arm: Client, cycles: int) -> Measured:
    """Return what `cycles` cycles at 100 Hz cost; a deadline that passes is made up for, late.

    A late cycle is about the time from the deadline since which all cycles were late to its begin.
    """
    late: list[tuple[int, int]] = []
    incomplete = behind_since_ns = 0
    began_ns, processor_s = time.monotonic_ns(), time.process_time()
    for cycle in range(cycles):
        deadline_ns = began_ns + cycle * _PERIOD_NS
        left_ns = deadline_ns - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns * 1e-9)
        now_ns = time.monotonic_ns()
        if now_ns - deadline_ns > _LATE_NS:
            behind_since_ns = behind_since_ns or deadline_ns
            late.append((behind_since_ns, now_ns))
        else:
            behind_since_ns = 0
        incomplete += arm.cycle().fresh < _JOINTS
    elapsed_s = (time.monotonic_ns() - began_ns) * 1e-9
    return Measured(cycles, late, incomplete, time.process_time() - processor_s, elapsed_s)


if __name__ == "__main__":
    sys.exit(program.run(main))
