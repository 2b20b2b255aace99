"""What programs do first and last: they can be interrupted, and say what they have to say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.program import INTERRUPTED

ROOT = Path(__file__).parents[1]
WAITING = """
import sys, time
from runtime import program

def main():
    print("here", flush=True)
    time.sleep(60)

sys.exit(program.run(main))
"""


def started(deaf_to: str, code: str) -> subprocess.Popen[str]:
    """Start a program from a shell that has it ignore signals, as `&` and `nohup` do."""
    command = ["sh", "-c", f"trap '' {deaf_to}; exec \"$@\"", "sh", sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")


@pytest.mark.parametrize(
    ("deaf_to", "number"),
    [("INT", signal.SIGINT), ("INT TERM", signal.SIGTERM), ("INT", signal.SIGHUP)],
)
def test_a_program_is_interrupted_whatever_its_parent_ignores(
    deaf_to: str, number: signal.Signals
) -> None:
    with started(deaf_to, WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(number)
        assert process.wait(20) == INTERRUPTED


def test_nohup_outlives_the_terminal() -> None:
    with started("INT HUP", WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == INTERRUPTED


def test_what_the_terminal_cannot_show_ends_nothing() -> None:
    code = (
        "import sys; from runtime import program\n"
        "sys.exit(program.run(lambda: print('20 \\xb0C \\u2192 \\udce9', input())))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "iso-8859-1"},
        input=b"typed\n",
        capture_output=True,
        check=True,
    )
    assert shown.stdout == b"20 \xb0C \\u2192 \\udce9 typed\n"


def test_every_program_begins_so() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("[!.]*/**/*.py")}
    sources[ROOT / "launch.py"] = (ROOT / "launch.py").read_text(encoding="utf-8")
    programs = {
        str(path.relative_to(ROOT))
        for path, text in sources.items()
        if 'if __name__ == "__main__"' in text and "program.run(" not in text
    }
    by_the_station = {"runtime/process.py"}  # which alone ends it
    assert {path for path in programs if not path.startswith("tests/")} == by_the_station
