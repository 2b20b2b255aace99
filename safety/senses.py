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

    @property
    def arms(self) -> list[Subscriber[Any]]:
        """The streams of the arms, for `Waiter`."""
        return list(self._arms.values())

    def heard(self) -> Heard:
        """Return what came since the last time; never waits."""
        states = {arm: state for arm, s in self._arms.items() if (state := s.receive())}
        statuses = self._statuses.drain()
        beats = {name: beat for name, s in self._heartbeats.items() if (beat := s.receive())}
        return Heard(states, statuses, beats)
