"""An episode as the bus would tell it, the same each time: for tests of recordings.

Joint 0 is commanded and measured to be at 0.1 rad/s times the time since the episode's begin, and
each image shows its capture time, so that a test can tell by how much a row is misaligned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from messaging import codec
from messaging.messages import (
    ActionChunk,
    ControlStatus,
    EpisodeState,
    Frame,
    HumanCommand,
    JointCommand,
    JointState,
    Message,
)
from perception.pattern import burnt
from recorder.journal import STREAM_LOG, Header, Journal, begun
from recorder.layout import JOURNALS
from recorder.log import packed

ARMS = ("left", "right")
_NAMES = (
    "waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper",
)  # fmt: skip
JOINTS_OF_ARMS = {arm: tuple(f"{arm}_{name}" for name in _NAMES) for arm in ARMS}
JOINTS = tuple(joint for joints in JOINTS_OF_ARMS.values() for joint in joints)
RAMP_RAD_S = 0.1
BEGIN_NS = 5_000_000_000_000
TICK_NS = 10_000_000
CHUNK_EVERY_S = 0.3
HORIZON = 60
_BEFORE_S = 0.1


@dataclass(frozen=True)
class Scene:
    """What happens in an episode.

    Attributes:
        seconds: from its begin to its end.
        commanders: from when on, in s, who commands.
        human_arm: whose joints the person's device names.
        human_still: whether the person only holds the arm.
        lost: camera -> from and to when, in s, no image comes.
        outcome: empty: it is cut off.
        policy: whether there are chunks.
    """

    number: int = 3
    seconds: float = 2.0
    cameras: Sequence[str] = ("cam_high", "cam_low")
    size: tuple[int, int] = (64, 48)  # width and height
    camera_hz: float = 30.0
    rate_hz: int = 30
    instruction: str = "transfer the cube"
    seed: int = 7
    commanders: Sequence[tuple[float, str]] = ((0.0, "policy"),)
    human_arm: str = "left"
    human_still: bool = False
    lost: dict[str, tuple[float, float]] = field(default_factory=dict)
    outcome: str = "success"
    policy: bool = True
    begin_ns: int = BEGIN_NS

    def ns(self, seconds: float) -> int:
        """Return a moment of the episode on the station's clock."""
        return self.begin_ns + round(seconds * 1e9)

    def commander(self, seconds: float) -> str:
        """Return who commands."""
        return [who for begin, who in self.commanders if begin <= max(seconds, 0.0)][-1]

    def epoch(self, seconds: float) -> int:
        """Return how often the commander has changed."""
        return sum(begin <= max(seconds, 0.0) for begin, _ in self.commanders)


def where(scene: Scene, t_ns: int) -> NDArray[np.float64]:
    """Return where the joints are (14,)."""
    seconds = (t_ns - scene.begin_ns) * 1e-9
    swing: NDArray[np.float64] = 0.2 * np.sin(seconds + np.arange(len(JOINTS)))
    swing[0] = RAMP_RAD_S * seconds
    swing[[6, 13]] = 0.5
    return swing


def header(scene: Scene) -> Header:
    """Return what the recorder writes down first."""
    return Header(
        robot="aloha",
        arms=JOINTS_OF_ARMS,
        cameras=tuple(scene.cameras),
        rate_hz=scene.rate_hz,
        operator="Ada",
        policy="flow" if scene.policy else "",
        checkpoint="parameters.safetensors" if scene.policy else "",
        twin=True,
        episode=scene.number,
        seed=scene.seed,
        instruction=scene.instruction,
        t_begin_ns=scene.begin_ns,
        wall_begin="2026-01-02T03:04:05.000+00:00",
        wall_less_monotonic_ns=1_760_000_000_000_000_000,
    )


def told(scene: Scene) -> list[tuple[int, str, Message]]:
    """Return everything that is said, by the time at which it arrives."""
    said = [*_ticks(scene), *_states(scene), *_frames(scene), *_human(scene), *_chunks(scene)]
    running = EpisodeState(
        scene.begin_ns, scene.number, scene.seed, scene.instruction, "running", scene.begin_ns
    )
    said.append((scene.begin_ns, "episode_state", running))
    if scene.outcome:
        said.append((scene.ns(scene.seconds), "episode_state", over(scene)))
    return sorted(said, key=lambda item: item[0])


def over(scene: Scene) -> EpisodeState:
    """Return what the station says at the end."""
    end_ns = scene.ns(scene.seconds)
    return EpisodeState(
        end_ns, scene.number, scene.seed, scene.instruction, "over", scene.begin_ns, end_ns,
        scene.outcome, "the task's rule",
    )  # fmt: skip


def write(directory: Path, scene: Scene, name: str = "", *, sealed: bool = True) -> Journal:
    """Write the scene's journal as the recorder would have; `directory` is the recording's."""
    (directory / JOURNALS).mkdir(parents=True, exist_ok=True)
    journal = begun(directory, name or f"episode_{scene.number:06d}", header(scene))
    with (journal.folder / STREAM_LOG).open("wb") as file:
        for t_ns, stream, message in told(scene):
            file.writelines(packed(stream, t_ns, codec.encode(message)))
    if sealed:
        journal.seal()
    return journal


