"""Faults that can be brought about in a running robot, and how long each took to be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.table import Table

from benchmarks.stopping.record import brakes_ns
from benchmarks.stopping.robot import Robot, RobotError
from messaging.topics import PERMIT

LOOK_MS = 1e3 / PERMIT.rate_hz  # the safety process looks as often as it permits
_FOUND_S = 4.0  # not found by then: missed

Found = Callable[[Robot, int], int | None]


def revoked_ns(robot: Robot, since_ns: int) -> int | None:
    """Return when leave to move was taken back, None if it has not been since then."""
    permit = robot.revoked(since_ns)
    return permit.t_ns if permit else None


def braked_ns(robot: Robot, since_ns: int) -> int | None:
    """Return when the last of the arms began to brake by itself, None before that."""
    stamps = [brakes_ns(states) for states in robot.since(since_ns).values()]
    known = [stamp for stamp in stamps if stamp is not None]
    return max(known) if len(known) == len(stamps) else None


def warned_ns(robot: Robot, since_ns: int) -> int | None:
    """Return when safety first warned of what it had not warned of before."""
    before = [state for state in robot.safeties if state.t_ns < since_ns]
    known = before[-1].warnings if before else ()
    for state in robot.safeties:
        if state.t_ns >= since_ns and set(state.warnings) - set(known):
            return state.t_ns
    return None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be brought about, and how it shows.

    Attributes:
        row: of the fault table.
        text: what is done, in words.
        promised_ms: the threshold after which it counts as one.
        bring: brings it about; returns when.
        found_ns: when it was found after that moment, None as long as it was not.
        clear: takes it away.
    """

    row: int
    text: str
    promised_ms: float
    bring: Callable[[Robot], int]
    found_ns: Found = revoked_ns
    clear: Callable[[Robot], object] = lambda _: None

    def measured_ms(self, robot: Robot) -> float:
        """Bring it about while the arms move, and return how long it took to be found.

        Raises:
            RobotError: it was not found, or the robot did not get that far.
        """
        robot.set_in_motion()
        t_ns = self.bring(robot)
        try:
            robot.until(lambda: self.found_ns(robot, t_ns), f"{self.text} to be found", _FOUND_S)
        finally:
            self.clear(robot)
        return ((self.found_ns(robot, t_ns) or 0) - t_ns) * 1e-6


@dataclass
class Detections:
    """What was found when, and what was not."""

    found: list[tuple[Fault, float]] = field(default_factory=list)  # and after how many ms
    left_out: list[str] = field(default_factory=list)

    def measure(self, fault: Fault, robot: Robot) -> None:
        """Bring a fault about and add what came of it."""
        try:
            self.found.append((fault, fault.measured_ms(robot)))
        except RobotError as error:
            self.left_out.append(f"row {fault.row}, {fault.text}: {str(error).splitlines()[0]}")
            if robot.popen.poll() is not None:
                raise

    def figures(self) -> dict[str, float]:
        """Return the worst time of each row, and the number of faults found too late."""
        if not self.found:
            return {}
        figures: dict[str, float] = {}
        for fault, ms in self.found:
            key = f"detection_row_{fault.row}_ms"
            figures[key] = max(figures.get(key, 0.0), ms)
        late = sum(ms > fault.promised_ms + LOOK_MS for fault, ms in self.found)
        return figures | {"faults_detected_late": float(late)}

    def table(self) -> Table:
        """Return one row a fault."""
        table = Table(
            *("row", "fault", "times", "promised ms", "measured ms", "most"),
            title=f"Found late is what takes longer than promised by a look of {LOOK_MS:g} ms",
            title_justify="left",
        )
        texts = dict.fromkeys((fault.row, fault.text) for fault, _ in self.found)
        for row, text in sorted(texts):
            of_it = [(f.promised_ms, ms) for f, ms in self.found if (f.row, f.text) == (row, text)]
            promised_ms, took = of_it[0][0], sorted(ms for _, ms in of_it)
            colour = "red" if took[-1] > promised_ms + LOOK_MS else "green"
            shown = (f"{took[len(took) // 2]:.1f}", f"[{colour}]{took[-1]:.1f}[/]")
            table.add_row(str(row), text, str(len(took)), f"{promised_ms:g}", *shown)
        return table
