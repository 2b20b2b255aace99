"""All detectors together: from what is heard of the robot to what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from messaging.messages import OFF, ControlStatus, Heartbeat, JointState
from messaging.topics import CONTROL_STATUS
from safety.arm_watch import ArmWatch
from safety.cause import Cause, Findings, joined
from safety.config import SafetyConfig
from safety.control_watch import ControlWatch
from safety.facts import ArmFact
from safety.process_watch import ProcessWatch
from safety.stall import Stalls, stood_still

_RESTING = "rest"
_PAUSE_NS = 50_000_000  # after a longer one, what was said meanwhile may not have got through yet
_SILENCE_NS = 200_000_000  # a permit older than this is none
_HANG_NS = 2_000_000_000  # who was away for longer is as good as dead


@dataclass(frozen=True, slots=True)
class Heard:
    """What came since the last look.

    Attributes:
        states: the newest of each arm that spoke.
        statuses: all of the controller, oldest first.
        heartbeats: the newest of each process that spoke, None if nobody listened to them.
    """

    states: dict[str, JointState]
    statuses: list[ControlStatus]
    heartbeats: dict[str, Heartbeat] | None = None


class Watch:
    """Remembers the newest of everything, and judges it.

    Args:
        arms: their names.
        ranges: joint -> the least and the most that it may be at, in order of the arms.
        processes: name -> how long it may be silent, in s.
        config: the thresholds.
        needed_cameras: those without whose images the policy cannot go on.
    """

    def __init__(
        self,
        arms: tuple[str, ...],
        ranges: dict[str, tuple[float, float]],
        processes: dict[str, float],
        config: SafetyConfig,
        needed_cameras: Collection[str] = (),
    ) -> None:
        patience, config = config.patience, config.patient()
        self._stalls = Stalls(config.stall_s)
        self._states: dict[str, JointState | None] = dict.fromkeys(arms)
        self._arms = {
            arm: ArmWatch(
                arm,
                {j: r for j, r in ranges.items() if j.startswith(f"{arm}_")},
                config,
                self._stalls,
            )
            for arm in arms
        }
        self._control = ControlWatch(config, CONTROL_STATUS.rate_hz, self._stalls)
        needed = {f"camera.{camera}" for camera in needed_cameras}
        self._processes = {
            name: ProcessWatch(
                name, stall_s * patience, config, self._stalls, is_needed=name in needed
            )
            for name, stall_s in processes.items()
        }
        self._living = Findings()  # of the processes, when they were listened to last
        self._looked_ns = 0
        self._since_ns = 0  # silence of before does not count: it may have been this process's own

    def look(self, heard: Heard, now_ns: int, running: bool) -> Findings:
        """Return what is wrong after taking in what was heard; `running`: a policy may command."""
        pause_ns = now_ns - self._looked_ns if self._looked_ns else 0
        self._looked_ns = now_ns
        if pause_ns > _PAUSE_NS:
            self._since_ns = now_ns
            self._stalls.note(now_ns - pause_ns, now_ns)
        self._states.update(heard.states)
        self._control.hear(heard.statuses)
        if heard.heartbeats is not None:
            self._living = self._look_at_processes(heard.heartbeats, now_ns)
        found = [_absence(pause_ns), self._living]
        found += [self._look_at_arm(arm, now_ns) for arm in self._arms]
        excused = any(one.held or one.waits for one in found)
        found.append(self._control.look(self._since_ns, now_ns, running, excused=excused))
        return joined(found)

    def arms(self) -> dict[str, ArmFact | None]:
        """Return what each arm said of the permit."""
        return {name: _fact(state) if state else None for name, state in self._states.items()}

    def rested(self) -> int:
        """Return the epoch of the permit under which all arms are at rest, 0 if they are not."""
        status = self._control.newest
        at_rest = status is not None and status.mode == _RESTING and status.arrived
        return status.permit if status and at_rest else 0

    def _look_at_processes(self, heartbeats: dict[str, Heartbeat], now_ns: int) -> Findings:
        for name, heartbeat in heartbeats.items():
            self._processes[name].hear(heartbeat, now_ns)
        stalls = [self._stalls.hear(heartbeat) for heartbeat in heartbeats.values()]
        looks = [watch.look(self._since_ns, now_ns) for watch in self._processes.values()]
        return joined([*stalls, *looks])

    def _look_at_arm(self, arm: str, now_ns: int) -> Findings:
        state = self._states[arm]
        heard_ns = max(state.t_written_ns, self._since_ns) if state else 0
        return self._arms[arm].look(state, heard_ns, now_ns)


def _fact(state: JointState) -> ArmFact:
    return ArmFact(state.permit, state.t_written_ns, state.t_frozen_ns, state.torque == OFF)


def _absence(pause_ns: int) -> Findings:
    if pause_ns <= _SILENCE_NS:
        return Findings()
    if pause_ns <= _HANG_NS:
        return Findings(held=True, holds=(stood_still(pause_ns),))
    text = f"the safety process was away for {pause_ns * 1e-6:.0f} ms: see what kept it"
    return Findings((Cause(6, "safety", text),))
