"""What every program of this project does first and last, whatever it was started by."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

INTERRUPTED: Final = 130  # what shells expect of a program that Ctrl-C ended
_REFUSED: Final = 2
_STDERR: Final = 2  # and so the last of the three

# Where folders may come from, beside the command line.
_FOLDERS: Final = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")


def run(main: Callable[[], int | None], *, opens_files: bool = True) -> int:
    """Do what `main` does, as a program; returns its exit code.

    Ctrl-C, SIGTERM and a closed terminal interrupt it, as KeyboardInterrupt. Names of files are
    UTF-8, whatever the locale. What is printed in a character that the terminal's encoding lacks
    is shown by its number.

    Args:
        main: returns an exit code, None for success.
        opens_files: whether it is refused to go on where one may be named in no encoding.

    Returns:
        The code of `main`, `INTERRUPTED`, or 2 if it was refused.
    """
    for number in interrupts():
        signal.signal(number, signal.default_int_handler)
    _open_closed_streams()
    _demand_utf8()
    for stream, errors in (
        (sys.stdin, "replace"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    if opens_files and (undecodable := _undecodable()):
        complaint = f"{undecodable!r} is no UTF-8, and so no name of a file here: rename it\n"
        sys.stderr.write(complaint)
        return _REFUSED
    try:
        code = main() or 0
    except KeyboardInterrupt:
        code = INTERRUPTED
    try:
        sys.stdout.flush()
    except OSError:
        # Python tries once more at its exit, and would turn the failure into the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def interrupts() -> list[signal.Signals]:
    """Return the signals that ask a program to end: handlers have to be set for all of them.

    A shell that starts a program with `&` has it ignore Ctrl-C, and Python leaves it at that. Only
    `nohup` means what it says.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


def _open_closed_streams() -> None:
    """Lead those standard streams to nowhere that the parent closed.

    Python has None for them, and the next file that is opened would get what children print.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(number, True)
    os.close(number)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _demand_utf8() -> None:
    """Begin anew where names of files are not UTF-8, as most libraries take them to be."""
    if sys.getfilesystemencoding() == "utf-8":
        return
    os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)  # of the terminal
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - by no shell


def _undecodable() -> str:
    """Return the first word or folder given that is no UTF-8, empty if all are."""
    given = [*sys.argv, *(os.environ.get(name, "") for name in _FOLDERS)]
    with suppress(FileNotFoundError):  # removed meanwhile
        given.append(str(Path.cwd()))
    return next((word for word in given if not _is_text(word)), "")


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
