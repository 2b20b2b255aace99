"""The rules of others for turning overlapping chunks into commands, written from descriptions.

Each one is told of chunks by `receive` and asked once a tick by `command`. A rule that has nothing
to play answers None, and the arm stays where it is, as in the systems that these rules come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from benchmarks.blending.stream import HORIZON, TICK_S, Array, Chunk

ACT_DECAY = 0.01


class Rule(Protocol):
    """Turns chunks into one command a tick."""

    name: str

    @property
    def cursor(self) -> float:
        """Plan tick that the next command will belong to: an observation captured now sees it."""
        ...

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Take a chunk that arrives before the command of wall tick `tick`."""
        ...

    def command(self, tick: int) -> Array | None:
        """Return the (JOINTS,) command of wall tick `tick`, None if there is nothing to play."""
        ...


MakeRule = Callable[[Array], Rule]  # from the (JOINTS,) position where the arm stands


class LeRobotWeightedAverage:
    """LeRobot's asynchronous client: 0.3 old + 0.7 new, aligned by counting executed actions.

    Source: lerobot, async_inference/robot_client.py, `_aggregate_action_queues` with its default
    aggregate function. The incoming chunk also decides where the queue ends.
    """

    name = "LeRobot 0.3/0.7"

    def __init__(self) -> None:
        self.cursor = 0.0
        self._queue: dict[int, Array] = {}

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Average with what is queued for the same timestep; drop what has been executed."""
        del tick
        first = round(chunk.cursor)
        coming = {first + i: action for i, action in enumerate(chunk.actions)}
        self._queue = {
            step: 0.3 * self._queue[step] + 0.7 * action if step in self._queue else action
            for step, action in coming.items()
            if step >= self.cursor
        }

    def command(self, tick: int) -> Array | None:
        """Pop the next timestep; an empty queue sends nothing, and the count stands still."""
        del tick
        action = self._queue.pop(round(self.cursor), None)
        if action is not None:
            self.cursor += 1.0
        return action


class ActByArrival:
    """ACT's temporal ensemble with each chunk's first action at its arrival.

    Source: tonyzhaozh/act, imitate_episodes.py, ported to asynchronous inference without
    compensation: weights exp(-m i), i = 0 the oldest, m = 0.01.
    """

    name = "ACT by arrival"

    def __init__(self) -> None:
        self.cursor = 0.0
        self._chunks: list[tuple[int, Array]] = []

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Keep the chunk, to be played from its first action on."""
        self._chunks.append((tick, chunk.actions))

    def command(self, tick: int) -> Array | None:
        """Average what all chunks in reach say of this tick."""
        self._chunks = [(start, a) for start, a in self._chunks if tick - start < HORIZON]
        votes = [actions[tick - start] for start, actions in self._chunks]
        if not votes:
            return None
        self.cursor += 1.0
        return ensemble(votes)


class ActAligned:
    """ACT's temporal ensemble with each chunk's first action at its capture, by the clock."""

    name = "ACT aligned"

    def __init__(self) -> None:
        self.cursor = 0.0
        self._chunks: list[Chunk] = []

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Keep the chunk in order of arrival."""
        self._chunks.append(chunk)
        self.cursor = entered(chunk, tick, self.cursor)

    def command(self, tick: int) -> Array | None:
        """Average what all chunks in reach say of this tick."""
        self._chunks = [c for c in self._chunks if tick - c.capture_tick < HORIZON]
        votes = [c.actions[tick - c.capture_tick] for c in self._chunks]
        if not votes:
            return None
        self.cursor += 1.0
        return ensemble(votes)


class AlignedReplace:
    """The newest chunk alone, entered where the clock says.

    Source: lerobot, policies/rtc/action_queue.py without guidance: the queue becomes
    `chunk[delay:]`, delay = latency / dt.
    """

    name = "aligned replace"

    def __init__(self) -> None:
        self.cursor = 0.0
        self._newest: Chunk | None = None

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Forget the chunk before."""
        self._newest = chunk
        self.cursor = entered(chunk, tick, self.cursor)

    def command(self, tick: int) -> Array | None:
        """Play the newest chunk's action for this tick."""
        chunk = self._newest
        if chunk is None or tick - chunk.capture_tick >= HORIZON:
            return None
        self.cursor += 1.0
        return np.asarray(chunk.actions[tick - chunk.capture_tick])


class Crossfade:
    """The old plan fades into the new chunk by a smoothstep over 0.3 s, in plan space.

    The plan is what remains of earlier fades, so the blend is recursive and continuous; behind its
    end it is taken to stand still, which spares this rule a jump after starvation.
    """

    name = "crossfade 0.3 s"
    fade_ticks = round(0.3 / TICK_S)

    def __init__(self) -> None:
        self.cursor = 0.0
        self._plan: Array | None = None
        self._start = 0  # wall tick of the plan's first row

    def receive(self, chunk: Chunk, tick: int) -> None:
        """Fade from the plan to the chunk, aligned by the clock."""
        fresh = chunk.actions[tick - chunk.capture_tick :]
        if not len(fresh):
            return
        if self._plan is not None:
            rows = np.arange(len(fresh)) + tick - self._start
            old = self._plan[np.minimum(rows, len(self._plan) - 1)]
            ramp = np.minimum((np.arange(len(fresh)) + 1.0) / self.fade_ticks, 1.0)[:, None]
            share = ramp * ramp * (3.0 - 2.0 * ramp)
            fresh = (1.0 - share) * old + share * fresh
        self._plan, self._start = fresh, tick
        self.cursor = entered(chunk, tick, self.cursor)

    def command(self, tick: int) -> Array | None:
        """Play the plan's row for this tick."""
        if self._plan is None or tick - self._start >= len(self._plan):
            return None
        self.cursor += 1.0
        return np.asarray(self._plan[tick - self._start])


def entered(chunk: Chunk, tick: int, cursor: float) -> float:
    """Return the plan tick where the clock enters a chunk, `cursor` if it is over by then."""
    age = tick - chunk.capture_tick
    return chunk.cursor + age if age < HORIZON else cursor


def ensemble(votes: list[Array]) -> Array:
    """Weigh votes, the oldest first, by ACT's exp(-m i)."""
    weights = np.exp(-ACT_DECAY * np.arange(len(votes)))
    return np.asarray(weights @ np.stack(votes) / weights.sum())


def anywhere(peer: Callable[[], Rule]) -> MakeRule:
    """Return how to make a rule that does not care where the arm stands before its first chunk."""
    return lambda _: peer()


PEERS: dict[str, MakeRule] = {
    peer.name: anywhere(peer)
    for peer in (LeRobotWeightedAverage, ActByArrival, ActAligned, AlignedReplace, Crossfade)
}
