"""`python -m benchmarks.bus.loop`: one arm's bus at 100 Hz, measured from within its process."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Self

from benchmarks.bus.clients import Client, client
from drivers.dynamixel.profile import Profile
from runtime.realtime import become_realtime

RATE_HZ = 100
_PERIOD_NS = 1_000_000_000 // RATE_HZ
_LATE_NS = 5_000_000
_JOINTS = 7


@dataclass(frozen=True, slots=True)
class Measured:
    """What one arm's loop cost."""

    cycles: int
    late: int  # begun more than 5 ms after their deadline
    incomplete: int  # without all seven joints
    processor_s: float
    elapsed_s: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what `main` printed."""
        return cls(**json.loads(text))


def main() -> None:
    """Measure the arm that the arguments tell, and print what came out as JSON."""
    name, profile, seconds, priority = sys.argv[1:]
    arm = client(name, Profile.model_validate_json(profile))
    if int(priority):
        become_realtime(int(priority))
    print(json.dumps(asdict(measured(arm, round(float(seconds) * RATE_HZ)))), flush=True)
    os._exit(0)  # nothing of the SDK's shall spin on while the others are measured


def measured(arm: Client, cycles: int) -> Measured:
    """Return what `cycles` cycles at 100 Hz cost; a deadline that passes is made up for, late."""
    late = incomplete = 0
    began_ns, processor_s = time.monotonic_ns(), time.process_time()
    for cycle in range(cycles):
        left_ns = began_ns + cycle * _PERIOD_NS - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns * 1e-9)
        late += time.monotonic_ns() - began_ns - cycle * _PERIOD_NS > _LATE_NS
        incomplete += arm.cycle().fresh < _JOINTS
    elapsed_s = (time.monotonic_ns() - began_ns) * 1e-9
    return Measured(cycles, late, incomplete, time.process_time() - processor_s, elapsed_s)


if __name__ == "__main__":
    main()
