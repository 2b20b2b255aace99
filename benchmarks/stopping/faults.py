"""Faults that can be brought about in a running robot, and how long each took to be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.table import Table

from benchmarks.stopping.record import brakes_ns
from benchmarks.stopping.robot import Robot, RobotError
from messaging.topics import JOINT_STATE, PERMIT

LOOK_MS = 1e3 / PERMIT.rate_hz  # the safety process looks as often as it permits
CYCLE_MS = 1e3 / JOINT_STATE.rate_hz
SLACK_MS = CYCLE_MS + 2 * LOOK_MS  # until it is said, until it is seen, until its time is up
STACK, ALONE = "running stack", "detector alone"
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


def waited_ns(robot: Robot, since_ns: int) -> int | None:
    """Return when safety first told that the policy waits for something, None before that."""
    return next((s.t_ns for s in robot.safeties if s.t_ns >= since_ns and s.waits), None)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that was found.

    Attributes:
        row: of the fault table.
        text: what was wrong.
        promised_ms: the threshold after which it counts as a fault.
        took_ms: from its beginning until it was found.
        where: STACK or ALONE.
    """

    row: int
    text: str
    promised_ms: float
    took_ms: float
    where: str = STACK

    @property
    def late(self) -> bool:
        """Whether that was later than signal and look explain."""
        return self.took_ms > self.promised_ms + SLACK_MS


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
        silent: the process that it silences, which may have asked for more time.
    """

    row: int
    text: str
    promised_ms: float
    bring: Callable[[Robot], int]
    found_ns: Found = revoked_ns
    clear: Callable[[Robot], object] = lambda _: None
    silent: str = ""

    def found(self, robot: Robot) -> Finding:
        """Bring it about while the arms move, and return when it was found.

        Raises:
            RobotError: it was not found, or the robot did not get that far.
        """
        robot.set_in_motion()
        promised_ms = max(self.promised_ms, robot.quiet_s(self.silent) * 1e3)
        t_ns = self.bring(robot)
        try:
            robot.until(lambda: self.found_ns(robot, t_ns), f"{self.text} to be found", _FOUND_S)
        finally:
            self.clear(robot)
        took_ms = ((self.found_ns(robot, t_ns) or 0) - t_ns) * 1e-6
        return Finding(self.row, self.text, promised_ms, took_ms)


@dataclass
class Detections:
    """What was found when, and what was not."""

    found: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def measure(self, fault: Fault, robot: Robot) -> None:
        """Bring a fault about and add what came of it; raises RobotError if the launch ended."""
        try:
            self.found.append(fault.found(robot))
        except RobotError as error:
            if robot.popen.poll() is not None:
                raise
            self.left_out.append(f"row {fault.row}, {fault.text}: {error}")

    def figures(self) -> dict[str, float]:
        """Return the worst time of each row, and the number of faults found too late."""
        if not self.found:
            return {}
        figures: dict[str, float] = {}
        for finding in self.found:
            key = f"detection_row_{finding.row}_ms"
            figures[key] = max(figures.get(key, 0.0), finding.took_ms)
        return figures | {"faults_detected_late": float(sum(f.late for f in self.found))}

    def table(self) -> Table:
        """Return one row a fault."""
        table = Table(
            *("row", "fault", "in", "times", "promised ms", "measured ms", "most"),
            title=f"Late is what takes {SLACK_MS:g} ms longer than promised: a cycle, two looks",
            title_justify="left",
        )
        for row, text, where in sorted({(f.row, f.text, f.where) for f in self.found}):
            of_it = [f for f in self.found if (f.row, f.text) == (row, text)]
            promised_ms = max(finding.promised_ms for finding in of_it)
            took = sorted(finding.took_ms for finding in of_it)
            colour = "red" if any(finding.late for finding in of_it) else "green"
            shown = (f"{took[len(took) // 2]:.1f}", f"[{colour}]{took[-1]:.1f}[/]")
            table.add_row(str(row), text, where, str(len(took)), f"{promised_ms:.0f}", *shown)
        return table
