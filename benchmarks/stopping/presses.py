"""From the press of a stop to goals that stand, by every way to press, at random moments."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.stalls import Span, Stalls
from benchmarks.stopping.broker import Broker, free_port, mosquitto
from benchmarks.stopping.channels import Channel, channels
from benchmarks.stopping.record import all_stand_ns, goal_packet_s, moved_after
from benchmarks.stopping.robot import ARMS, FAULT, Robot, RobotError, profile

_STOP_S = 2.0  # not standing by then: missed
_START_S = 15.0  # for an interpreter, on a machine that is busy
_STANDS_S = 0.2  # for so long goals that stand are watched
_WAY_S = 1.5  # of a motion, at most, before the press comes
_MS = 1e-6  # of a nanosecond
_LAUNCHES = 5  # a launch that ends early is replaced


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a stop.

    Attributes:
        channel: how it was pressed.
        mode: what the controller did at that moment.
        pressed_ms: from the press to goals that stand, None if they never did.
        confirmed_ms: the same as the safety process tells people, from the stamp of the request.
        stands_ns: when they stood.
        stayed: whether the goals stood still from then on.
    """

    channel: str
    mode: str
    pressed_ms: float | None
    confirmed_ms: float | None
    stands_ns: int
    stayed: bool
    starts_a_program: bool

    @property
    def missed(self) -> bool:
        """Whether the arms went on."""
        return self.pressed_ms is None or not self.stayed

    @property
    def ms(self) -> float | None:
        """The time that counts: without the start of a program that presses."""
        return self.confirmed_ms if self.starts_a_program else self.pressed_ms

    @property
    def span(self) -> Span:
        """From when until when the time that counts was, monotonic ns."""
        return self.stands_ns - round((self.ms or 0.0) / _MS), self.stands_ns


@dataclass
class Presses:
    """All that were made, and what could not be."""

    made: list[Press] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    stalls: Stalls = field(default_factory=Stalls)

    def figures(self) -> dict[str, float]:
        """Return percentiles in ms, over all channels and of each, and the number missed."""
        if not self.made:
            return {}
        known = self.times_ms()
        timed = [press for press in self.made if press.ms is not None]
        every_ms = [press.ms or 0.0 for press in timed]
        waited = self.stalls.explain([press.span for press in timed])
        awake_ms = [ms for ms, stood in zip(every_ms, waited, strict=True) if not stood]
        typed = [p.pressed_ms for p in self.made if p.starts_a_program and p.pressed_ms is not None]
        figures = {
            "presses": float(len(self.made)),
            "stops_missed": float(sum(press.missed for press in self.made)),
            "stop_p50_ms": _percentile(every_ms, 50),
            "stop_p99_ms": _percentile(every_ms, 99),
            "stop_max_ms": max(every_ms, default=float("nan")),
            "stop_p99_awake_ms": _percentile(awake_ms, 99),  # where no core stood still meanwhile
            "stops_in_stalls": float(sum(waited)),
            "stop_shell_with_start_p50_ms": _percentile(typed, 50),
            "stop_under_policy_share": sum(p.mode == "run" for p in self.made) / len(self.made),
        }
        for channel, times in known.items():
            figures[f"stop_{channel.lower().replace(' ', '_')}_p99_ms"] = _percentile(times, 99)
        return figures

    def times_ms(self) -> dict[str, list[float]]:
        """Return the times that count by channel."""
        times: dict[str, list[float]] = {}
        for press in self.made:
            if press.ms is not None:
                times.setdefault(press.channel, []).append(press.ms)
        return times

    def table(self) -> Table:
        """Return one row a channel."""
        table = Table("pressed by", "presses", "missed", "p50 ms", "p99 ms", "most ms")
        for channel, times in self.times_ms().items():
            of_it = [press for press in self.made if press.channel == channel]
            table.add_row(
                channel,
                str(len(of_it)),
                str(sum(press.missed for press in of_it)),
                *(f"{value:.1f}" for value in (*np.percentile(times, (50, 99)), max(times))),
            )
        return table


def measured(count: int, seed: int, settings: Sequence[str], console: Console) -> Presses:
    """Press so many times, in turn by every channel, while the arms move."""
    result = Presses()
    chance = random.Random(seed)
    with ExitStack() as opened, result.stalls, Progress(console=console) as progress:
        program = mosquitto()
        broker = opened.enter_context(Broker(program)) if program else None
        if broker is None:
            result.left_out.append("MQTT: mosquitto is not installed")
        task = progress.add_task("presses", total=count)
        for _ in range(_LAUNCHES):
            try:
                for press in _presses_of_a_launch(
                    count - len(result.made), broker, settings, chance
                ):
                    result.made.append(press)
                    progress.advance(task)
            except RobotError as error:
                result.left_out.append(f"a launch ended early: {error}")
            if len(result.made) == count:
                break
    return result


def _presses_of_a_launch(
    count: int, broker: Broker | None, settings: Sequence[str], chance: random.Random
) -> Iterator[Press]:
    """Launch and press; raises RobotError if the robot cannot be brought to move again."""
    port = free_port()
    to_broker = broker.settings if broker else ()
    with Robot(f"dashboard.port={port}", *to_broker, *settings) as robot:
        robot.set_in_motion()
        with channels(robot, port, broker) as ways:
            made = 0
            while made < count:
                robot.set_in_motion()
                robot.during(chance.uniform(0.0, _WAY_S))
                robot.set_in_motion()  # whatever happened meanwhile: who presses must see it move
                press = _pressed(robot, ways[made % len(ways)])
                if robot.safety and robot.safety.by != FAULT:  # which would have come first
                    made += 1
                    yield press


def _pressed(robot: Robot, channel: Channel) -> Press:
    mode = robot.statuses[-1].mode if robot.statuses else ""
    most_s = _STOP_S + (_START_S if channel.starts_a_program else 0.0)
    t_ns = time.monotonic_ns()
    try:
        channel.press()
        robot.until(lambda: _stands_ns(robot, t_ns), f"a stop by {channel.name}", most_s)
    except RobotError:
        if robot.popen.poll() is not None:
            raise
        return Press(channel.name, mode, None, None, 0, False, channel.starts_a_program)
    stands_ns = _stands_ns(robot, t_ns) or 0
    robot.during(_STANDS_S)
    on_wire_ms = goal_packet_s(profile(ARMS[0])) * 1e3
    told = robot.safety.confirmed_ms if robot.safety else {}
    return Press(
        channel.name,
        mode,
        (stands_ns - t_ns) * _MS + on_wire_ms,
        max(told.values()) + on_wire_ms if told else None,
        stands_ns,
        not moved_after(robot.since(0), stands_ns),
        channel.starts_a_program,
    )


def _stands_ns(robot: Robot, since_ns: int) -> int | None:
    """Return since when all goals stand under the stop that came after `since_ns`."""
    stop = robot.revoked(since_ns)
    return all_stand_ns(robot.since(since_ns), stop.seq) if stop else None


def _percentile(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")
