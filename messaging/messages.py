"""Every message that crosses a process boundary, one frozen dataclass each.

Times named `t_<event>_ns` are `time.monotonic_ns()` of the station, stamped where the event
happens. Joint vectors follow ACT's convention: per arm six joint angles in radians, then the
gripper, 0 closed to 1 open. `J` is the number of joints that the message speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Layout:
    """What the codec demands of an array field: its dtype, and the ranks that it may have."""

    dtype: str
    ranks: tuple[int, ...]


Vector = Annotated[NDArray[np.float64], Layout("<f8", (1,))]
Matrix = Annotated[NDArray[np.float64], Layout("<f8", (2,))]
Image = Annotated[NDArray[np.uint8], Layout("|u1", (1, 3))]

# What a permit allows: nothing; the way to rest; the poses of the config; a policy or a person too.
MOTIONS = ("none", "rest", "poses", "all")
# What the commands of a tick come from.
COMMANDERS = ("policy", "human", "hold", "home", "rest")
PHASES = ("disarmed", "testing", "armed", "running", "stopped")
STOPS = ("hold", "rest_then_off", "cut")
ON, OFF, MIXED, CUT = "on", "off", "mixed", "cut"


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera image, as the camera gave it; `messaging.images.pixels` reads every kind."""

    camera: str
    seq: int
    t_capture_ns: int
    t_sent_ns: int
    image: Image  # (height, width, 3) RGB, or (n,) the bytes of a JPEG file


@dataclass(frozen=True, slots=True)
class JointState:
    """What an arm's motors report, and the command that its guard last let through to them."""

    arm: str
    seq: int
    t_sample_ns: int
    joints: tuple[str, ...]
    position: Vector  # (J,) rad, gripper 0..1
    velocity: Vector  # (J,) rad/s, gripper 1/s
    current: Vector  # (J,) A, nan where a motor has no such sensor, empty where no motor has
    temperature: Vector  # (J,) degrees Celsius, empty where the arm has no such sensor
    voltage: Vector  # (J,) V, empty where the arm has no such sensor
    age_s: Vector  # (J,) how old each joint's values were when this was sent, empty if all alike
    errors: tuple[str, ...]  # what makes the arm unfit to move, in words; empty when healthy
    warnings: tuple[str, ...]  # what somebody should look after, in words
    written: Vector  # (J,) what the servos are told to do, in the sense of a command
    t_written_ns: int
    t_command_ns: int  # stamp of the command that `written` follows, 0 before the first
    holding: str  # why the guard holds by itself; empty while it follows commands
    permit: int = 0  # number of the newest permit heard, 0 before the first
    t_frozen_ns: int = 0  # since when `written` has not changed, 0 while it moves
    torque: str = ON  # ON, OFF, or MIXED: some motors hold and some do not
    unheard: tuple[str, ...] = ()  # those of `errors` that say that motors do not answer
    late_s: float = 0.0  # of `age_s`, for how long the driver itself stood still and asked nobody


@dataclass(frozen=True, slots=True)
class JointCommand:
    """Where all joints shall be now; each arm's driver takes its own joints by name."""

    seq: int
    t_command_ns: int
    epoch: int
    joints: tuple[str, ...]
    position: Vector  # (J,)
    permit: int = 0  # epoch of the permit under which it is given


