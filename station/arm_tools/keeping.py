"""Keeps what was measured of a robot in its calibration file, with who wrote it and when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from runtime.files import atomic_write_text
from station.arm_tools.request import Request, ToolError
from station.config import ConfigError, calibration, calibration_file, load
from station.sources import merged

_NOTE = "# "


def keep(request: Request, place: str, value: dict[str, Any], by: str) -> Path:
    """Merge `value` into the calibration file at the config's key `place`; returns the file.

    Args:
        request: says which robot.
        place: such as `arms.left.config.gripper`.
        value: keys and values.
        by: the command that measured it.

    Raises:
        ToolError: the config would not accept it, or the file cannot be written; it is as it was.
    """
    file = calibration_file(request.file)
    changes = value
    for key in reversed(place.split(".")):
        changes = {key: changes}
    measured = merged(calibration(request.file), changes)
    try:
        load(request.file, [], measured)
    except ConfigError as error:
        raise ToolError(f"what was measured is not sound, it was not kept: {error}") from error
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    body = yaml.safe_dump(measured, sort_keys=False, allow_unicode=True)
    try:
        atomic_write_text(file, "\n".join([*_notes(before, place, by), body]))
    except OSError as error:
        raise ToolError(
            f"cannot write {file} ({error.strerror}): make it writable, and put this into it, or "
            f"measure again with `--config` and a config of your own:\n{body}"
        ) from error
    return file


def _notes(text: str, place: str, by: str) -> list[str]:
    """Return the file's leading comments: one for each place, the newest last."""
    notes = [line for line in text.splitlines() if line.startswith(_NOTE)]
    others = [line for line in notes if not line.startswith(f"{_NOTE}{place}: ")]
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    return [*others, f"{_NOTE}{place}: {now}, by `{by}`"]
