"""What the controller is to do: a pure state machine, told of directives and of standstill."""

from __future__ import annotations

from typing import Final, Literal

Mode = Literal["idle", "home", "run", "hold", "rest", "human"]
MODES: Final[tuple[Mode, ...]] = ("idle", "home", "run", "hold", "rest")  # that are directed
HUMAN: Final[Mode] = "human"  # a run in which a person commands
POSES: Final[tuple[Mode, ...]] = ("home", "rest")
Step = Literal["stop", "depart", "go"]


class ModeMachine:
    """The mode, and how far it has got.

    `idle` and `hold` stop and stay. `home` and `rest` stop, then go to a pose. `run` follows
    chunks; until the first one it stops and stays. In `human` no plan is followed. Every change
    begins a new epoch, and what was computed in an older epoch no longer counts.
    """

    def __init__(self) -> None:
        """Begin idle, in epoch 0."""
        self.mode: Mode = "idle"
        self.epoch = 0
        self.arrived = True
        self._under_way = False

    def direct(self, mode: str) -> bool:
        """Change to `mode`; to be told the present one again changes nothing.

        Returns:
            Whether the mode changed.

        Raises:
            ValueError: there is no such mode.
        """
        for known in (*MODES, HUMAN):
            if known == mode:
                break
        else:
            raise ValueError(f"no mode {mode!r}; there are {[*MODES, HUMAN]}")
        if known == self.mode:
            return False
        self.mode = known
        self.epoch += 1
        self.arrived = False
        self._under_way = False
        return True

    @property
    def commander(self) -> str:
        """What commands come from, one of messages.COMMANDERS."""
        if self.mode == "run":
            return "policy" if self._under_way else "hold"
        return "hold" if self.mode == "idle" else self.mode

    def set_off(self) -> None:
        """Move along the plan from now on: a run has got its first chunk."""
        self._under_way = True

    def step(self, standing: bool, at_end: bool) -> Step:
        """Return what to do in this tick.

        Args:
            standing: the plan clock stands still.
            at_end: the cursor is at the end of the plan.

        Returns:
            `stop`: slow the plan clock down and stay. `depart`: begin the way to the pose from
            standstill. `go`: move along the plan.
        """
        if self.mode in POSES and not self.arrived:
            if self._under_way:
                self.arrived = at_end
                return "stop" if at_end else "go"
            self._under_way = standing
            return "depart" if standing else "stop"
        if self.mode == "run":
            self.arrived = self._under_way
            return "go" if self._under_way else "stop"
        self.arrived = self.arrived or standing
        return "stop"
