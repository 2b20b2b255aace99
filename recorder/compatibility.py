"""Whether a dataset on disk can take episodes of this robot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recorder import advice
from recorder.catalogue import Catalogue
from recorder.errors import DatasetError
from recorder.info import Info, other_columns
from recorder.layout import INFO
from recorder.reading import read_info


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
        raise MismatchError(f"{trouble}; {advice.remedy(directory)}")
    if not (directory / INFO).exists():
        return
    try:
        info = read_info(directory)
    except DatasetError as error:
        raise MismatchError(f"{error}; or record into another directory") from error
    if not info.recorded:
        raise MismatchError(
            f"the dataset in {directory} was not recorded by this software: record into another"
            " directory"
        )
    given, columns = _described(info), other_columns(info)
    wanted = {
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
    if columns:
        differences.append(f"this version differs in the columns {', '.join(columns)}")
    if differences:
        raise MismatchError(
            f"the dataset in {directory} is another: {'; '.join(differences)}: "
            "record into another directory"
        )


def _described(info: Info) -> dict[str, Any]:
    return {
        "robot": info.robot,
        "frames a second": info.fps,
        "joints": list(info.joints),
        "cameras": sorted(info.cameras),
        "simulated by the twin": info.twin,
    }
