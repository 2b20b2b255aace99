"""Drawing the twin's state, with a twin that only states."""

import time
from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np
import pytest

from messaging.messages import TwinState
from messaging.topics import TWIN_STATE
from messaging.transport import Bus, Publisher
from perception.camera import Capture
from perception.cameras.mujoco import Config, MujocoCamera, make

SCENE = """
<mujoco>
  <worldbody>
    <light pos="0 0 3"/>
    <camera name="above" pos="0 0 2"/>
    <body><joint name="x" type="slide" axis="1 0 0"/>
      <geom type="box" size=".2 .2 .2" rgba="1 0 0 1"/></body>
  </worldbody>
</mujoco>
"""
PERIOD_NS = 50_000_000


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.mjb"
    mujoco.mj_saveModel(mujoco.MjModel.from_xml_string(SCENE), str(path))
    return path


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


@pytest.fixture
def twin(bus: Bus) -> Publisher[TwinState]:
    return bus.publisher(TWIN_STATE)


@pytest.fixture
def camera(scene: Path, bus: Bus, twin: Publisher[TwinState]) -> Iterator[MujocoCamera]:
    camera = make(Config(model=scene, width=64, height=48, rate_hz=20.0), "above", bus)
    camera.open()
    settle(camera, twin)
    yield camera
    camera.close()


def settle(camera: MujocoCamera, twin: Publisher[TwinState]) -> None:
    """Wait until the camera hears the twin; the last state drawn is that of time 1."""
    for _ in range(100):
        twin.send(TwinState(1, 0, np.zeros(1)))
        if camera.capture(0.02):
            break
    while camera.capture(0.05):
        pass


def picture(
    camera: MujocoCamera, twin: Publisher[TwinState], t_ns: int, x: float = 0.0
) -> Capture | None:
    twin.send(TwinState(t_ns, 0, np.array([x])))
    deadline = time.monotonic() + 0.2
    capture = None
    while capture is None and time.monotonic() < deadline:
        capture = camera.capture(0.05)
    return capture


def test_the_picture_shows_the_state_and_bears_its_time(
    camera: MujocoCamera, twin: Publisher[TwinState]
) -> None:
    left = picture(camera, twin, 2 * PERIOD_NS, x=-0.5)
    right = picture(camera, twin, 3 * PERIOD_NS, x=0.5)
    assert left is not None
    assert right is not None
    assert (left.t_capture_ns, right.t_capture_ns) == (2 * PERIOD_NS, 3 * PERIOD_NS)
    assert left.image.shape == (48, 64, 3)
    assert left.image[:, :32, 0].sum() > left.image[:, 32:, 0].sum()
    assert right.image[:, :32, 0].sum() < right.image[:, 32:, 0].sum()


def test_a_state_is_drawn_once(camera: MujocoCamera, twin: Publisher[TwinState]) -> None:
    assert picture(camera, twin, 2 * PERIOD_NS) is not None
    assert picture(camera, twin, 2 * PERIOD_NS) is None
    assert camera.capture(0.02) is None


def test_of_more_states_than_the_rate_needs_some_are_left_out(
    camera: MujocoCamera, twin: Publisher[TwinState]
) -> None:
    start_ns = 10 * PERIOD_NS
    states_ns = [start_ns + i * PERIOD_NS // 3 for i in range(6)]
    stamps_ns = [c.t_capture_ns for t_ns in states_ns if (c := picture(camera, twin, t_ns))]
    assert stamps_ns == [states_ns[0], states_ns[3]]


def test_without_states_there_is_no_picture(camera: MujocoCamera) -> None:
    assert camera.capture(0.02) is None


def test_a_missing_scene_is_named(tmp_path: Path, bus: Bus) -> None:
    with pytest.raises(FileNotFoundError, match=r"no scene at .*absent\.mjb"):
        make(Config(model=tmp_path / "absent.mjb"), "above", bus).open()


def test_a_file_that_is_no_scene_is_refused(tmp_path: Path, bus: Bus) -> None:
    path = tmp_path / "text.mjb"
    path.write_text("not a scene", encoding="utf-8")
    with pytest.raises(ValueError, match="cannot be read by MuJoCo"):
        make(Config(model=path), "above", bus).open()


def test_an_unknown_view_names_those_that_exist(
    scene: Path, bus: Bus, twin: Publisher[TwinState]
) -> None:
    camera = make(Config(model=scene, view="below", width=64, height=48), "above", bus)
    camera.open()
    with pytest.raises(ValueError, match=r"no camera 'below' in the scene; there are \['above'\]"):
        settle(camera, twin)
    camera.close()


def test_the_state_of_another_world_is_refused(
    camera: MujocoCamera, twin: Publisher[TwinState]
) -> None:
    twin.send(TwinState(9 * PERIOD_NS, 0, np.zeros(3)))
    with pytest.raises(ValueError, match=r"has 3 coordinates, the scene .* has 1"):
        camera.capture(5.0)
