"""Every file in teleop/devices/ is a device plugin: it is tested by being there."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pydantic
import pytest

from messaging.transport import Bus
from runtime.plugins import available, plugin
from teleop.device import Device, Robot

NAMES = available("teleop.devices")


def test_the_devices_that_the_project_promises_are_there() -> None:
    assert {"leader", "keyboard", "gamepad", "spacemouse", "scripted"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_frozen_and_refuses_unknown_keys(name: str) -> None:
    config = plugin("teleop.devices", name).Config
    assert issubclass(config, pydantic.BaseModel)
    assert config.model_config.get("frozen")
    with pytest.raises(pydantic.ValidationError) as refusal:
        config.model_validate({"no_device_has_this_key": 1})
    kinds = {error["type"] for error in refusal.value.errors()}
    assert "extra_forbidden" in kinds


@pytest.mark.parametrize("name", NAMES)
def test_make_takes_config_robot_and_bus(name: str) -> None:
    module = plugin("teleop.devices", name)
    assert list(inspect.signature(module.make).parameters) == ["config", "robot", "bus"]
    hints = get_type_hints(module.make)
    assert (hints["config"], hints["robot"], hints["bus"]) == (module.Config, Robot, Bus)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["open", "read", "mirror", "note", "close"])
def test_device_satisfies_the_seam(name: str, method: str) -> None:
    module = plugin("teleop.devices", name)
    made = getattr(get_type_hints(module.make)["return"], method)
    seam = getattr(Device, method)
    assert get_type_hints(made) == get_type_hints(seam)
    assert list(inspect.signature(made).parameters) == list(inspect.signature(seam).parameters)
