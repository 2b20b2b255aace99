"""What is wrong: a row of the fault table, whom it is about, and what people are told."""

from __future__ import annotations

from dataclasses import dataclass

MOVING = ("testing", "armed", "running")  # phases in which something may move


@dataclass(frozen=True, slots=True)
class Cause:
    """A fault, or a person's stop.

    Attributes:
        row: of the fault table in docs/safety.md.
        subject: the arm, joint, process or person that it is about.
        text: what, how much, and what to do.
        stop: the kind of stop that it asks for, one of STOPS.
        phases: in which it stops the robot; in any other it only keeps it from starting.
    """

    row: int
    subject: str
    text: str
    stop: str = "hold"
    phases: tuple[str, ...] = MOVING

    @property
    def key(self) -> tuple[int, str]:
        """What makes two causes the same although their numbers differ."""
        return self.row, self.subject


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look at the robot found.

    Attributes:
        causes: what keeps it from moving.
        warnings: what somebody should look after, in words.
        speed: most of the usual speed that its state allows, 0..1.
        held: whether nothing may move just now, by what may pass by itself.
        holds: what that is, once it is known, in words.
        waits: what keeps a policy's plan from going on until it is back, in words.
    """

    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    speed: float = 1.0
    held: bool = False
    holds: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()


def joined(findings: list[Findings]) -> Findings:
    """Return several findings as one."""
    return Findings(
        causes=tuple(cause for found in findings for cause in found.causes),
        warnings=tuple(warning for found in findings for warning in found.warnings),
        speed=min((found.speed for found in findings), default=1.0),
        held=any(found.held for found in findings),
        holds=tuple(dict.fromkeys(text for found in findings for text in found.holds)),
        waits=tuple(text for found in findings for text in found.waits),
    )
