"""How both clients take a silent motor, a late answer and an alert."""

from __future__ import annotations

import math
import time
from statistics import median

import numpy as np

from benchmarks.bus.clients import Client, Outcome, client
from benchmarks.bus.emulators import Emulators

_ARM = "follower_left"
_PERIOD_S = 0.01
_SETTLING = 20
_CYCLES = 200
_STALE_MS = 5.0  # half a cycle
_LATE_MS = 40
_SILENT = 4  # the elbow
_NEVER = math.inf


def silent_motor(name: str, emulators: Emulators, how: str) -> dict[str, float]:
    """Return what a cycle costs with one motor silent, and how many of the others are fresh.

    Args:
        name: of the client.
        emulators: of its arm.
        how: `silent`, or `broken` where the motors behind it in line are silent too.
    """
    arm = client(name, emulators.profiles[_ARM])
    _run(arm, _SETTLING)
    emulators.ask(f"{_ARM} {how} {_SILENT}")
    _run(arm, _SETTLING)
    costs, fresh = [], []
    for _ in range(_CYCLES):
        began_s = time.monotonic()
        fresh.append(arm.cycle().fresh)
        costs.append(time.monotonic() - began_s)
        time.sleep(max(0.0, began_s + _PERIOD_S - time.monotonic()))
    emulators.ask(f"{_ARM} clear")
    arm.close()
    return {"ms": median(costs) * 1e3, "fresh_others": sum(fresh) / len(fresh)}


def fresh_around_late(name: str, emulators: Emulators) -> dict[str, float]:
    """Return the share of reads that are fresh before and after one answer 40 ms late.

    What is fresh is told by the motor's own clock, whose offset to ours is known from before.
    """
    arm = client(name, emulators.profiles[_ARM])
    _run(arm, _SETTLING)
    before = [_behind_ms(arm) for _ in range(_CYCLES)]
    emulators.ask(f"{_ARM} late {_LATE_MS} 1")
    _paced(arm)  # its answer is the late one
    after = [_behind_ms(arm) for _ in range(_CYCLES)]
    arm.close()
    usual = np.nanmedian(before)
    return {
        f"fresh_{when}_late": float(np.mean(np.array(behind) - usual < _STALE_MS))  # nan: not fresh
        for when, behind in (("before", before), ("after", after))
    }


def alert_cycles(name: str, emulators: Emulators) -> float:
    """Return how many cycles pass until a motor's overload is reported, infinity if it never is."""
    arm = client(name, emulators.profiles[_ARM])
    _run(arm, _SETTLING)
    emulators.ask(f"{_ARM} overload {_SILENT}")
    reported = [_paced(arm).complaints > 0 for _ in range(_CYCLES)]
    arm.close()
    return float(reported.index(True) + 1) if any(reported) else _NEVER


def _behind_ms(arm: Client) -> float:
    """Return how far the first motor's clock in an answer is behind the moment of asking."""
    asked_ms = time.monotonic() * 1e3
    return asked_ms - _paced(arm).clock_ms


def _run(arm: Client, cycles: int) -> None:
    for _ in range(cycles):
        _paced(arm)


def _paced(arm: Client) -> Outcome:
    began_s = time.monotonic()
    outcome = arm.cycle()
    time.sleep(max(0.0, began_s + _PERIOD_S - time.monotonic()))
    return outcome
