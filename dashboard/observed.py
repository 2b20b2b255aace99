"""What the dashboard hears on the bus: the newest of everything that the page shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.tally import Tally
from messaging.messages import (
    ActionChunk,
    ControlStatus,
    Heartbeat,
    HumanCommand,
    JointState,
    MotorStates,
    SafetyState,
    TaskState,
)
from messaging.topics import (
    ACTION_CHUNK,
    CONTROL_STATUS,
    EPISODE_STATE,
    HEARTBEAT,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    JOINT_STATE,
    MOTOR_STATES,
    SAFETY_STATE,
    TASK_STATE,
    Keep,
    M,
)
from messaging.transport import Bus, Subscriber

_TRACED = 100  # samples that wait for the next message to the browsers
_WORST_OF = 100  # samples of a delay: five seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment of the plot: what each joint was told and where it was."""

    t_ns: int
    command: tuple[float, ...]
    position: tuple[float, ...]


class Delay:
    """A delay on the way of data, now and at worst over the last seconds."""

    def __init__(self) -> None:
        self._last_ms: deque[float] = deque(maxlen=_WORST_OF)

    def add(self, ms: float) -> None:
        """Note one more delay, in ms."""
        self._last_ms.append(ms)

    @property
    def newest_ms(self) -> float | None:
        """The last one, None before the first."""
        return self._last_ms[-1] if self._last_ms else None

    @property
    def worst_ms(self) -> float | None:
        """The longest of the last hundred, None before the first."""
        return max(self._last_ms, default=None)


class _Streams:
    """All that is shown only: heard while somebody looks, as it costs every writer a copy."""

    def __init__(
        self, bus: Bus, arms: Sequence[str], leaders: Sequence[str], processes: Sequence[str]
    ) -> None:
        self.command = bus.subscriber(JOINT_COMMAND)
        self.chunk = bus.subscriber(ACTION_CHUNK, keep=Keep.NEWEST)
        self.task = bus.subscriber(TASK_STATE)
        self.human = bus.subscriber(HUMAN_COMMAND)
        self.states = {arm: bus.subscriber(JOINT_STATE, arm) for arm in arms}
        self.motors = {arm: bus.subscriber(MOTOR_STATES, arm) for arm in (*arms, *leaders)}
        self.beats = {name: bus.subscriber(HEARTBEAT, name) for name in processes}

    def close(self) -> None:
        """Hear nothing more."""
        for source in (self.command, self.chunk, self.task, self.human):
            source.close()
        for sources in (self.states, self.motors, self.beats):
            for each in sources.values():
                each.close()


