"""What every program of this project does first and last, whatever it was started by."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

INTERRUPTED: Final = 130  # what shells expect of a program that Ctrl-C ended


def run(main: Callable[[], int | None]) -> int:
    """Do what `main` does, as a program; returns its exit code, or `INTERRUPTED`.

    Ctrl-C, SIGTERM and a closed terminal interrupt it, as KeyboardInterrupt. What is printed in a
    character that the terminal's encoding lacks is shown by its number.
    """
    for number in interrupts():
        signal.signal(number, signal.default_int_handler)
    for stream, errors in (
        (sys.stdin, "replace"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
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