@dataclass(frozen=True, slots=True)
class ActionChunk:
    """A policy's answer: action i is meant for `t_obs_ns + i * dt_ns`, plan cursor permitting."""

    policy: str
    seq: int
    t_obs_ns: int  # capture time of the observation; never stamped anew by a worker
    cursor: float  # plan cursor at t_obs_ns, as given in ControlStatus
    epoch: int  # as given in ControlStatus
    dt_ns: int
    joints: tuple[str, ...]
    actions: Matrix  # (horizon, J)
    stages_ms: dict[str, float]  # how long each stage took: wait, preprocess, infer, ...


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """The controller's state after each tick."""

    seq: int
    t_ns: int
    late_us: float  # how long after its deadline this tick began
    mode: str
    epoch: int
    cursor: float  # position in the plan, in control ticks
    rate: float  # plan clock: 1 at full speed, 0 while holding
    upcoming: Matrix  # (K, J) the plan from the cursor on, one row a control tick
    dt_ns: int  # length of a control tick
    runway_s: float  # how long the plan lasts from here at full speed
    latency_s: float  # capture to arrival of chunks: 95th percentile over a window, 0 if none
    disagreement_rad: float  # newest chunk against the plan it joins, RMS over the overlap
    jerk: float  # RMS over joints and the last second of what was led, not braked; rad/s^3
    chunks: int  # merged so far
    counters: dict[str, int]  # dropped chunks by reason, limit activations by joint and kind
    arrived: bool = False  # at the pose of `home` or `rest`; stopped, for `idle` and `hold`
    permit: int = 0  # epoch of the permit under which it commands, 0 while it has none
    starved_s: float = 0.0  # for how long a policy's plan has been at its end, 0 while it is not
    blocked_s: float = 0.0  # for how long the collision check has kept the arms from going on
    commander: str = "hold"  # one of COMMANDERS
    chunk: int = 0  # number of the newest chunk in the plan, 0 before the first
    blended: int = 0  # how many chunks the plan ahead is made of
    lost: bool = False  # a person fell silent in command, and nobody has handed back since


@dataclass(frozen=True, slots=True)
class HumanCommand:
    """Where a person wants joints to be, in the arms' convention; sent engaged or not."""

    device: str
    seq: int
    t_ns: int  # when the device was read
    joints: tuple[str, ...]  # those that it moves; all others stay
    position: Vector  # (J,)
    engaged: bool  # the person commands, or wants to: the takeover comes with the pose
    relative: bool  # only its changes since the takeover count
    doing: str = "correct"  # or "rewind"


@dataclass(frozen=True, slots=True)
class LeaderCommand:
    """What a leader arm shall do: follow the arm that it leads, or be free in a person's hand."""

    leader: str
    seq: int
    t_ns: int
    joints: tuple[str, ...]
    position: Vector  # (J,) where to be while it follows
    free: bool


@dataclass(frozen=True, slots=True)
class EpisodeState:
    """Which episode the station conducts, and how it ended."""

    t_ns: int
    episode: int
    seed: int
    instruction: str
    phase: str  # none, running, over
    t_begin_ns: int = 0
    t_end_ns: int = 0  # 0 while it runs
    outcome: str = ""  # once over: success, failure, timeout, aborted
    judge: str = ""  # who said so: the task's rule, or who gave the label


@dataclass(frozen=True, slots=True)
class Directive:
    """What the station wants the controller and the worker to do."""

    seq: int
    mode: str  # one of controller.mode.MODES
    episode: int
    instruction: str


@dataclass(frozen=True, slots=True)
class EpisodeRequest:
    """Set the scene for an episode; the twin answers through TaskState."""

    episode: int
    seed: int
    instruction: str


@dataclass(frozen=True, slots=True)
class TaskState:
    """How the episode goes by the task's own rules."""

    t_ns: int
    episode: int
    reward: int  # gym-aloha's 0..4
    success: bool


@dataclass(frozen=True, slots=True)
class TwinState:
    """The simulated world's true state, for the renderers and for the scripted expert."""

    t_ns: int
    episode: int
    qpos: Vector  # (nq,) MuJoCo's generalized positions


@dataclass(frozen=True, slots=True)
class ServoTarget:
    """What the driver of a twin arm writes to its simulated servos."""

    arm: str
    t_ns: int
    position: Vector  # (J,)


