"""Whether a dataset on disk can take episodes of this robot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recorder import advice, structure
from recorder.catalogue import Catalogue
from recorder.layout import CODEBASE_VERSION, INFO
from recorder.structure import Info


class MismatchError(ValueError):
    """A dataset to which nothing of this robot may be added; says why, and what to do."""


def require(
    directory: Path,
    robot: str,
    fps: int,
    joints: Sequence[str],
    cameras: Sequence[str],
    *,
    twin: bool,
) -> None:
    """Pass if the dataset at `directory` is whole and of this kind, or if there is none yet.

    Raises:
        MismatchError: it is not.
        OSError: it cannot be read.
    """
    if trouble := Catalogue(directory).trouble():
        raise MismatchError(f"{trouble}: {advice.repair(directory)} mends it")
    path = directory / INFO
    if not path.exists():
        return
    try:
        info = Info.of(json.loads(path.read_text(encoding="utf-8")))
        given, other_columns = _described(info), structure.other_columns(info)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MismatchError(
            f"{path} is damaged ({error!r}): {advice.repair(directory)} mends it"
        ) from error
    wanted = {
        "version": CODEBASE_VERSION,
        "robot": robot,
        "frames a second": fps,
        "joints": list(joints),
        "cameras": sorted(cameras),
        "simulated by the twin": twin,
    }
    differences = [
        f"{what} {given[what]}, this is {value}"
        for what, value in wanted.items()
        if given[what] not in (value, None)
    ]
    if other_columns:
        differences.append(f"this version differs in the columns {', '.join(other_columns)}")
    if differences:
        raise MismatchError(
            f"the dataset in {directory} is another: {'; '.join(differences)}: "
            "record into another directory"
        )


def _described(info: Info) -> dict[str, Any]:
    return {
        "version": info.raw["codebase_version"],
        "robot": info.robot,
        "frames a second": info.fps,
        "joints": list(info.joints),
        "cameras": sorted(info.cameras),
        "simulated by the twin": info.raw.get("twin"),
    }
