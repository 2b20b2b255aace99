"""Every file in safety/buttons/ is a button plugin: it is tested by being there."""

import inspect
from typing import get_type_hints

import pydantic
import pytest

from runtime.plugins import available, plugin
from safety.button import Button

NAMES = available("safety.buttons")


def test_the_buttons_that_the_project_promises_are_there() -> None:
    assert {"evdev", "gpio"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_frozen_and_refuses_unknown_keys(name: str) -> None:
    config = plugin("safety.buttons", name).Config
    assert issubclass(config, pydantic.BaseModel)
    assert config.model_config.get("frozen")
    with pytest.raises(pydantic.ValidationError) as refusal:
        config.model_validate({"no_button_has_this_key": 1})
    kinds = {error["type"] for error in refusal.value.errors()}
    assert "extra_forbidden" in kinds


@pytest.mark.parametrize("name", NAMES)
def test_make_takes_config_and_the_name_of_the_button(name: str) -> None:
    module = plugin("safety.buttons", name)
    assert list(inspect.signature(module.make).parameters) == ["config", "button"]
    hints = get_type_hints(module.make)
    assert hints["config"] is module.Config
    assert hints["button"] is str


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["open", "wait", "condition", "close"])
def test_button_satisfies_the_seam(name: str, method: str) -> None:
    module = plugin("safety.buttons", name)
    made = getattr(get_type_hints(module.make)["return"], method)
    seam = getattr(Button, method)
    assert get_type_hints(made) == get_type_hints(seam)
    assert list(inspect.signature(made).parameters) == list(inspect.signature(seam).parameters)
