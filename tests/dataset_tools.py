"""Running the dataset tools as a person does, and what they said."""

from __future__ import annotations

import io
from dataclasses import dataclass

from rich.console import Console

from station.recorder_tools.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    said: str


def ran(*words: object) -> Ran:
    """Run `python -m recorder WORDS`."""
    console = Console(file=io.StringIO(), width=200)
    code = main([str(word) for word in words], console)
    assert isinstance(console.file, io.StringIO)
    return Ran(code, console.file.getvalue())
