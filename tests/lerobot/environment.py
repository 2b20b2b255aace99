"""`python tests/lerobot/environment.py`: build the environment in which LeRobot itself is asked.

LeRobot 0.4.4 demands older packages than Evenhand has, so it gets an environment of its own, in
the user's cache folder. Its metadata forbid the PyTorch that we use, though it runs with it: hence
`--no-deps` and a list of what it really imports.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

VERSION: Final = "0.4.4"
_BUILT: Final = "built"  # a file that is there once all is installed
_STEPS: Final = (
    ["torch==2.13.0"],
    ["--no-deps", f"lerobot=={VERSION}", "torchvision==0.28.0"],
    [
        "numpy", "pandas", "pyarrow", "datasets>=4,<5", "huggingface-hub>=0.34.2,<0.36",
        "av>=15,<16", "jsonlines", "packaging", "draccus==0.10.0", "einops", "pillow", "accelerate",
        "deepdiff", "termcolor",
    ],
)  # fmt: skip


def folder() -> Path:
    """Return where the environment is, or would be."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "evenhand" / f"lerobot-{VERSION}"


def python() -> Path | None:
    """Return the environment's interpreter, None while it is not built."""
    return folder() / "bin" / "python" if (folder() / _BUILT).exists() else None


def build() -> Path:
    """Build the environment if need be; returns its interpreter.

    Raises:
        subprocess.CalledProcessError: a package cannot be installed.
    """
    if found := python():
        return found
    venv.create(folder(), with_pip=True, clear=True)
    interpreter = folder() / "bin" / "python"
    for packages in _STEPS:
        subprocess.run(
            [interpreter, "-m", "pip", "install", "--quiet", *packages],
            check=True,
            stdout=sys.stderr,
        )
    (folder() / _BUILT).touch()
    return interpreter


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
