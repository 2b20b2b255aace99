"""A moment of a robot's life for the dashboard's tests: what each process would say."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from messaging.messages import (
    ActionChunk,
    ControlStatus,
    EpisodeState,
    Heartbeat,
    HumanCommand,
    JointCommand,
    JointState,
    MotorStates,
)

ARMS = ("left", "right")
CAMERAS = ("cam_high", "cam_low", "cam_left_wrist", "cam_right_wrist")
JOINT_NAMES = (
    "waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper",
)  # fmt: skip
JOINTS = tuple(f"{arm}_{joint}" for arm in ARMS for joint in JOINT_NAMES)
PROCESSES = (
    "safety", "twin", "arm.left", "arm.right", *(f"camera.{name}" for name in CAMERAS),
    "controller", "teleop", "policy_worker", "recorder", "finisher", "journal", "dashboard",
)  # fmt: skip
_MOTORS = (
    "waist (id 1)", "shoulder (id 2)", "shoulder shadow (id 3)", "elbow (id 4)",
    "elbow shadow (id 5)", "forearm_roll (id 6)", "wrist_angle (id 7)", "wrist_rotate (id 8)",
    "gripper (id 9)",
)  # fmt: skip
_LAG_S = 0.08
_NOTES = {
    "camera": "OK: stamped by the driver",
    "policy_worker": "flow",
    "recorder": "recording episode_2026-03-04_15-26-07_000000",
    "finisher": "finishing episode_2026-03-04_15-25-20_000000, 40%",
}


def command(seq: int, now_ns: int, t_s: float) -> JointCommand:
    """Where the joints shall be."""
    return JointCommand(seq, now_ns, 1, JOINTS, _swing(t_s), 1)


def joint_state(arm: str, seq: int, now_ns: int, t_s: float) -> JointState:
    """Where an arm's joints are: a little behind, and still where `t_s` is 0."""
    own = slice(ARMS.index(arm) * 7, ARMS.index(arm) * 7 + 7)
    empty = np.empty(0)
    return JointState(
        arm=arm,
        seq=seq,
        t_sample_ns=now_ns - 3_000_000,
        joints=JOINTS[own],
        position=_swing(t_s - _LAG_S if t_s else 0.0)[own],
        velocity=np.zeros(7),
        current=empty,
        temperature=empty,
        voltage=empty,
        age_s=empty,
        errors=(),
        warnings=(),
        written=_swing(t_s)[own],
        t_written_ns=now_ns,
        t_command_ns=now_ns - 900_000,
        holding="" if t_s else "no permit",
        permit=seq,
        t_frozen_ns=0 if t_s else now_ns,
    )


def chunk(seq: int, now_ns: int) -> ActionChunk:
    """A policy's answer."""
    stages = {"wait": 4.1, "preprocess": 6.2, "infer": 92.0 + 8 * math.sin(seq), "send": 0.4}
    actions = np.zeros((2, len(JOINTS)))
    return ActionChunk("flow", seq, now_ns, 0.0, 1, 20_000_000, JOINTS, actions, stages)


def control(seq: int, now_ns: int, moves: bool, commander: str) -> ControlStatus:
    """What the controller says."""
    return ControlStatus(
        seq=seq, t_ns=now_ns, late_us=120.0 + 60 * math.sin(seq), mode="run" if moves else "hold",
        epoch=1, cursor=0.0, rate=1.0 if moves else 0.0, upcoming=np.zeros((1, 14)),
        dt_ns=10_000_000, runway_s=0.62 + 0.2 * math.sin(seq / 9) if moves else 0.0,
        latency_s=0.112, disagreement_rad=0.008, jerk=31.0, chunks=seq, counters={"dropped.old": 3},
        permit=1, commander=commander if moves else "hold",
    )  # fmt: skip


def beat(name: str, now_ns: int, seq: int) -> Heartbeat:
    """What a process says of itself."""
    rates = {"camera": 30.0, "policy_worker": 9.1, "journal": 20.0, "twin": 60.0, "safety": 50.0}
    rate_hz = rates.get(name.split(".")[0], 100.0)
    note = _NOTES.get(name.split(".")[0], "")
    counters = {"free_mb": 78_300} if name == "recorder" else {}
    return Heartbeat(
        process=name, pid=1, t_ns=now_ns, ready=True, loops=seq, rate_hz=rate_hz, late_ms=0.21,
        age_ms=18.0, note=note, counters=counters,
    )  # fmt: skip


def human(now_ns: int, arms: tuple[str, ...], *, engaged: bool, doing: str) -> HumanCommand:
    """What a person's device says."""
    joints = tuple(joint for joint in JOINTS if joint.startswith(arms))
    position = np.zeros(len(joints))
    return HumanCommand("leader", 1, now_ns, joints, position, engaged, False, doing)


def episode(number: int, begun_ns: int, now_ns: int, outcome: str) -> EpisodeState:
    """An episode; with an outcome it is over."""
    return EpisodeState(
        t_ns=now_ns, episode=number, seed=number, instruction="transfer the cube",
        phase="over" if outcome else "running", t_begin_ns=begun_ns,
        t_end_ns=now_ns if outcome else 0, outcome=outcome,
        judge="the task's rule" if outcome else "",
    )  # fmt: skip


def motor_states(arm: str, now_ns: int, errors: dict[str, str]) -> MotorStates:
    """What an arm's motors report."""
    count = len(_MOTORS)
    at = np.arange(count, dtype=np.float64)
    return MotorStates(
        arm=arm, t_ns=now_ns, names=_MOTORS,
        position=np.sin(now_ns * 3e-10 + at) * 1.2, lower=np.full(count, -1.8),
        upper=np.full(count, 1.7), current=np.where(at == count - 1, np.nan, 0.2 + 0.06 * at),
        most_current=np.full(count, 3.2), temperature=36.0 + 2.0 * at, voltage=np.full(count, 11.9),
        errors=tuple(errors.get(name, "") for name in _MOTORS),
    )  # fmt: skip


def picture(seq: int, number: int) -> NDArray[np.uint8]:
    """What a camera sees."""
    image = np.zeros((240, 320, 3), np.uint8)
    rows, columns = np.mgrid[0:240, 0:320]
    image[..., 0] = 60 + number * 30
    image[..., 1] = rows // 2 + 40
    image[..., 2] = (columns // 2 + seq * 3) % 160
    return image


def _swing(t_s: float) -> NDArray[np.float64]:
    return np.asarray(0.6 * np.sin(t_s * 0.7 + 0.9 * np.arange(len(JOINTS))), np.float64)
