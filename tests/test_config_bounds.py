"""Every number of a config has bounds, and at its bounds the robot still runs."""

import json
from importlib import import_module
from typing import Annotated, Any

import numpy as np
import pytest
from config_bounds import numbers
from guarded_robot import control_status
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from controller.config import ControllerConfig
from controller.core import Controller
from messaging.messages import ActionChunk
from motion.limits import JointLimits, LimitsConfig
from runtime.plugins import available, plugin
from runtime.process import ProcessSpec
from safety.config import SafetyConfig
from safety.control_watch import ControlWatch
from station.config import load, robot_file
from station.robot import StationConfig

PLUGINS = (
    "drivers.arms",
    "perception.cameras",
    "policy_worker.policies",
    "safety.buttons",
    "teleop.devices",
)
PROCESSES = (
    "controller.main",
    "dashboard.main",
    "dashboard.mqtt",
    "drivers.leader_main",
    "drivers.main",
    "perception.main",
    "policy_worker.main",
    "recorder.finisher_main",
    "recorder.main",
    "safety.button_main",
    "safety.main",
    "simulation.main",
    "station.journal",
    "teleop.main",
)
MODELS: list[type[BaseModel]] = [
    StationConfig,
    ProcessSpec,
    *(plugin(package, name).Config for package in PLUGINS for name in available(package)),
    *(import_module(name).Config for name in PROCESSES),
]
ALOHA = load(robot_file("aloha"), ["policy=scripted"]).model_dump(mode="json")
SECTIONS: dict[str, type[BaseModel]] = {
    "limits": LimitsConfig,
    "controller": ControllerConfig,
    "safety": SafetyConfig,
}
FAR_OUT = ("Infinity", "-Infinity", "NaN", "1e300", "-1e300", "1" * 400)


def with_numbers(**sections: dict[str, float]) -> StationConfig:
    changed = {key: {**ALOHA[key], **values} for key, values in sections.items()}
    return StationConfig.model_validate_json(json.dumps({**ALOHA, **changed}))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__module__)
def test_every_number_of_a_config_has_bounds(model: type[BaseModel]) -> None:
    assert [number for number in numbers(model) if number.bounds is None] == []


@pytest.mark.parametrize("written", FAR_OUT)
def test_what_is_far_out_is_refused_with_the_bounds(written: str) -> None:
    for number in numbers(StationConfig):
        if number.kind is float:
            with pytest.raises(ValidationError, match="allowed is") as caught:
                TypeAdapter(Annotated[float, number.bounds]).validate_json(written)
            assert str(number.bounds) in str(caught.value)


@st.composite
def at_their_bounds(draw: st.DrawFn, section: str) -> dict[str, float]:
    """Some numbers of a section, each at one of its ends."""
    drawn = {}
    for number in numbers(SECTIONS[section]):
        end = draw(st.sampled_from(["", "", "", "low", "high"]))
        if end:
            drawn[number.path[0]] = number.kind(getattr(number.bounds, end))
    return drawn


class Run:
    """A controller that homes, is stopped, follows chunks across its ranges, and rests."""

    def __init__(self, config: StationConfig) -> None:
        lower, upper = np.array(list(config.ranges.values())).T
        self.joints = tuple(config.ranges)
        self.limits = JointLimits.build(self.joints, lower, upper, config.limits)
        poses = [[v for arm in config.arms.values() for v in arm.home]]
        poses += [[v for arm in config.arms.values() for v in arm.rest]]
        home, self.rest = np.array(poses)
        self.controller = Controller(config.controller, self.joints, self.limits, home, self.rest)
        self.controller.observe(self.rest)
        self.now_ns = 1_000_000_000
        self.commands: list[np.ndarray[Any, np.dtype[np.float64]]] = []

    def tick(self, count: int) -> None:
        for _ in range(count):
            self.now_ns += self.controller.dt_ns
            self.commands.append(self.controller.tick(self.now_ns)[0].position)

    def chunk(self, seq: int) -> None:
        swing = 0.5 * np.sin(np.linspace(seq, seq + 2.0, 50))[:, None]
        actions = self.rest + swing * (self.limits.upper - self.limits.lower)
        self.controller.receive(
            ActionChunk(
                policy="swing",
                seq=seq,
                t_obs_ns=self.now_ns,
                cursor=self.controller.cursor,
                epoch=self.controller.epoch,
                dt_ns=20_000_000,
                joints=self.joints,
                actions=np.clip(actions, self.limits.lower, self.limits.upper),
                stages_ms={},
            ),
            self.now_ns,
        )

    def play(self) -> None:
        for mode in ("home", "hold", "run"):
            self.controller.direct(mode)
            self.tick(10)
        for seq in (1, 2, 3):
            self.chunk(seq)
            self.tick(10)
        self.controller.direct("rest")
        self.tick(10)


@settings(max_examples=40, deadline=None)
@given(at_their_bounds("limits"), at_their_bounds("controller"))
def test_at_its_bounds_a_config_is_refused_or_the_controller_keeps_its_limits(
    limits: dict[str, float], control: dict[str, float]
) -> None:
    try:
        config = with_numbers(limits=limits, controller=control)
    except ValidationError:
        return
    run = Run(config)
    run.play()
    speeds = np.diff(run.commands, axis=0) * config.controller.rate_hz
    assert np.isfinite(run.commands).all()
    assert (np.abs(speeds) <= run.limits.velocity * (1.0 + 1e-6)).all()


@pytest.mark.parametrize("section", ["limits", "controller"])
def test_most_single_numbers_may_stand_at_either_end(section: str) -> None:
    alone = [
        {number.path[0]: number.kind(end)}
        for number in numbers(SECTIONS[section])
        if number.bounds is not None
        for end in (number.bounds.low, number.bounds.high)
    ]
    taken = [values for values in alone if _is_taken(section, values)]
    assert len(taken) > 0.5 * len(alone)


def _is_taken(section: str, values: dict[str, float]) -> bool:
    try:
        with_numbers(**{section: values})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"jerk": 1.0}, "a stop takes up to"),
        ({"gripper_stop_acceleration": 0.1}, "a stop takes up to"),
        ({"velocity": 0.05}, "from one end of its range to the other"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(limits: dict[str, float], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        with_numbers(limits=limits)


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_safety_process_watches_with_its_thresholds_at_their_bounds(end: str) -> None:
    values = {n.path[0]: n.kind(getattr(n.bounds, end)) for n in numbers(SafetyConfig)}
    heat = {"temperature_cool": 1.0, "temperature_warn": 2.0, "temperature_slow": 3.0}
    values |= {**heat, "temperature_rest": 150.0, "voltage_hold": 1.0, "voltage_warn": 60.0}
    config = with_numbers(safety=values).safety.patient()
    watch = ControlWatch(config, 200.0)
    watch.hear([control_status(seq=seq) for seq in range(3)])
    assert watch.look(0, 0, running=True) is not None
