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


@dataclass(frozen=True, slots=True)
class JointCommand:
    """Where all joints shall be now; each arm's driver takes its own joints by name."""

    seq: int
    t_command_ns: int
    epoch: int
    joints: tuple[str, ...]
    position: Vector  # (J,)


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
    jerk: float  # RMS over the last second and all arm joints, rad/s^3
    chunks: int  # merged so far
    counters: dict[str, int]  # dropped chunks by reason, limit activations by joint and kind
    arrived: bool = False  # at the pose of `home` or `rest`; stopped, for `idle` and `hold`


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


Message = (
    Frame
    | JointState
    | JointCommand
    | ActionChunk
    | ControlStatus
    | Directive
    | EpisodeRequest
    | TaskState
    | TwinState
    | ServoTarget
    | ServoReading
    | Heartbeat
)
