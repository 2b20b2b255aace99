"""`verify` and `log`: is the audit as it was written, and what does it say?"""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

from safety import audit
from station.safety_tools.task import Task, ToolError

_SHOWN = 20


def verify(task: Task) -> int:
    """Check the chain of hashes; returns 1 if something was changed, put in or taken out."""
    path = _found(task)
    problems = audit.verified(path)
    for problem in problems:
        task.say(f"{path}: {problem}")
    if not problems:
        task.say(f"{path}: every line is as it was written")
    return 1 if problems else 0


def log(task: Task) -> int:
    """Print the newest entries."""
    with _found(task).open(encoding="utf-8") as file:
        newest = deque(file, maxlen=_SHOWN)
    for line in newest:
        task.say(_readable(line.rstrip("\n")))
    return 0


def _found(task: Task) -> Path:
    path = task.state_directory / audit.NAME
    if not path.exists():
        raise ToolError(f"there is no audit of {task.robot} yet, at {path}")
    return path


def _readable(line: str) -> str:
    try:
        entry = json.loads(line)
        change = entry["after"]
        if entry["before"] != entry["after"]:
            change = f"{entry['before']} -> {entry['after']}"
        event = f" event {entry['event']}" if entry["event"] else ""
        return f"{entry['at']}  {entry['who']}: {entry['what']}: {entry['said']} [{change}{event}]"
    except (ValueError, KeyError, TypeError):
        return f"(torn) {line}"