def age(journal: Journal) -> None:
    """Have a journal end as if another version of the software had written it."""
    other = codec.encode(JointCommand(1, 1, 1, ("waist",), np.zeros(1), permit=1))
    with (journal.folder / STREAM_LOG).open("ab") as file:
        file.writelines(packed("episode_state", BEGIN_NS, other))


def jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the bytes (n,) of an RGB image's JPEG file."""
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95]
    )
    return np.asarray(data, np.uint8).reshape(-1)


def _ticks(scene: Scene) -> Iterator[tuple[int, str, Message]]:
    count = round((scene.seconds + 2 * _BEFORE_S) * 1e9 / TICK_NS)
    for seq in range(count):
        t_ns = scene.ns(-_BEFORE_S) + seq * TICK_NS
        seconds = (t_ns - scene.begin_ns) * 1e-9
        who, epoch = scene.commander(seconds), scene.epoch(seconds)
        yield t_ns, "joint_command", JointCommand(
            seq, t_ns, epoch, JOINTS, where(scene, t_ns), permit=1
        )  # fmt: skip
        yield t_ns + 1000, "control_status", _status(scene, seq, t_ns, who, epoch)


def _status(scene: Scene, seq: int, t_ns: int, who: str, epoch: int) -> ControlStatus:
    seconds = (t_ns - scene.begin_ns) * 1e-9
    return ControlStatus(
        seq=seq,
        t_ns=t_ns,
        late_us=20.0,
        mode={"policy": "run", "hold": "run"}.get(who, who),
        epoch=epoch,
        cursor=float(seq),
        rate=1.0,
        upcoming=np.empty((0, len(JOINTS))),
        dt_ns=TICK_NS,
        runway_s=0.5,
        latency_s=0.2,
        disagreement_rad=0.01,
        jerk=1.0,
        chunks=1,
        counters={},
        permit=1,
        commander=who,
        chunk=_chunk_at(scene, seconds),
        blended=2 if scene.policy else 0,
    )


def _chunk_at(scene: Scene, seconds: float) -> int:
    """Return the number of the newest chunk that the plan has; none joins it but while it runs."""
    if not scene.policy:
        return 0
    begins = [begin for begin, who in scene.commanders if who == "human" and begin <= seconds]
    until = seconds
    if scene.commander(seconds) in ("human", "hold") and begins:
        until = begins[-1]
    return max(0, int((until - 0.1) / CHUNK_EVERY_S) + 1) if until >= 0.1 else 0


def _states(scene: Scene) -> Iterator[tuple[int, str, Message]]:
    count = round((scene.seconds + 2 * _BEFORE_S) * 1e9 / TICK_NS)
    empty = np.empty(0)
    for place, arm in enumerate(ARMS):
        own = slice(7 * place, 7 * place + 7)
        for seq in range(count):
            t_ns = scene.ns(-_BEFORE_S) + seq * TICK_NS + 3_000_000 + place * 1_000_000
            now = where(scene, t_ns)[own]
            yield t_ns + 500_000, f"joint_state.{arm}", JointState(
                arm, seq, t_ns, JOINTS_OF_ARMS[arm], now, np.zeros(7), empty, empty, empty, empty,
                (), (), now, t_ns, t_ns, "",
            )  # fmt: skip


def _frames(scene: Scene) -> Iterator[tuple[int, str, Message]]:
    count = round((scene.seconds + _BEFORE_S) * scene.camera_hz)
    for place, camera in enumerate(scene.cameras):
        begin_s, end_s = scene.lost.get(camera, (0.0, 0.0))
        for seq in range(count):
            seconds = seq / scene.camera_hz - _BEFORE_S + 0.004 * place
            if begin_s <= seconds < end_s:
                continue
            t_ns = scene.ns(seconds) // 1000 * 1000
            image = jpeg(burnt(t_ns, *scene.size))
            yield t_ns + 5_000_000, f"frame.{camera}", Frame(
                camera, seq, t_ns, t_ns + 4_000_000, image
            )  # fmt: skip


def _human(scene: Scene) -> Iterator[tuple[int, str, Message]]:
    if all(who != "human" for _, who in scene.commanders):
        return
    joints = JOINTS_OF_ARMS[scene.human_arm]
    own = slice(7 * ARMS.index(scene.human_arm), 7 * ARMS.index(scene.human_arm) + 7)
    for seq in range(round(scene.seconds * 100)):
        t_ns = scene.ns(seq * 0.01) - 2_000_000
        position = where(scene, scene.begin_ns if scene.human_still else t_ns)[own]
        engaged = scene.commander(seq * 0.01) == "human"
        yield t_ns + 100_000, "human_command", HumanCommand(
            "scripted", seq, t_ns, joints, position, engaged=engaged, relative=False
        )  # fmt: skip


def _chunks(scene: Scene) -> Iterator[tuple[int, str, Message]]:
    if not scene.policy:
        return
    for seq in range(1, int(scene.seconds / CHUNK_EVERY_S) + 1):
        t_obs_ns = scene.ns((seq - 1) * CHUNK_EVERY_S)
        times = t_obs_ns + np.arange(HORIZON) * 20_000_000
        actions = np.stack([where(scene, int(t_ns)) for t_ns in times])
        yield t_obs_ns + 100_000_000, "action_chunk", ActionChunk(
            "flow", seq, t_obs_ns, 0.0, 1, 20_000_000, JOINTS, actions, {}
        )  # fmt: skip
