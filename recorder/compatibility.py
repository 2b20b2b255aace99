"""Whether a dataset on disk can take episodes of this robot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recorder.catalogue import Catalogue
from recorder.layout import ACTION, CAMERA, CODEBASE_VERSION, INFO


class MismatchError(ValueError):
    """A dataset to which nothing of this robot may be added; says why, and what to do."""


def require(
    directory: Path, robot: str, fps: int, joints: Sequence[str], cameras: Sequence[str]
) -> None:
    """Pass if the dataset at `directory` is whole and of this kind, or if there is none yet.

    Raises:
        MismatchError: it is not.
        OSError: it cannot be read.
    """
    if trouble := Catalogue(directory).trouble():
        raise MismatchError(f"{trouble}: `python -m recorder repair {directory}` mends it")
    path = directory / INFO
    if not path.exists():
        return
    try:
        info = json.loads(path.read_text())
        given = _described(info)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MismatchError(
            f"{path} is damaged ({error!r}): `python -m recorder repair {directory}` mends it"
        ) from error
    wanted = {
        "version": CODEBASE_VERSION,
        "robot": robot,
        "frames a second": fps,
        "joints": list(joints),
        "cameras": sorted(cameras),
    }
    differences = [
        f"{what} {given[what]}, this is {value}"
        for what, value in wanted.items()
        if given[what] != value
    ]
    if differences:
        raise MismatchError(
            f"the dataset in {directory} is another: {'; '.join(differences)}: "
            "record into another directory"
        )


def _described(info: dict[str, Any]) -> dict[str, Any]:
    features = info["features"]
    return {
        "version": info["codebase_version"],
        "robot": info["robot_type"],
        "frames a second": info["fps"],
        "joints": list(features[ACTION]["names"]),
        "cameras": sorted(
            name.removeprefix(CAMERA) for name in features if name.startswith(CAMERA)
        ),
    }