class Observed:
    """The newest messages of a station, and since when it is stopped."""

    def __init__(
        self,
        bus: Bus,
        arms: Sequence[str],
        joints: Sequence[str],
        processes: Sequence[str],
        leaders: Sequence[str] = (),
    ) -> None:
        """Listen to safety, the controller and episodes; to all else once `sample` is called.

        Args:
            bus: of the station.
            arms: that are commanded.
            joints: of these, in the order of commands.
            processes: whose heartbeats are heard.
            leaders: arms in people's hands, of which the motors are shown.
        """
        self.delays: dict[str, Delay] = {}
        self.awaited_ns = 0  # since when arms are to confirm a stop, 0 while none is
        self.trace: deque[Sample] = deque(maxlen=_TRACED)
        self.tally = Tally()
        self.safety_source = bus.subscriber(SAFETY_STATE)
        self._bus = bus
        self._arms, self._joints = tuple(arms), tuple(joints)
        self._leaders, self._processes = tuple(leaders), tuple(processes)
        self._control = bus.subscriber(CONTROL_STATUS)
        self._episodes = bus.subscriber(EPISODE_STATE)
        self._streams: _Streams | None = None

    @property
    def safety(self) -> SafetyState | None:
        """What the safety process thinks, None before its first word."""
        return self.safety_source.newest

    @property
    def control(self) -> ControlStatus | None:
        """The controller's state."""
        return self._control.newest

    @property
    def task(self) -> TaskState | None:
        """How the episode goes."""
        return self._streams.task.newest if self._streams else None

    @property
    def human(self) -> HumanCommand | None:
        """What a person wants, None before a device's first word."""
        return self._streams.human.newest if self._streams else None

    @property
    def arms(self) -> dict[str, JointState | None]:
        """Each arm's joints."""
        return _newest(self._arms, self._streams.states if self._streams else {})

    @property
    def motors(self) -> dict[str, MotorStates | None]:
        """Each arm's motors, those of leaders too."""
        sources = self._streams.motors if self._streams else {}
        return {
            arm: sources[arm].newest if sources else None for arm in (*self._arms, *self._leaders)
        }

    @property
    def beats(self) -> dict[str, Heartbeat | None]:
        """Each process's heartbeat."""
        return _newest(self._processes, self._streams.beats if self._streams else {})

    def hear_safety(self, now_ns: int) -> bool:
        """Read what safety says; returns whether it is another state than before."""
        before = self.safety
        safety = self.safety_source.receive()
        if safety is None:
            return False
        if bool(safety.awaited) != bool(self.awaited_ns):
            self.awaited_ns = now_ns if safety.awaited else 0
        return before is None or _told(before) != _told(safety)

    def hear_episodes(self) -> None:
        """Read what is told of episodes, and who commands; whether anybody looks or not."""
        if control := self._control.receive():
            self.tally.look(control.commander)
            self._delay("control tick behind its deadline").add(control.late_us * 1e-3)
            self._delay("capture to plan, p95").add(control.latency_s * 1e3)
        for state in self._episodes.drain():
            self.tally.hear(state)

    def sample(self, now_ns: int) -> None:
        """Read everything else, and note the delays and a point of the plot."""
        self.hear_episodes()
        if self._streams is None:
            self._streams = _Streams(self._bus, self._arms, self._leaders, self._processes)
        streams = self._streams
        for beat in streams.beats.values():
            beat.receive()
        for motors in streams.motors.values():
            motors.receive()
        streams.task.receive()
        streams.human.receive()
        if chunk := streams.chunk.receive():
            self._add_stages(chunk)
        for arm, states in streams.states.items():
            if state := states.receive():
                self._add_state(arm, state, now_ns)
        command = streams.command.receive()
        if command and tuple(command.joints) == self._joints:
            self.trace.append(Sample(now_ns, tuple(command.position), self._positions()))

    def look_away(self) -> None:
        """Nobody looks any more: hear only what counts all the same."""
        if self._streams is not None:
            self._streams.close()
            self._streams = None

    def _positions(self) -> tuple[float, ...]:
        at = {
            joint: float(value)
            for state in self.arms.values()
            if state
            for joint, value in zip(state.joints, state.position, strict=True)
        }
        return tuple(at.get(joint, float("nan")) for joint in self._joints)

    def _add_stages(self, chunk: ActionChunk) -> None:
        for stage, ms in chunk.stages_ms.items():
            self._delay(f"policy: {stage}").add(ms)

    def _add_state(self, arm: str, state: JointState, now_ns: int) -> None:
        self._delay(f"{arm} arm: sample to here").add((now_ns - state.t_sample_ns) * 1e-6)
        if state.t_command_ns and not state.holding:
            passed_ns = state.t_written_ns - state.t_command_ns
            self._delay(f"{arm} arm: command to servos").add(passed_ns * 1e-6)

    def _delay(self, name: str) -> Delay:
        return self.delays.setdefault(name, Delay())


def _newest(names: Sequence[str], sources: Mapping[str, Subscriber[M]]) -> dict[str, M | None]:
    return {name: sources[name].newest if name in sources else None for name in names}


def _told(safety: SafetyState) -> tuple[object, ...]:
    return (
        safety.phase,
        safety.event,
        safety.causes,
        safety.persisting,
        safety.awaited,
        safety.commander,
        safety.speed,
        safety.note,
        safety.holds,
        safety.waits,
    )
