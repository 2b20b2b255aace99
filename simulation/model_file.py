"""Models as files, for processes that read them without this package."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np


def save(model: mujoco.MjModel, path: Path) -> None:
    """Write `model` to `path` (.mjb); raises OSError, naming the path, if it does not fit there.

    The binary form holds for one version of MuJoCo, so it is written anew for each run.
    """
    content = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)  # which does not tell of a full disk
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
