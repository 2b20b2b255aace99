"""Compresses and writes in a thread of its own: a slow disk delays nobody, not even the reading."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from messaging import codec
from messaging.images import encoding
from messaging.messages import ControlStatus, Frame, Message
from recorder.journal import STREAM_LOG, Journal
from recorder.log import packed
from recorder.streams import Heard

log = logging.getLogger(__name__)

_SYNC_NS: Final = 1_000_000_000
_WAITING_BYTES: Final = 256 * 1024 * 1024  # of images: seconds of four cameras
_WAITING_JOBS: Final = 100_000  # of all, images or not: minutes of control ticks
_BATCH_BYTES: Final = 1024 * 1024


_Job = Heard | Callable[[], None]


class Scribe:
    """Takes what shall be written and never makes anybody wait.

    Args:
        directory: of the recording, whose disk is watched.
        jpeg_quality: of images that did not come as JPEG files.
    """

    def __init__(self, directory: Path, jpeg_quality: int) -> None:
        self.counts: Counter[str] = Counter()  # records and bytes written, records lost
        self.trouble = ""  # why the disk takes nothing, empty while it does
        self.free_bytes = _free_bytes(directory)
        self._directory = directory
        self._jpeg = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._file = -1
        self._synced_ns = time.monotonic_ns()
        self._jobs: deque[_Job] = deque()
        self._waiting_bytes = 0
        self._ending = False
        self._idle = True
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._live, name="scribe", daemon=True)
        self._thread.start()

    def add(self, items: Iterable[Heard]) -> None:
        """Have messages written to the open journal; those for which no room is are lost.

        Images are the first to go: a control tick is small, and no other says the same.
        """
        with self._wake:
            for item in items:
                size = _image_bytes(item)
                if len(self._jobs) >= _WAITING_JOBS or (
                    size and self._waiting_bytes + size > _WAITING_BYTES
                ):
                    self.counts["lost"] += 1
                else:
                    self._waiting_bytes += size
                    self._jobs.append(item)
            self._wake.notify()

    def do(self, job: Callable[[], None]) -> None:
        """Have `job` done when all before it is written; an OSError of it is told as trouble."""
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()

    def open(self, journal: Callable[[], Journal]) -> None:
        """Have what comes from now on written to the journal that `journal` makes or finds."""
        self.do(lambda: self._open(journal()))

    def end(self) -> None:
        """Have the open journal synced and closed."""
        self.do(self._end)

    def settle(self) -> None:
        """Wait until all that was given so far is done."""
        done = threading.Event()
        self.do(done.set)
        done.wait()

    def close(self) -> None:
        """Write what is left, as far as the disk takes it, and end the thread."""
        self.do(self._end)
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()

    def _live(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._jobs or self._ending, _SYNC_NS * 1e-9)
                jobs, self._jobs = self._jobs, deque()
                if not jobs and self._ending:
                    return
            self._work(jobs)
            self._look_after_disk()

    def _work(self, jobs: deque[_Job]) -> None:
        pieces: list[bytes] = []
        size = 0
        while jobs:
            job = jobs.popleft()
            if isinstance(job, Heard):
                pieces += self._packed(job)
                size += len(pieces[-1]) if pieces else 0
            if not isinstance(job, Heard) or size > _BATCH_BYTES:
                self._write(pieces)
                pieces, size = [], 0
            if not isinstance(job, Heard):
                self._tried(job)
        self._write(pieces)

    def _packed(self, job: Heard) -> list[bytes]:
        with self._wake:
            self._waiting_bytes -= _image_bytes(job)
        if self._file < 0:
            self.counts["lost"] += 1
            return []
        try:
            return packed(job.stream, job.t_arrival_ns, codec.encode(self._slim(job.message)))
        except (cv2.error, codec.CodecError):
            self.counts["lost"] += 1
            log.exception("%s: cannot be kept", job.stream)
            return []

    def _slim(self, message: Message) -> Message:
        """Return `message` without what nobody will miss: bits of an image, the plan ahead."""
        if isinstance(message, Frame) and encoding(message.image) == "rgb":
            _, jpeg = cv2.imencode(
                ".jpg", cv2.cvtColor(message.image, cv2.COLOR_RGB2BGR), self._jpeg
            )
            return replace(message, image=np.asarray(jpeg, np.uint8).reshape(-1))
        if isinstance(message, ControlStatus):
            return replace(message, upcoming=message.upcoming[:0])
        return message

    def _write(self, pieces: list[bytes]) -> None:
        if not pieces or self._file < 0:
            return
        data = b"".join(pieces)
        count = len(pieces) // 3  # pieces of a record
        try:
            _write_all(self._file, data)
        except OSError as error:
            self.counts["lost"] += count
            self._fail(error)
        else:
            self.counts["records"] += count
            self.counts["bytes"] += len(data)

    def _open(self, journal: Journal) -> None:
        self._end()
        path = journal.folder / STREAM_LOG
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.trouble = ""

    def _end(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def _look_after_disk(self) -> None:
        now_ns = time.monotonic_ns()
        if now_ns - self._synced_ns < _SYNC_NS:
            return
        self._synced_ns = now_ns
        self._tried(self._sync)

    def _sync(self) -> None:
        self.free_bytes = _free_bytes(self._directory)
        if self._file >= 0:
            os.fsync(self._file)
            if os.fstat(self._file).st_nlink == 0:
                raise FileNotFoundError(0, f"its folder in {self._directory} was deleted")

    def _tried(self, job: Callable[[], Any]) -> None:
        try:
            job()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        said = f"{error.strerror or error}"
        if said != self.trouble:
            log.error("cannot write the recording: %s", error)
        self.trouble = said


def _image_bytes(item: Heard) -> int:
    return item.message.image.nbytes if isinstance(item.message, Frame) else 0


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free
