"""What an arm's motors do not say by themselves: held joints, strain, fights, a bad cable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from drivers.dynamixel.bus import ServoBus
from drivers.dynamixel.checks import company, motors_of, named
from drivers.dynamixel.health import MotorState, Pair
from drivers.dynamixel.profile import CURRENT_A, RAD_PER_TICK, Profile

_LAG_RAD: Final = 0.35  # three times what a joint at full speed is behind
_STRAIN_NS: Final = 500_000_000
_WINDOW_NS: Final = 1_000_000_000
_MUCH: Final = 0.01  # of the answers of a second come damaged
_IN_A_ROW: Final = 5  # cycles
_CABLE: Final = "look at its cables, their plugs and what runs beside them"
_TOO_FAST: Final = (
    "goals move by more than `step_cap_rad` at a time, so the arm lags behind them: lower "
    "`limits.velocity`, or raise the cap or the controller's rate"
)


class Damage:
    """How many answers come damaged, and whether for cycles on end."""

    def __init__(self, answers: int, now_ns: int) -> None:
        """Begin at `now_ns`; a cycle brings so many answers."""
        self.share = 0.0  # of the answers of the last whole second
        self._answers = answers
        self._since_ns = now_ns
        self._cycles = 0
        self._damaged = 0
        self._row = 0
        self._until_ns = 0

    def note(self, damaged: int, now_ns: int) -> None:
        """Count a cycle in which so many packets came damaged."""
        self._cycles += 1
        self._damaged += damaged
        self._row = self._row + 1 if damaged else 0
        if self._row >= _IN_A_ROW:
            self._until_ns = now_ns + _WINDOW_NS  # long enough for everybody to see it
        if now_ns - self._since_ns >= _WINDOW_NS:
            self.share = min(1.0, self._damaged / (self._cycles * self._answers))
            self._since_ns, self._cycles, self._damaged = now_ns, 0, 0

    def is_burst(self, now_ns: int) -> bool:
        """Return whether cycle after cycle was damaged, up to a second ago."""
        return now_ns < self._until_ns


class Lookout:
    """Looks at the arm as a whole, ten times a second; at the line, each cycle.

    Attributes:
        warnings: what somebody should look after, in words.
    """

    def __init__(
        self, profile: Profile, motors: Mapping[int, MotorState], bus: ServoBus, now_ns: int
    ) -> None:
        """Begin with an arm that has just been attached; `motors` by id, shadows too."""
        self.warnings: tuple[str, ...] = ()
        self._motors = motors
        self._bus = bus
        self._joints = {joint: motor.id for joint, motor in profile.motors.items()}
        self._pairs = [
            Pair(joint, motors[motor.id], motors[motor.shadow])
            for joint, motor in profile.motors.items()
            if motor.shadow is not None
        ]
        self._most_a = {
            servo: (named(joint, servo), motor.strain_a)
            for joint, servo, motor in motors_of(profile)
        }
        self._strained_ns: dict[int, int] = {}  # since when, by id
        self._strains: tuple[str, ...] = ()
        self._lagged: frozenset[str] = frozenset()  # at the look before
        self._strangers = bus.strangers
        self._refused_steps = 0
        self._corrupt = bus.corrupt
        self._damage = Damage(len(profile.motors), now_ns)

    def note_cycle(self, now_ns: int) -> None:
        """Take in how the answers of a cycle came."""
        self._damage.note(self._bus.corrupt - self._corrupt, now_ns)
        self._corrupt = self._bus.corrupt

    def look(self, goal_ticks: Sequence[int], refused_steps: int, now_ns: int) -> None:
        """Look at everything once more.

        Args:
            goal_ticks: what each joint is told.
            refused_steps: how many goals were too far away so far.
            now_ns: the present time.
        """
        warnings = [text for pair in self._pairs for text in pair.warnings(now_ns)]
        warnings += self._lagging(goal_ticks)
        if self._damage.share > _MUCH:
            share = f"{self._damage.share:.0%} of the answers of {self._bus.port.path}"
            warnings.append(f"{share} come damaged: {_CABLE}")
        if self._bus.strangers > self._strangers:
            warnings.append(company(self._bus.port))
        if refused_steps > self._refused_steps:
            warnings.append(_TOO_FAST)
        self._strangers, self._refused_steps = self._bus.strangers, refused_steps
        self.warnings = tuple(warnings)
        self._strains = tuple(self._straining(now_ns))

    def errors(self, now_ns: int) -> tuple[str, ...]:
        """Return what makes the arm unfit to move."""
        if not self._damage.is_burst(now_ns):
            return self._strains
        damaged = f"{self._bus.port.path}: answers came damaged {_IN_A_ROW} cycles in a row"
        return (f"{damaged}: {_CABLE}", *self._strains)

    def _lagging(self, goal_ticks: Sequence[int]) -> list[str]:
        """Return which joints stay behind their goals; a gripper that holds something does."""
        lagging = {}
        for (joint, servo), goal in zip(self._joints.items(), goal_ticks, strict=True):
            taken = self._motors[servo].sample
            behind_rad = abs(goal - taken.position) * RAD_PER_TICK if taken else 0.0
            if behind_rad > _LAG_RAD and joint != "gripper":
                lagging[joint] = behind_rad
        lasting = {joint: rad for joint, rad in lagging.items() if joint in self._lagged}
        self._lagged = frozenset(lagging)
        return [
            f"{joint} is {rad:.2f} rad behind its goal: look what holds it"
            for joint, rad in lasting.items()
        ]

    def _straining(self, now_ns: int) -> list[str]:
        """Return which motors have been near the end of their strength for half a second."""
        told = []
        for servo, (name, strain_a) in self._most_a.items():
            taken = self._motors[servo].sample
            drawn_a = abs(taken.current) * CURRENT_A if taken else 0.0
            if drawn_a <= strain_a:
                self._strained_ns.pop(servo, None)
            elif now_ns - self._strained_ns.setdefault(servo, now_ns) >= _STRAIN_NS:
                told.append(f"{name} has drawn {drawn_a:.1f} A for too long: look what it fights")
        return told
