"""The rules of the two tasks: gym-aloha's reward, and what counts as done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TRANSFER: Final = "transfer the cube to the left arm"
HOLD: Final = "lift the cube and hold it"
INSTRUCTIONS: Final = (TRANSFER, HOLD)

# Demonstrations draw their seeds from below, everything else from here on, so that a policy is
# never tried on a cube from its training.
FIRST_EVALUATION_SEED: Final = 1_000_000_000

_LEFT_FINGER: Final = "vx300s_left/10_left_gripper_finger"
_RIGHT_FINGER: Final = "vx300s_right/10_right_gripper_finger"
_TABLE: Final = "table"
_LEFT_FINGERS: Final = frozenset({_LEFT_FINGER, "vx300s_left/10_right_gripper_finger"})

# A cube on the table has its middle at 2 cm.
LIFTED_M: Final = 0.08
_TRANSFERRED_FOR_S: Final = 0.2
_HELD_FOR_S: Final = 2.0


def reward(contacts: frozenset[str]) -> int:
    """Return gym-aloha's reward, 0 to 4, from the geoms that touch the cube."""
    on_table = _TABLE in contacts
    if _LEFT_FINGER in contacts:
        return 3 if on_table else 4
    if _RIGHT_FINGER in contacts:
        return 1 if on_table else 2
    return 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an episode has come; `Progress(instruction)` is its beginning."""

    instruction: str
    reward: int = 0
    kept_s: float = 0.0  # how long the instruction's condition has held without a break
    left_touched: bool = False  # a finger of the left gripper has touched the cube
    success: bool = False  # once true, it stays

    def __post_init__(self) -> None:
        """Raise ValueError for an instruction without a rule."""
        if self.instruction not in INSTRUCTIONS:
            raise ValueError(
                f"no rule for the instruction {self.instruction!r}; there are {INSTRUCTIONS}"
            )


def advanced(
    progress: Progress, contacts: frozenset[str], cube_z_m: float, dt_s: float
) -> Progress:
    """Return the progress after `dt_s` more seconds, at whose end `contacts` touch the cube.

    The bare reward 4 also comes from a cube that is flung against the left finger; only one
    that stays there, lifted, has been transferred.
    """
    now = reward(contacts)
    touched = progress.left_touched or not contacts.isdisjoint(_LEFT_FINGERS)
    lifted = cube_z_m > LIFTED_M
    if progress.instruction == TRANSFER:
        kept, needed_s = lifted and now == 4, _TRANSFERRED_FOR_S
    else:
        kept, needed_s = lifted and now == 2 and not touched, _HELD_FOR_S
    kept_s = progress.kept_s + dt_s if kept else 0.0
    # Half a step of slack, or a sum of rounded steps decides whether the last one counts.
    done = progress.success or kept_s > needed_s - 0.5 * dt_s
    return Progress(progress.instruction, now, kept_s, touched, done)
