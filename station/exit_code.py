"""The exit codes of a launch, and what each means."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """How a launch ended.

    Attributes:
        meaning: the same for people.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make the member `code`."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "all that was asked for is done, or somebody ended the run: Ctrl-C, SIGTERM"
    FAILED = 1, "the run failed, such as by a process that died (doctor: a problem was found)"
    REFUSED = 2, "nothing was started: the command line, the config or the machine forbids it"
    STOPPED = (
        3,
        "a stop stayed in force for --stop-wait, or the run could not go on",
    )
    INTERRUPTED = 130, "Ctrl-C or SIGTERM came before anything was started"


def exit_codes_in_words() -> str:
    """Return all codes with their meanings, one a line."""
    return "\n".join(f"  {code.value:<5}{code.meaning}" for code in ExitCode)
