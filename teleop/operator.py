"""The simulated operator: when it takes over, where it leads the arms, when it lets go. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion.handover import HOLD, Expert, Plan, crowded
from motion.sight import SIDES, Sight
from runtime.config import Seconds, Seed, Share, StrictModel
from teleop.operator_hand import Hands, tremor
from teleop.operator_sight import Memory, first_look, looked, trouble

Array = NDArray[np.float64]

_DELAY_SPREAD: Final = 0.3  # of the logarithm of a delay
_EAGER_S: Final = (0.5, 5.0)  # within which it takes over without a reason
_SAFE_M: Final = 0.12  # height of a cube in the right hand that may be left to the policy
_HINDERED_RAD: Final = 0.25  # between hands and arms: more than a quick arm's lag
_PATIENCE_S: Final = 1.0  # for the arms to obey, and before another try if they do not


class Habits(StrictModel):
    """What kind of person the operator is."""

    seed: Seed = 0
    delay_s: Seconds = 0.3  # from seeing something to acting on it, in the median
    noise_rad: Share = 0.002  # by how much its hands tremble, RMS
    eager: Share = 0.3  # share of episodes with a needless takeover


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the operator knows at one moment of an episode.

    Attributes:
        now_ns: when that is.
        episode: number of the episode.
        instruction: what shall be done in it.
        qpos: (nq,) of the twin.
        sight: what these show.
        command: (14,) where the arms are led now, by whomever.
        asked: whether whoever holds the device shall command: the operator itself, once it has
            taken over, or somebody else has said so.
        obeyed: whether the arms follow the device.
    """

    now_ns: int
    episode: int
    instruction: str
    qpos: Array
    sight: Sight
    command: Array
    asked: bool
    obeyed: bool


class Reaction:
    """Acts on what is seen only after a person's delay, and only if it still is so."""

    def __init__(self, delay_s: Callable[[], float]) -> None:
        """Draw every delay from `delay_s`."""
        self._delay_s = delay_s
        self._due_ns = 0

    def to(self, stimulus: bool, now_ns: int) -> bool:
        """Return whether to act now on `stimulus`."""
        if not stimulus:
            self.forget()
            return False
        if not self._due_ns:
            self._due_ns = now_ns + round(self._delay_s() * 1e9)
        return now_ns >= self._due_ns

    def forget(self) -> None:
        """Begin anew with the next stimulus."""
        self._due_ns = 0


@dataclass(slots=True)
class Correction:
    """A takeover under way."""

    hands: Hands
    sides: tuple[str, ...]  # the arms that it moves
    finishing: bool  # to the end, rather than until the policy can go on
    taken_ns: int
    reason: str

    def hindered(self, moment: Moment) -> bool:
        """Return whether the arms do not come along: something is in their way."""
        apart = np.abs(self.hands.meant(moment.now_ns) - moment.command)
        moved = np.repeat([side in self.sides for side in SIDES], len(apart) // len(SIDES))
        return bool((apart > _HINDERED_RAD)[moved].any())


class Operator:
    """Watches one episode after another; `step` it at every reading.

    Once in an episode it helps only as far as the policy can go on; who fails again is not
    trusted any more, and it finishes the task.

    Attributes:
        correction: the present one, None while the policy is to command.
    """

    def __init__(self, expert: Expert, habits: Habits, joints: tuple[str, ...]) -> None:
        self._expert = expert
        self._habits = habits
        self._joints = joints
        self._episode: int | None = None
        self._memory: Memory | None = None
        self._acting = Reaction(self._delay_s)
        self._releasing = Reaction(self._delay_s)
        self.rest()

    def rest(self) -> None:
        """Let go and look away: nothing goes on that could be corrected."""
        self.correction: Correction | None = None
        self._look_anew()

    def step(self, moment: Moment) -> Correction | None:
        """Return the correction that is to be made now, None while the policy shall command."""
        if moment.episode != self._episode:
            self._begin(moment)
        before = self._memory
        self._memory = (
            looked(before, moment.sight, moment.now_ns)
            if before
            else first_look(moment.sight, moment.now_ns)
        )
        wrong = trouble(self._memory, moment.sight, waiting=moment.instruction == HOLD)
        if self.correction is None:
            self._watch(moment, wrong)
        else:
            self._correct(moment, self.correction, wrong)
        return self.correction

    def _begin(self, moment: Moment) -> None:
        self.rest()
        self._episode = moment.episode
        self._draw = draw = np.random.default_rng([self._habits.seed, moment.episode])
        eager = draw.random() < self._habits.eager
        after_s = draw.uniform(*_EAGER_S) if eager else np.inf
        self._eager_ns = moment.now_ns + after_s * 1e9
        self._trusting = True
        self._not_before_ns = 0

    def _delay_s(self) -> float:
        return self._habits.delay_s * float(self._draw.lognormal(0.0, _DELAY_SPREAD))

    def _watch(self, moment: Moment, wrong: str | None) -> None:
        """Take over if something is wrong, if somebody asks for it, or out of eagerness."""
        now_ns = moment.now_ns
        if now_ns < self._not_before_ns:
            return
        eager = now_ns >= self._eager_ns
        if self._acting.to(wrong is not None, now_ns) or eager or moment.asked:
            self._take(moment, wrong or ("asked" if moment.asked else "eager"))
        if eager:
            self._eager_ns = np.inf

    def _take(self, moment: Moment, reason: str) -> None:
        """Begin a correction from where the arms are led now."""
        now_ns, sight = moment.now_ns, moment.sight
        plan = self._planned(moment)
        if plan is None:
            return
        # A hand that takes hold is at rest: the controller brings the arms' motion to it.
        still = np.zeros(len(self._joints))
        shake = tremor(self._draw, self._joints, self._habits.noise_rad)
        finishing = not self._trusting or _safe(sight) or sight.holds("left")
        both = moment.asked or crowded(sight) or (finishing and moment.instruction != HOLD)
        self.correction = Correction(
            hands=Hands(plan, now_ns, still, shake, now_ns),
            sides=SIDES if both else ("right",),
            finishing=finishing,
            taken_ns=now_ns,
            reason=reason,
        )
        self._trusting = False
        self._look_anew()

    def _planned(self, moment: Moment) -> Plan | None:
        """Return the way from here to success; None, for a while, if there is none."""
        try:
            return self._expert.planned(moment.instruction, moment.command, moment.qpos)
        except ValueError:  # the cube is out of reach
            self._not_before_ns = moment.now_ns + round(_PATIENCE_S * 1e9)
            return None

    def _correct(self, moment: Moment, correction: Correction, wrong: str | None) -> None:
        """Let go once the policy can go on; plan anew what went wrong."""
        now_ns = moment.now_ns
        if not moment.obeyed and now_ns - correction.taken_ns > _PATIENCE_S * 1e9:
            self._not_before_ns = now_ns + round(_PATIENCE_S * 1e9)
            self.rest()
        elif self._releasing.to(not correction.finishing and _safe(moment.sight), now_ns):
            self.rest()
        elif self._acting.to(wrong is not None or correction.hindered(moment), now_ns):
            plan = self._planned(moment)
            if plan is None:
                self.rest()
            else:
                correction.hands = correction.hands.replanned(plan, now_ns)
                self._look_anew()

    def _look_anew(self) -> None:
        self._memory = None
        self._acting.forget()
        self._releasing.forget()


def _safe(sight: Sight) -> bool:
    """Return whether the policy can go on: the right hand has the cube, well above the table."""
    return sight.holds("right") and float(sight.cube[2]) > _SAFE_M
