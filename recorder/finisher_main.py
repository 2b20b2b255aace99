"""The finisher: makes episodes of the journals that the recorder is done with, one by one."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from recorder import files, recover
from recorder.catalogue import Catalogue
from recorder.finish import FinishError, finished, ready
from recorder.journal import Journal, journals
from recorder.layout import FINISHER_LOCK, RECORDER_LOCK
from runtime.config import LoopRate, StrictModel
from runtime.process import Context

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_BEAT_S = 0.04
_AGAIN_S = 5.0  # after the disk refused something
_ORPHANED_NS = 10_000_000_000  # longer than a recorder that died takes to be there again


class Config(StrictModel):
    """Which dataset is made."""

    robot: str
    directory: Path
    joints: tuple[str, ...]
    cameras: tuple[str, ...]
    rate_hz: LoopRate = 30


def main(config: Config, context: Context) -> None:
    """Finish journals as they get ready, until told to stop.

    An episode that is not finished by then is finished by the next launch.

    Raises:
        BusyError: another finisher works in the directory.
        OSError: the directory cannot be written.
    """
    with files.sole(config.directory / FINISHER_LOCK, f"finisher of {config.robot}"):
        work = Work(config.directory)
        thread = threading.Thread(target=work.live, name="finishing", daemon=True)
        thread.start()
        while not context.stopping and thread.is_alive():
            context.beat(counters=work.counters, note=work.note)
            thread.join(_BEAT_S)
        work.stop()
        thread.join()
    if work.died:
        raise RuntimeError("finishing failed, see above") from work.died


class _StoppedError(Exception):
    """The work is to end where it stands; what is there is made again next time."""


class Work:
    """Finishes one journal after the other, in a thread beside the heartbeat.

    Attributes:
        note: what it is doing, for people; empty while there is nothing to do.
        died: what ended the thread, None if it was asked to end.
    """

    def __init__(self, directory: Path) -> None:
        self.note = ""
        self.died: Exception | None = None
        self._catalogue = Catalogue(directory)
        self._finished = 0
        self._left = 0
        self._refused: dict[str, str] = {}  # journals that stay as they are, and why
        self._orphaned_ns = 0  # since when no recorder looks after journals that lie open
        self._wake = threading.Event()
        self._stopping = False

    @property
    def counters(self) -> dict[str, int]:
        """How many episodes were finished, wait, and cannot be."""
        return {"finished": self._finished, "left": self._left, "refused": len(self._refused)}

    def stop(self) -> None:
        """End the work soon, in the middle of an episode if need be."""
        self._stopping = True
        self._wake.set()

    def live(self) -> None:
        """Work until told to stop."""
        try:
            while not self._stopping:
                self._wake.wait(self.round())
        except _StoppedError:
            return
        except Exception as error:  # noqa: BLE001 # told and raised where the process can die of it
            self.died = error

    def round(self) -> float:
        """Finish what is ready; returns for how long to wait then."""
        self._adopt()
        waiting = self._ready()
        while waiting:
            self._left = len(waiting)
            try:
                self._finish(waiting[0])
            except OSError as error:
                log.exception("cannot finish %s", waiting[0].name)
                self.note = f"cannot finish {waiting[0].name}: {error.strerror or error}"
                return _AGAIN_S
            waiting = self._ready()
        self._left = 0
        self.note = "; ".join(self._refused.values())
        return _LOOK_S

    def _adopt(self) -> None:
        """Seal what a recorder left that was killed and did not come back."""
        now_ns = time.monotonic_ns()
        directory = self._catalogue.directory
        if all(journal.sealed for journal in journals(directory)):
            self._orphaned_ns = 0
            return
        try:
            with files.sole(directory / RECORDER_LOCK, "finisher"):
                self._orphaned_ns = self._orphaned_ns or now_ns
                if now_ns - self._orphaned_ns >= _ORPHANED_NS:
                    recover.seal_all(directory)
        except files.BusyError:
            self._orphaned_ns = 0

    def _ready(self) -> list[Journal]:
        return [item for item in ready(self._catalogue.directory) if item.name not in self._refused]

    def _finish(self, journal: Journal) -> None:
        begin_ns = time.monotonic_ns()

        def told(share: float) -> None:
            if self._stopping:
                raise _StoppedError
            self.note = f"finishing {journal.name}, {share:.0%}"

        try:
            index = finished(self._catalogue, journal, told)
        except FinishError as error:
            log.exception("%s stays a journal", journal.name)
            self._refused[journal.name] = str(error)
            return
        self._finished += 1
        passed_s = (time.monotonic_ns() - begin_ns) * 1e-9
        log.info("episode %d finished in %.1f s", index, passed_s)
