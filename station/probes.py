"""Questions to the machine that are asked in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Self

from runtime.supervisor import CHILD_ENVIRONMENT

_PATIENCE_S = 8.0  # for all of them together

# A broken driver may end its process, and torch takes seconds to load: neither holds up the rest.
_QUESTIONS = {
    "OpenGL": (
        "from mujoco.egl import GLContext\n"
        "context = GLContext(64, 64)\n"
        "context.make_current()\n"
        "from OpenGL import GL\n"
        "print(GL.glGetString(GL.GL_RENDERER).decode())"
    ),
    "torch": "import torch\nprint(torch.__version__, torch.get_num_threads())",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe printed, and whether it succeeded."""

    succeeded: bool
    text: str
    timed_out: bool = False


class Probes:
    """All questions, asked at once; ended with the `with` block if they do not end themselves."""

    def __enter__(self) -> Self:
        self._deadline = time.monotonic() + _PATIENCE_S
        self._asked = {name: _started(code) for name, code in _QUESTIONS.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._asked.values():
            process.kill()
            process.communicate()

    def answers(self) -> dict[str, Answer]:
        """Wait for all answers, for eight seconds at most after they were asked."""
        return {name: self._answer(process) for name, process in self._asked.items()}

    def _answer(self, process: subprocess.Popen[str]) -> Answer:
        try:
            output, errors = process.communicate(
                timeout=max(0.1, self._deadline - time.monotonic())
            )
        except subprocess.TimeoutExpired:
            return Answer(False, f"no answer within {_PATIENCE_S:.0f} s", timed_out=True)
        succeeded = process.returncode == 0
        lines = (output if succeeded else errors).strip().splitlines()
        return Answer(succeeded, lines[-1] if lines else f"exit {process.returncode}")


def _started(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, **CHILD_ENVIRONMENT, "PYOPENGL_PLATFORM": "egl", "MUJOCO_GL": "egl"},
    )
