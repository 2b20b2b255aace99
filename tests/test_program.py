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
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup themselves
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


@pytest.mark.parametrize("locale", ["C", "en_US.ISO-8859-1"])
def test_names_of_files_are_utf8_whatever_the_locale(tmp_path: Path, locale: str) -> None:
    code = (
        "import os, sys; from pathlib import Path; from runtime import program\n"
        "def main():\n"
        "    Path(sys.argv[1]).write_text(sys.argv[1], encoding='utf-8')\n"
        "    print('caf\\xe9')\n"
        "sys.exit(program.run(main))"
    )
    written = tmp_path / "caf\xe9 \u2192"
    environment = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shown = subprocess.run(
        [sys.executable, "-c", code, written],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        check=True,
    )
    assert written.read_text(encoding="utf-8") == str(written)
    assert shown.stdout in (b"caf\xe9\n", b"caf\\xe9\n")  # as the terminal may show it


def test_a_name_in_no_encoding_is_refused_in_one_line() -> None:
    code = "import sys; from runtime import program; sys.exit(program.run(lambda: print('ran')))"
    command: list[str | bytes] = [sys.executable, "-c", code, b"caf\xe9"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True)
    assert refused.returncode == 2
    assert refused.stdout == b""
    assert refused.stderr == b"'caf\\udce9' is no UTF-8, and so no name of a file here: rename it\n"


def test_a_stop_is_asked_for_in_any_words(tmp_path: Path) -> None:
    stopped = subprocess.run(
        [sys.executable, "-m", "safety", "stop", "--reason", b"caf\xe9"],
        cwd=ROOT,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
    )
    assert stopped.returncode == 1
    assert b"no launch runs aloha" in stopped.stdout
    assert b"Traceback" not in stopped.stderr


def test_every_program_begins_so() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("[!.]*/**/*.py")}
    sources[ROOT / "launch.py"] = (ROOT / "launch.py").read_text(encoding="utf-8")
    programs = {
        str(path.relative_to(ROOT))
        for path, text in sources.items()
        if 'if __name__ == "__main__"' in text and "program.run(" not in text
    }
    ended_by_others = {"runtime/process.py", "benchmarks/first_minutes/count_pictures.py"}
    assert {path for path in programs if not path.startswith("tests/")} == ended_by_others


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_nothing_and_no_file_takes_their_place(
    closed: str, tmp_path: Path
) -> None:
    code = (
        "import os, sys; from runtime import program\n"
        "def main():\n"
        "    with open(sys.argv[1], 'w') as kept:\n"
        "        print('shown', sys.stdin.encoding); os.write(1, b'said'); os.write(2, b'said')\n"
        "        kept.write('kept')\n"
        "sys.exit(program.run(main))"
    )
    kept = tmp_path / "kept"
    words = [sys.executable, "-c", code, str(kept)]
    shell = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh"]
    done = subprocess.run([*shell, *words], cwd=ROOT, check=False)
    assert done.returncode == 0
    assert kept.read_text(encoding="utf-8") == "kept"
