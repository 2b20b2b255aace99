"""LeRobot itself reads what was recorded, where its environment is built.

Building it takes minutes: `python tests/lerobot/environment.py`, or EVENHAND_LEROBOT=1.
"""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import recorder_scene
from recorder_scene import BEGIN_NS, Scene

from recorder.catalogue import Catalogue
from recorder.finish import finished

HERE = Path(__file__).parent / "lerobot"
SECOND_NS = BEGIN_NS + 60_000_000_000


def environment() -> ModuleType:
    """Return `lerobot/environment.py`, which is a program and no module of ours."""
    spec = importlib.util.spec_from_file_location("environment", HERE / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def interpreter() -> Path:
    program = environment()
    if os.environ.get("EVENHAND_LEROBOT") == "1":
        return Path(program.build())
    if found := program.python():
        return Path(found)
    pytest.skip("LeRobot's environment is not built: python tests/lerobot/environment.py")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_lerobot_loads_every_frame_and_finds_the_same_statistics(
    interpreter: Path, tmp_path: Path
) -> None:
    catalogue = Catalogue(tmp_path)
    corrected = ((0.0, "policy"), (0.4, "human"), (0.7, "hold"), (0.8, "policy"))
    for scene in (
        Scene(seconds=1.0, commanders=corrected),
        Scene(number=4, seconds=0.5, begin_ns=SECOND_NS, outcome="", instruction="another"),
        Scene(number=5, seconds=0.7, begin_ns=2 * SECOND_NS, lost={"cam_low": (0.2, 0.4)}),
    ):
        finished(catalogue, recorder_scene.write(tmp_path, scene))
    told = subprocess.run(
        [interpreter, HERE / "conform.py", tmp_path],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["faults"] == []
    assert (found["episodes"], found["frames"]) == (3, 30 + 18 + 21)
