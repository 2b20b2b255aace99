"""The one table of topics: who says what, how often, and whether the newest or all are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from messaging import messages

M = TypeVar("M", bound=messages.Message)

_STALE_PERIODS = 5  # a stream silent for longer than this many of its periods is stale


class Keep(Enum):
    """What a subscriber that was busy finds when it looks again."""

    NEWEST = "newest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Topic(Generic[M]):
    """A kind of stream: one in all, or one for `each` arm, camera or process."""

    name: str
    message: type[M]
    rate_hz: float
    keep: Keep
    writer: str  # the process that publishes it, `{}` standing for the instance
    each: str = ""
    queued: int = 1000  # messages that a writer keeps for a reader that does not read

    @property
    def stale_after_ns(self) -> int:
        """Age in ns beyond which nobody may rely on the newest message."""
        return int(_STALE_PERIODS * 1e9 / self.rate_hz)

    def stream(self, instance: str = "") -> str:
        """Return the name of one stream, `frame.cam_high` for instance."""
        if bool(self.each) != bool(instance):
            wanted = f"is one for each {self.each}" if self.each else "is one in all"
            raise ValueError(f"topic {self.name!r} {wanted}, got {instance!r}")
        return f"{self.name}.{instance}" if instance else self.name

    def writer_of(self, instance: str = "") -> str:
        """Return the name of the process that publishes the stream."""
        return self.writer.format(instance)


# A frame is a megabyte: a stopped reader must not fill the memory of the camera's process.
FRAME = Topic("frame", messages.Frame, 30.0, Keep.NEWEST, "camera.{}", "camera", queued=8)
JOINT_STATE = Topic("joint_state", messages.JointState, 100.0, Keep.NEWEST, "arm.{}", "arm")
JOINT_COMMAND = Topic("joint_command", messages.JointCommand, 100.0, Keep.NEWEST, "controller")
CONTROL_STATUS = Topic("control_status", messages.ControlStatus, 100.0, Keep.NEWEST, "controller")
ACTION_CHUNK = Topic("action_chunk", messages.ActionChunk, 10.0, Keep.ALL, "policy_worker")
HUMAN_COMMAND = Topic("human_command", messages.HumanCommand, 100.0, Keep.NEWEST, "teleop")
LEADER_COMMAND = Topic(
    "leader_command", messages.LeaderCommand, 100.0, Keep.NEWEST, "teleop", "leader"
)
EPISODE_STATE = Topic("episode_state", messages.EpisodeState, 10.0, Keep.ALL, "station")
DIRECTIVE = Topic("directive", messages.Directive, 10.0, Keep.NEWEST, "station")
EPISODE_REQUEST = Topic("episode_request", messages.EpisodeRequest, 10.0, Keep.NEWEST, "station")
TASK_STATE = Topic("task_state", messages.TaskState, 50.0, Keep.NEWEST, "twin")
TWIN_STATE = Topic("twin_state", messages.TwinState, 60.0, Keep.NEWEST, "twin")
SERVO_TARGET = Topic("servo_target", messages.ServoTarget, 100.0, Keep.NEWEST, "arm.{}", "arm")
SERVO_READING = Topic("servo_reading", messages.ServoReading, 100.0, Keep.NEWEST, "twin", "arm")
PERMIT = Topic("permit", messages.Permit, 50.0, Keep.NEWEST, "safety")
SAFETY_STATE = Topic("safety_state", messages.SafetyState, 10.0, Keep.NEWEST, "safety")
MOTOR_STATES = Topic("motor_states", messages.MotorStates, 5.0, Keep.NEWEST, "arm.{}", "arm")
HEARTBEAT = Topic("heartbeat", messages.Heartbeat, 20.0, Keep.NEWEST, "{}", "process")

TOPICS: tuple[Topic[Any], ...] = (
    FRAME,
    JOINT_STATE,
    JOINT_COMMAND,
    CONTROL_STATUS,
    ACTION_CHUNK,
    HUMAN_COMMAND,
    LEADER_COMMAND,
    EPISODE_STATE,
    DIRECTIVE,
    EPISODE_REQUEST,
    TASK_STATE,
    TWIN_STATE,
    SERVO_TARGET,
    SERVO_READING,
    PERMIT,
    SAFETY_STATE,
    MOTOR_STATES,
    HEARTBEAT,
)
