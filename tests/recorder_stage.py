"""A recorder in this process, and everybody else's part on the bus: for tests of the live side."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recorder_scene import ARMS, JOINTS, Scene, over, told

from messaging.codec import encode
from messaging.messages import EpisodeState, Message, Reply, Request
from messaging.topics import TOPICS
from messaging.transport import Bus, Publisher
from recorder.journal import Journal, journals
from recorder.main import Config, Recorder
from runtime.process import Context

_PATIENCE_S = 20.0
_TOPICS = {topic.name: topic for topic in TOPICS}


def config(directory: Path, scene: Scene, **more: Any) -> Config:
    """Return what a recorder of the scene is told."""
    options: dict[str, Any] = {"free_bytes": 0, "operator": "Ada", "policy": "flow"} | more
    return Config(
        robot="aloha",
        directory=directory,
        arms=ARMS,
        joints=JOINTS,
        cameras=tuple(scene.cameras),
        **options,
    )


class Stage:
    """Plays scenes to a recorder."""

    def __init__(self, folder: Path, scene: Scene, **more: Any) -> None:
        self.directory = folder / "recording"
        self.directory.mkdir(exist_ok=True)
        self._bus, self._others = Bus(folder / "bus"), Bus(folder / "bus")
        self.recorder = Recorder(
            config(self.directory, scene, **more), Context("recorder", self._bus)
        )
        self._client = self._others.client("recorder")
        self._publishers: dict[str, Publisher[Any]] = {}
        self._met: frozenset[str] = frozenset()  # streams that the recorder has heard of
        self._last: dict[str, bytes] = {}  # of those, what was said last
        self._meet(scene)

    def close(self) -> None:
        """End the recorder as a launch does."""
        self.recorder.close()
        self._bus.close()
        self._others.close()

    def kill(self) -> None:
        """End the recorder without a chance to do anything more."""
        self.recorder._scribe.settle()
        self._bus.close()
        self._others.close()

    def play(self, scene: Scene, until_s: float = 1e9, from_s: float = -1e9) -> None:
        """Say what is said in a part of the scene, the recorder looking now and then."""
        said = [item for item in told(scene) if scene.ns(from_s) <= item[0] < scene.ns(until_s)]
        for count, (_, stream, message) in enumerate(said):
            self.say(stream, message)
            if count % 20 == 0:
                self.recorder.step()
        self.look()

    def say(self, stream: str, message: Message) -> None:
        """Publish a message."""
        topic, _, instance = stream.partition(".")
        if stream not in self._publishers:
            self._publishers[stream] = self._others.publisher(_TOPICS[topic], instance)
        self._publishers[stream].send(message)
        if stream in self._met:
            self._last[stream] = encode(message)

    def look(self) -> None:
        """Have the recorder take in everything that was said, and write it."""

        def heard() -> bool:
            newest = self.recorder._streams._newest
            return all(
                stream in newest and encode(newest[stream].message) == last
                for stream, last in self._last.items()
            )

        self.until(heard)
        for _ in range(5):
            self.recorder.step()
        self.recorder._scribe.settle()

    def end(self, scene: Scene) -> None:
        """Say that the episode is over, and have that written."""
        self.say("episode_state", over(scene))
        self.look()

    def ask(self, kind: str, text: str = "") -> Reply:
        """Return the recorder's answer to a request."""
        request = Request(uuid.uuid4().hex, kind, "shell ada", time.monotonic_ns(), reason=text)
        self._client.send(request)
        reply: Reply = self.until(self._client.receive)
        return reply

    def until(self, found: Callable[[], Any]) -> Any:
        """Return what `found` returns once it is anything; the recorder looks meanwhile."""
        end_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end_s:
            self.recorder.step()
            if result := found():
                return result
        raise TimeoutError("the recorder never came to that")

    def journals(self) -> list[Journal]:
        """Return the journals on disk once all is written."""
        self.recorder._scribe.settle()
        return journals(self.directory)

    def _meet(self, scene: Scene) -> None:
        """Say the first of everything until the recorder has heard it."""
        firsts: dict[str, Message] = {}
        for _, stream, message in told(scene):
            firsts.setdefault(stream, message)
        firsts.pop("episode_state", None)
        nobody = EpisodeState(1, -1, 0, "", "none")

        def heard() -> bool:
            for stream, message in firsts.items():
                self.say(stream, message)
            self.say("episode_state", nobody)
            return firsts.keys() <= self.recorder._streams._newest.keys()

        self.until(heard)
        while self.recorder._streams._latest:  # what was said only to meet is not to be kept
            self.recorder.step()
            self.recorder._streams._latest.clear()
        self.recorder._streams._newest.clear()
        self._met = frozenset(firsts)


@contextmanager
def stage(folder: Path, scene: Scene, **more: Any) -> Iterator[Stage]:
    """Yield a stage, closed at the end."""
    opened = Stage(folder, scene, **more)
    try:
        yield opened
    finally:
        opened.close()
