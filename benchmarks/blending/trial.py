"""One rule on one stream in virtual time, and the numbers that come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.blending.rules import Rule
from benchmarks.blending.stream import (
    HORIZON,
    JOINTS,
    TICK_S,
    Array,
    Chunk,
    GoalStep,
    Latency,
    Motion,
    disagreement,
)

STILL_RAD = 1e-4  # the motion itself moves some joint by a hundred times as much in a tick
SETTLE_TICKS = 150  # the start from standstill is no part of the comparison

Policy = Callable[[int, float, np.random.Generator], Array]


@dataclass(frozen=True)
class Trace:
    """What was commanded at each tick, and the plan tick that the rule was at."""

    commands: Array  # (n, JOINTS) rad
    cursors: Array  # (n,) plan ticks
    arrivals: NDArray[np.bool_]  # (n,) True where a chunk arrived


def moving(motion: Motion) -> Policy:
    """Return a policy that continues the motion from where the plan is, erring a little."""

    def act(tick: int, cursor: float, random: np.random.Generator) -> Array:
        del tick
        return motion.at(cursor + np.arange(HORIZON)) + disagreement(random)

    return act


def stepping(step: GoalStep) -> Policy:
    """Return a policy that wants to stand at its goal, erring a little."""

    def act(tick: int, cursor: float, random: np.random.Generator) -> Array:
        del cursor
        return np.full((HORIZON, JOINTS), step.goal(tick)) + disagreement(random)

    return act


def play(
    rule: Rule, policy: Policy, latency: Latency, ticks: int, start: Array, seed: int
) -> Trace:
    """Run a rule with one inference in flight, the next observation at each arrival.

    Args:
        rule: the rule under test, fresh.
        policy: what the worker infers from wall tick and plan cursor of the observation.
        latency: how long an inference takes.
        ticks: length of the run.
        start: (JOINTS,) where the arm stands before the first command.
        seed: of the latencies and of the policy's disagreement, the same for every rule.
    """
    delays = iter(latency.drawn_ticks(ticks, seed))
    random = np.random.default_rng(seed + 1)
    commands = np.empty((ticks, JOINTS))
    cursors = np.empty(ticks)
    arrivals = np.zeros(ticks, dtype=np.bool_)
    flying, due, last = None, -1, start
    for tick in range(ticks):
        if flying is not None and due == tick:
            rule.receive(flying, tick)
            arrivals[tick] = True
        if due <= tick:
            flying = Chunk(policy(tick, rule.cursor, random), tick, rule.cursor)
            due = tick + int(next(delays))
            if due == tick:
                rule.receive(flying, tick)
                arrivals[tick] = True
        command = rule.command(tick)
        last = last if command is None else command
        commands[tick], cursors[tick] = last, rule.cursor - 1.0
    return Trace(commands, cursors, arrivals)


@dataclass(frozen=True)
class Numbers:
    """How a trace compares with the motion that was meant."""

    rmse_mrad: float  # against the motion at the plan tick the rule was at
    jerk: float  # RMS, rad/s^3
    jerk_ratio: float  # against the motion's own
    step_mrad: float  # largest step of a joint within a tick
    standing_percent: float  # ticks that leave the arm where it is: starved
    progress_percent: float  # plan time over wall time


def measured(trace: Trace, motion: Motion) -> Numbers:
    """Compare a trace with the motion, after the start."""
    commands, cursors = trace.commands[SETTLE_TICKS:], trace.cursors[SETTLE_TICKS:]
    truth = motion.at(cursors)
    wall = motion.at(np.arange(len(commands)))
    jerk = rms_jerk(commands)
    steps = np.abs(np.diff(commands, axis=0)).max(axis=1)
    return Numbers(
        rmse_mrad=1e3 * rms(commands - truth),
        jerk=jerk,
        jerk_ratio=jerk / rms_jerk(wall),
        step_mrad=1e3 * float(steps.max()),
        standing_percent=100.0 * float(np.mean(steps < STILL_RAD)),
        progress_percent=100.0 * float((cursors[-1] - cursors[0]) / (len(cursors) - 1)),
    )


def rms(values: Array) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def rms_jerk(positions: Array) -> float:
    """Return the RMS third difference of (n, JOINTS) positions at the tick, in rad/s^3."""
    return rms(np.diff(positions, n=3, axis=0)) / TICK_S**3
