"""Every file in perception/cameras/ is a camera plugin: it is tested by being there."""

import inspect
from typing import get_type_hints

import pydantic
import pytest

from messaging.transport import Bus
from perception.camera import Camera
from runtime.plugins import available, plugin

NAMES = available("perception.cameras")


def test_the_cameras_that_the_project_promises_are_there() -> None:
    assert {"mujoco", "opencv", "realsense", "video"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_frozen_and_refuses_unknown_keys(name: str) -> None:
    config = plugin("perception.cameras", name).Config
    assert issubclass(config, pydantic.BaseModel)
    assert config.model_config.get("frozen")
    with pytest.raises(pydantic.ValidationError) as refusal:
        config.model_validate({"no_camera_has_this_key": 1})
    kinds = {error["type"] for error in refusal.value.errors()}
    assert "extra_forbidden" in kinds


@pytest.mark.parametrize("name", NAMES)
def test_make_takes_config_camera_and_bus(name: str) -> None:
    module = plugin("perception.cameras", name)
    assert list(inspect.signature(module.make).parameters) == ["config", "camera", "bus"]
    hints = get_type_hints(module.make)
    assert hints["config"] is module.Config
    assert hints["camera"] is str
    assert hints["bus"] is Bus


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["open", "capture", "condition", "close"])
def test_camera_satisfies_the_seam(name: str, method: str) -> None:
    module = plugin("perception.cameras", name)
    made = getattr(get_type_hints(module.make)["return"], method)
    seam = getattr(Camera, method)
    assert get_type_hints(made) == get_type_hints(seam)
    assert list(inspect.signature(made).parameters) == list(inspect.signature(seam).parameters)
