"""Four emulated serial ports in a process of their own, and the faults that it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.dynamixel.profile import Profile
from station.config import load, robot_file

_PRIORITY = 60  # below the drivers, as the twin's process; above all that is ordinary
_START = (
    "import os, sys\n"
    "try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(int(sys.argv[1])))\n"
    "except PermissionError: pass\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)


class Emulators:
    """ALOHA's four arms behind `python -m simulation.servos`."""

    def __init__(self, directory: Path) -> None:
        """Prepare to put the ports into `directory`."""
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None
        config = load(robot_file("aloha"), [])
        self.profiles: dict[str, Profile] = {}
        for arm in [*config.arms.values(), *config.leaders.values()]:
            profile = Profile.model_validate_json(json.dumps(arm.config))
            path = directory / Path(profile.port).name
            name = path.name.removeprefix("ttyDXL_")
            self.profiles[name] = profile.model_copy(update={"port": str(path)})

    def __enter__(self) -> Self:
        program = ["-u", "-m", "simulation.servos", "--directory", str(self._directory)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(_PRIORITY), *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            encoding="utf-8",
        )
        self._await("Ctrl-C ends")
        return self

    def ask(self, request: str) -> None:
        """Have a request carried out; returns once it is. Raises RuntimeError if it is refused."""
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the emulators do not run: use them in a with statement")
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        self._await("done")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()

    def _await(self, words: str) -> None:
        heard = []
        if self._process is not None and self._process.stdout is not None:
            for line in self._process.stdout:
                heard.append(line)
                if words in line:
                    return
        raise RuntimeError(f"the emulators ended without {words!r}:\n{''.join(heard)}")
