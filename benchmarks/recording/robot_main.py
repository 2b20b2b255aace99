"""Controller and arms in one process: what they say at 100 Hz, and how late each tick is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from messaging.messages import ActionChunk, ControlStatus, JointCommand, JointState
from messaging.topics import ACTION_CHUNK, CONTROL_STATUS, JOINT_COMMAND, JOINT_STATE
from runtime.config import StrictModel
from runtime.process import Context
from runtime.rate import RateKeeper

ARMS: Final = ("left", "right")
NAMES: Final = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
JOINTS_OF_ARMS: Final = {
    arm: tuple(f"{arm}_{name}" for name in (*NAMES, "gripper")) for arm in ARMS
}
JOINTS: Final = tuple(joint for joints in JOINTS_OF_ARMS.values() for joint in joints)
RATE_HZ: Final = 100.0
RAMP_S: Final = 1000.0  # joint 0 is at the time since the origin, over this
_CHUNK_TICKS: Final = 30
_SHOWN: Final = 60  # rows of the plan ahead


class Config(StrictModel):
    """Where the lateness of its ticks goes."""

    late_file: Path
    origin_ns: int


def main(config: Config, context: Context) -> None:
    """Publish until told to stop, then write how late every tick was, in ns."""
    bus = context.bus
    commands, statuses = bus.publisher(JOINT_COMMAND), bus.publisher(CONTROL_STATUS)
    chunks = bus.publisher(ACTION_CHUNK)
    states = {arm: bus.publisher(JOINT_STATE, arm) for arm in ARMS}
    rate, late, empty = RateKeeper(RATE_HZ), [], np.empty(0)
    position, upcoming = np.zeros(len(JOINTS)), np.zeros((_SHOWN, len(JOINTS)))
    seq = 0
    while not context.stopping:
        now_ns = rate.wait()
        late.append(rate.late_ns)
        position = position.copy()
        position[0] = (now_ns - config.origin_ns) * 1e-9 / RAMP_S
        commands.send(JointCommand(seq, now_ns, 1, JOINTS, position, 1))
        statuses.send(_status(seq, now_ns, rate.late_ns, upcoming))
        for place, arm in enumerate(ARMS):
            own = position[7 * place : 7 * place + 7]
            states[arm].send(
                JointState(
                    arm, seq, now_ns, JOINTS_OF_ARMS[arm], own, np.zeros(7), empty, empty, empty,
                    empty, (), (), own, now_ns, now_ns, "",
                )
            )  # fmt: skip
        if seq % _CHUNK_TICKS == 0:
            actions = np.zeros((50, len(JOINTS)))
            number = seq // _CHUNK_TICKS + 1
            chunks.send(
                ActionChunk("flow", number, now_ns, float(seq), 1, 20_000_000, JOINTS, actions, {})
            )
        seq += 1
        context.beat(late_ns=rate.late_ns, counters={"ticks": seq})
    np.save(config.late_file, np.array(late))


def _status(seq: int, now_ns: int, late_ns: int, upcoming: np.ndarray) -> ControlStatus:
    return ControlStatus(
        seq=seq, t_ns=now_ns, late_us=late_ns * 1e-3, mode="run", epoch=1, cursor=float(seq),
        rate=1.0, upcoming=upcoming, dt_ns=10_000_000, runway_s=1.0, latency_s=0.2,
        disagreement_rad=0.0, jerk=0.0, chunks=1, counters={}, permit=1, commander="policy",
        chunk=seq // _CHUNK_TICKS + 1, blended=2,
    )  # fmt: skip
