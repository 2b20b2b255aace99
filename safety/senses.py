"""What the safety process listens to."""

from __future__ import annotations

from typing import Any

from messaging.topics import CONTROL_STATUS, HEARTBEAT, JOINT_STATE, Keep
from messaging.transport import Bus, Subscriber
from safety.watch import Heard


class Senses:
    """The streams of all arms, of the controller and of all processes."""

    def __init__(self, bus: Bus, arms: tuple[str, ...], processes: tuple[str, ...]) -> None:
        self._arms = {arm: bus.subscriber(JOINT_STATE, arm) for arm in arms}
        self._statuses = bus.subscriber(CONTROL_STATUS, keep=Keep.ALL)
        self._heartbeats = {name: bus.subscriber(HEARTBEAT, name) for name in processes}
        self._count = -1

    @property
    def arms(self) -> list[Subscriber[Any]]:
        """The streams of the arms, for `Waiter`."""
        return list(self._arms.values())

    def heard(self) -> Heard:
        """Return what came since the last time; never waits.

        Heartbeats come at 20 Hz and are told apart in 150 ms: every other time will do for them.
        """
        self._count += 1
        states = {arm: state for arm, s in self._arms.items() if (state := s.receive())}
        statuses = self._statuses.drain()
        if self._count % 2:
            return Heard(states, statuses)
        beats = {name: beat for name, s in self._heartbeats.items() if (beat := s.receive())}
        return Heard(states, statuses, beats)
