"""A launch in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent
START_S = 90.0
END_S = 40.0
_NOTED = 5000  # characters of what a launch said, in the report of a test that failed
# A start takes seconds less without cameras and page.
BARE = ("--set", "cameras={}", "--set", "dashboard.enabled=false")


class Launch:
    """`python launch.py` with its own place for sockets and for reports."""

    def __init__(
        self, directory: Path, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        self.directory = directory
        self.runs = directory / "runs"
        self.state = directory / "state"
        self.tokens = directory / "tokens"
        self.bus_directory = directory / "evenhand" / "aloha"
        # A launch inherits it, and one that ignores a closed terminal (nohup) is another case.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        places = ("--set", f"runs={self.runs}", "--set", f"dashboard.tokens={self.tokens}")
        self.environment = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(directory),
            "XDG_STATE_HOME": str(self.state),
            **environment,
        }
        self.popen = subprocess.Popen(
            [sys.executable, "launch.py", *arguments, "--headless", *places],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )

    def press_ctrl_c(self) -> None:
        """Interrupt as a terminal does it: everyone at once."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def children(self) -> dict[str, int]:
        """Return the process ids of the station's processes by name."""
        task = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        words = task.read_text(encoding="utf-8").split() if task.exists() else []
        named = {}
        for pid in map(int, words):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while being looked at
            if "runtime.process" in command:
                named[Path(command[3]).stem] = pid
        return named

    def ended(self, timeout_s: float = END_S) -> tuple[int, str]:
        """Wait for the end; returns the exit code and all that was printed."""
        output, _ = self.popen.communicate(timeout=timeout_s)
        return self.popen.returncode, output

    def killed(self) -> str:
        """Kill it, if it still runs; returns what it printed and nobody has read yet."""
        self.popen.kill()
        if self.popen.stdout is None or self.popen.stdout.closed:
            return ""
        return self.popen.communicate()[0]

    def run_directory(self) -> Path:
        """Return where the report of the only run is."""
        (found,) = self.runs.iterdir()
        return found

    def safety(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m safety` for this launch."""
        return subprocess.run(
            [sys.executable, "-m", "safety", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def assert_nothing_left(self, pids: list[int]) -> None:
        """Check that no process lives on and no file of the bus is there."""
        wait_for(lambda: not any(map(exists, pids)), "all processes to be gone", 10.0)
        kept = {self.runs, self.state, self.tokens, self.bus_directory.parent}
        left = {path for path in self.directory.rglob("*") if kept.isdisjoint(path.parents)}
        left |= set(self.bus_directory.parent.iterdir())
        assert left <= kept


@contextmanager
def launched(*arguments: str, **environment: str) -> Iterator[Launch]:
    """Launch, and leave nothing behind however the test ends."""
    directory = Path(tempfile.mkdtemp(prefix="evenhand-test-"))
    launch = Launch(directory, arguments, environment)
    try:
        yield launch
    except Exception as error:
        error.add_note(f"the launch said:\n{launch.killed()[-_NOTED:]}")
        raise
    finally:
        launch.killed()
        shutil.rmtree(directory, ignore_errors=True)


def exists(pid: int) -> bool:
    """Return whether a process runs."""
    stat = Path(f"/proc/{pid}/stat")
    # A zombie that nobody collects here is as gone as it can be.
    return stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


def wait_for(happened: Callable[[], Any], what: str, timeout_s: float) -> None:
    """Fail if it has not happened in time."""
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, f"waited {timeout_s:g} s in vain for {what}"
        time.sleep(0.01)
