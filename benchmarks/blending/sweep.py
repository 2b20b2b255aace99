"""All rules over all latencies: the comparison, as data and as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from benchmarks.blending.rules import MakeRule
from benchmarks.blending.stream import JOINTS, TICK_S, Array, GoalStep, Latency, Motion
from benchmarks.blending.trial import Numbers, Trace, measured, moving, play, stepping

LATENCIES_S = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8)
SEED = 7
COMPARABLE = 1.5  # a rule is comparable if its RMSE is at most this many times ours


@dataclass(frozen=True)
class Result:
    """One rule at one latency."""

    numbers: Numbers
    reaction_s: float  # goal step to 90 % of it, the goal set right after an observation
    trace: Trace
    errors_rad: Array  # (n, JOINTS) commands less the motion at the plan tick of each


Results = Mapping[tuple[str, float], Result]

COLUMNS: tuple[tuple[str, Callable[[Result], float]], ...] = (
    ("RMS jerk over the demonstration's", lambda result: result.numbers.jerk_ratio),
    ("largest step within a tick, mrad", lambda result: result.numbers.step_mrad),
    ("RMSE to the motion, mrad", lambda result: result.numbers.rmse_mrad),
    ("90 % of a goal step, s", lambda result: result.reaction_s),
    ("starved ticks, %", lambda result: result.numbers.standing_percent),
    ("progress in the plan, % of real time", lambda result: result.numbers.progress_percent),
)


def swept(make: MakeRule, latencies_s: Iterable[float], duration_s: float) -> dict[float, Result]:
    """Run a rule over the latencies, with jitter and spikes; its reaction without them."""
    motion = Motion.drawn(SEED)
    start = motion.at(np.zeros(1))[0]
    ticks = round(duration_s / TICK_S)
    results = {}
    for base_s in latencies_s:
        trace = play(make(start), moving(motion), Latency(base_s), ticks, start, SEED)
        results[base_s] = Result(
            numbers=measured(trace, motion),
            reaction_s=reaction_s(make, base_s),
            trace=trace,
            errors_rad=trace.commands - motion.at(trace.cursors),
        )
    return results


def reaction_s(make: MakeRule, latency_s: float) -> float:
    """Return the time to 90 % of a goal step at a steady latency, infinite if never reached.

    The goal moves right after an observation was captured, which is the worst moment.
    """
    latency = Latency(latency_s, jitter=0.0, spike_every=0)
    cycle = max(1, round(latency_s / TICK_S))
    step = GoalStep(tick=cycle * -(-200 // cycle))
    ticks = step.tick + round(6.0 / TICK_S)
    start = np.zeros(JOINTS)
    trace = play(make(start), stepping(step), latency, ticks, start, SEED)
    reached = trace.commands[step.tick :].mean(axis=1) >= 0.9 * step.height_rad
    return float(np.argmax(reached)) * TICK_S if reached.any() else float("inf")


def tables(results: Results, highlighted: str) -> list[Table]:
    """Lay the results out as one table a number, latencies across."""
    names = list(dict.fromkeys(name for name, _ in results))
    latencies = list(dict.fromkeys(latency for _, latency in results))
    laid_out = []
    for title, value in COLUMNS:
        table = Table(title=title, title_justify="left")
        table.add_column("latency")
        for latency in latencies:
            table.add_column(f"{1e3 * latency:.0f} ms", justify="right")
        for name in names:
            cells = [f"{value(results[name, latency]):.3g}" for latency in latencies]
            table.add_row(name, *cells, style="bold green" if name == highlighted else None)
        laid_out.append(table)
    return laid_out


def outdone(results: Results, ours: str) -> list[str]:
    """Name each rule and latency that has less jerk than ours at a comparable RMSE."""
    found = []
    for (name, latency), result in results.items():
        reference = results[ours, latency].numbers
        comparable = result.numbers.rmse_mrad <= COMPARABLE * reference.rmse_mrad
        if comparable and result.numbers.jerk < reference.jerk:
            found.append(f"{name} at {1e3 * latency:.0f} ms")
    return found
