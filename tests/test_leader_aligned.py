"""Leaders, their driver and teleop together, in virtual time: aligned while a policy moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from leader_says import leader_state
from led_arm import FakeArm
from teleop_robot import CONFIG, TICK_NS, robot, seen

from drivers.leader import Cut, Leader
from messaging.messages import OFF, LeaderCommand, Permit
from messaging.transport import Bus
from motion.limits import JointLimits
from teleop.device import Array, Reading, View
from teleop.devices.leader import Config, Hand, Leaders, make

LAG = 5  # ticks, by which servos are behind their goals
HOME = robot().home


class Pair:
    """One leader and its driver, with teleop on the other side of the bus."""

    def __init__(self, hand: Hand, places: slice) -> None:
        limits = CONFIG.leaders[hand.name].joints
        lower, upper = zip(*limits.values(), strict=True)
        joints = robot().joints[places]
        start = HOME[places]
        self.arm = FakeArm(position=start.copy(), goal=start.copy())
        self._driver = Leader(
            self.arm, JointLimits.build(joints, lower, upper, CONFIG.limits), TICK_NS, Cut()
        )
        self._hand = hand
        self._command: LeaderCommand | None = None
        self._goals: deque[Array] = deque([start] * LAG, maxlen=LAG)
        self._before = start
        hand._commands.send = self._take  # type: ignore[method-assign]

    def _take(self, message: LeaderCommand) -> None:
        self._command = message

    def live(self, now_ns: int) -> None:
        """Let the driver live a period, and tell of it."""
        reading = self.arm.read()
        self._goals.append(reading.position)
        at = reading.position if self.arm.torque == OFF else self._goals[0]
        permit = Permit(1, 1, now_ns, "all", 1.0)
        self._driver.cycle(self._command, permit, reading, now_ns)
        state = leader_state(
            self._hand.name, at, written=self.arm.goal, t_ns=now_ns, torque=self.arm.torque
        )
        state.velocity[:] = (at - self._before) / (TICK_NS * 1e-9)
        self._before = at
        self._hand._states.newest = state


class Both:
    """Both leaders in time."""

    def __init__(self, bus: Bus) -> None:
        self.device: Leaders = make(Config(), robot(), bus)
        self.device.open()
        self.pairs = [Pair(hand, robot().places(hand.name)) for hand in self.device._hands]
        self.now_ns = 1_000_000_000

    def tick(self, view: View) -> Reading:
        self.now_ns += TICK_NS
        for pair in self.pairs:
            pair.live(self.now_ns)
        reading = self.device.read(self.now_ns, view)
        self.device.mirror(view)
        assert reading is not None
        return reading


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with Bus(tmp_path / "bus") as bus:
        yield Both(bus)


def commands(count: int, hz: float = 0.4) -> Array:
    """Return how a policy might move (N, 14): all joints to and fro, at up to 0.9 rad/s."""
    t_s = np.arange(count)[:, None] * 0.01
    size = np.tile([0.36, 0.36, -0.36, 0.36, 0.36, 0.36, 0.2], 2)
    return np.asarray(HOME + size * (1.0 - np.cos(2 * np.pi * hz * t_s)))


def test_leaders_are_aligned_all_the_while_a_policy_moves(both: Both) -> None:
    apart, relative = [], []
    for command in commands(1000):
        reading = both.tick(seen(command))
        apart.append(np.abs(reading.position - command)[:6].max())
        relative.append(reading.relative)
    assert not any(relative)
    assert max(apart) < 0.1


def test_a_takeover_goes_on_where_the_arms_are_and_a_hand_back_comes_back(both: Both) -> None:
    way = commands(330)
    for command in way:
        before = both.tick(seen(command))
    taken = both.tick(seen(way[-1], engaged=True))
    assert not taken.relative
    assert np.abs(taken.position - before.position).max() < 0.02
    human = seen(way[-1], "human", engaged=True)
    both.tick(human)
    for pair in both.pairs:
        assert pair.arm.torque == OFF
        pair.arm.position = pair.arm.position + 0.3
    led = both.tick(human)
    assert led.position[0] == pytest.approx(both.pairs[0].arm.position[0])
    for _ in range(300):
        back = both.tick(seen(way[-1]))
    assert not back.relative
    assert back.position == pytest.approx(way[-1], abs=0.01)
