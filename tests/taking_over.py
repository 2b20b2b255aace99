"""A robot under a policy with latency, and a person beside it who may take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from test_controller import GRIPS, HOME, JOINTS, LIMITS, REST, START, Robot, swing

from controller.config import ControllerConfig
from controller.core import Controller
from messaging.messages import ControlStatus, HumanCommand
from motion.limits import JointLimits

Array = NDArray[np.float64]
Hand = Callable[[float], Array]  # seconds -> pose (J,)

CAPS = ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk))


def still(pose: Array) -> Hand:
    """Return a hand that stays at `pose`."""
    return lambda _seconds: pose


def waving(pose: Array, size: float = 0.2) -> Hand:
    """Return a hand that moves smoothly about `pose`, all joints but the grippers."""
    phase = np.linspace(0.0, 3.0, len(pose))
    return lambda seconds: np.asarray(pose + size * np.sin(3.0 * seconds + phase) * ~GRIPS)


class Shared(Robot):
    """A robot that a person may take over: the device is read and heard before each tick."""

    def __init__(
        self,
        hand: Hand | None = None,
        *,
        relative: bool = False,
        limits: JointLimits = LIMITS,
        start: Array = START,
        **config: Any,
    ) -> None:
        """Run, with nobody at the device; without a `hand` the leader follows the arms."""
        super().__init__(**config)
        self.controller = Controller(ControllerConfig(**config), JOINTS, limits, HOME, REST)
        self.controller.observe(start)
        self.commands = [start] * 3
        self.policy = self.going_on
        self.hand: Hand = hand or (lambda _seconds: self.commands[-1])
        self.relative = relative
        self.engaged = False
        self.mute = False
        self.directed, self.motion = "run", "all"
        self.said: dict[str, Any] = {}

    def going_on(self, seconds: Array) -> Array:
        """Swing, from wherever the arms are: a policy sees where a person has left them."""
        here, wanted = self.commands[-1], swing(seconds)
        fading = np.exp(-(seconds - seconds[0]) / 0.5)[:, None]
        return np.asarray(wanted + fading * (here - wanted[0]))

    def command(self, **changes: Any) -> HumanCommand:
        """Return what the device says now."""
        fields: dict[str, Any] = {
            "device": "leader",
            "seq": len(self.statuses),
            "t_ns": self.now_ns - 3_000_000,
            "joints": JOINTS,
            "position": self.hand(self.now_ns * 1e-9),
            "engaged": self.engaged,
            "relative": self.relative,
        }
        return HumanCommand(**{**fields, **self.said, **changes})

    def tick(self) -> ControlStatus:
        if not self.mute:
            self.controller.hear(self.command(), self.now_ns)
        self.controller.steer(self.directed, self.motion, self.now_ns)
        return super().tick()

    def run(self, seconds: float) -> Shared:
        super().run(seconds)
        return self

    def takes(self, seconds: float) -> Shared:
        """Let the person command for so long."""
        self.engaged = True
        return self.run(seconds)

    def lets_go(self, seconds: float) -> Shared:
        """Let the policy command for so long."""
        self.engaged = False
        return self.run(seconds)

    @property
    def status(self) -> ControlStatus:
        return self.statuses[-1]

    def assert_kept(self) -> None:
        """Check that no command broke a limit, or stepped beyond what its motion explains."""
        commands = np.array(self.commands)
        for order, cap in CAPS:
            rate = np.abs(np.diff(commands, order, axis=0)) / self.dt**order
            assert (rate <= cap * (1.0 + 1e-6) + 1e-6).all(), (order, rate.max(axis=0))
        step = np.abs(np.diff(commands[:, ~GRIPS], 3, axis=0)).max(initial=0.0)
        assert step < 0.002, step

    def assert_smooth_and_free(self) -> None:
        """Check that, moreover, no limit had to act."""
        self.assert_kept()
        assert self.limit_counts == []