@dataclass(frozen=True, slots=True)
class ServoReading:
    """What the simulated servos of a twin arm report."""

    arm: str
    t_ns: int
    position: Vector  # (J,)
    velocity: Vector  # (J,)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Sign of life of a process, carrying the progress of its own loop."""

    process: str
    pid: int
    t_ns: int
    ready: bool
    loops: int  # iterations of the main loop so far: a hung loop stops counting
    rate_hz: float  # of the iterations that did work, over the last second
    late_ms: float  # worst lateness since the last heartbeat
    age_ms: float  # age of the oldest input it relies on, 0 without any
    counters: dict[str, int] = field(default_factory=dict)
    note: str = ""  # what it is doing, for people
    quiet_s: float = 0.0  # how long it may be silent by the nature of its work
    stall_ms: float = 0.0  # how long its loop last stood still, 0 if it never did
    t_stall_ns: int = 0  # when that was over


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to move. Without a fresh one nothing moves, so that silence is a stop.

    `motion` is one of MOTIONS, each of which includes those before it.
    """

    epoch: int  # goes up each time that leave is given anew; older commands stay without
    seq: int
    t_ns: int
    motion: str
    speed: float  # most of the usual speed that may be used, 0..1
    order: str = ""  # OFF: whoever is at rest takes its torque off; CUT: everyone, now
    event: str = ""  # the stop in force, empty if there is none


@dataclass(frozen=True, slots=True)
class SafetyState:
    """What the safety process thinks, for people and for who conducts a run."""

    t_ns: int
    phase: str  # one of PHASES
    epoch: int
    motion: str  # as in the newest permit
    speed: float
    commander: str  # who may command while running: policy, person; empty while nobody may
    event: str = ""  # id of the stop in force, empty if there is none
    stop: str = ""  # one of STOPS
    stopped_at: str = ""  # wall-clock time of the event, ISO 8601
    by: str = ""  # who asked for the stop, or what found its cause
    causes: tuple[str, ...] = ()  # of this event, the first cause first
    persisting: tuple[str, ...] = ()  # what would have to go before arming or a reset
    warnings: tuple[str, ...] = ()  # what somebody should look after
    confirmed_ms: dict[str, float] = field(default_factory=dict)  # arm -> stop to frozen goal
    awaited: tuple[str, ...] = ()  # arms that have not confirmed the stop yet
    note: str = ""  # what it waits for, for people
    holds: tuple[str, ...] = ()  # why nothing may move for a moment: it passes by itself
    waits: tuple[str, ...] = ()  # what keeps the policy's plan from going on until it is back


@dataclass(frozen=True, slots=True)
class Request:
    """Something asked of a service by a person or a program; acted upon once at most."""

    id: str  # never used twice
    kind: str
    who: str  # who asks, for the audit: "shell alice", "dashboard 127.0.0.1 operator"
    t_ns: int  # when it was asked for, on the station's clock
    event: str = ""  # the stop that a reset is about; the code that a cut confirms
    value: float = 0.0  # of a speed
    reason: str = ""  # in the asker's words


@dataclass(frozen=True, slots=True)
class Reply:
    """A service's answer to a request."""

    id: str  # of the request
    accepted: bool
    said: str = ""  # why not, or what follows from it
    event: str = ""  # the stop in force; the code that confirms a cut


@dataclass(frozen=True, slots=True)
class MotorStates:
    """Every motor of an arm by itself, shadows too, a few times a second, for people."""

    arm: str
    t_ns: int
    names: tuple[str, ...]  # (M,) "shoulder (id 2)"
    position: Vector  # (M,) rad of the motor's shaft
    lower: Vector  # (M,) rad
    upper: Vector  # (M,) rad
    current: Vector  # (M,) A, nan where a motor has no such sensor
    most_current: Vector  # (M,) A, nan where nothing limits it
    temperature: Vector  # (M,) degrees Celsius
    voltage: Vector  # (M,) V
    errors: tuple[str, ...]  # (M,) in words, empty for a healthy motor


Message = (
    Frame
    | JointState
    | JointCommand
    | ActionChunk
    | ControlStatus
    | HumanCommand
    | LeaderCommand
    | EpisodeState
    | Directive
    | EpisodeRequest
    | TaskState
    | TwinState
    | ServoTarget
    | ServoReading
    | Heartbeat
    | Permit
    | SafetyState
    | Request
    | Reply
    | MotorStates
)
