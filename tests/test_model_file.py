"""Models as files."""

from pathlib import Path

import mujoco
import pytest

from simulation.model_file import save

ONE_BALL = "<mujoco><worldbody><geom size='.1'/></worldbody></mujoco>"


def test_a_model_is_read_back_and_a_full_disk_is_named(tmp_path: Path) -> None:
    model = mujoco.MjModel.from_xml_string(ONE_BALL)
    save(model, tmp_path / "new" / "ball.mjb")
    assert mujoco.MjModel.from_binary_path(str(tmp_path / "new" / "ball.mjb")).ngeom == 1
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        save(model, Path("/dev/full"))
