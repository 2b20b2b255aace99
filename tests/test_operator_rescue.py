"""The simulated operator saves what a policy spoils, through the controller and the guards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from messaging.messages import EpisodeState, HumanCommand, TwinState
from messaging.transport import Bus
from motion.handover import TRANSFER
from policy_worker.policies.scripted import Scripted
from policy_worker.policy import Observation, Policy
from simulation.lockstep import EpisodeResult, Lockstep, Moment, Timing
from simulation.scene import save_model, scene_model
from simulation.task import FIRST_EVALUATION_SEED
from simulation.twin import HOME, JOINTS, Twin
from teleop.device import Robot, View
from teleop.devices.scripted import Config, ScriptedOperator, make
from teleop.wish import Wish

ARMS = np.r_[0:6, 7:13]
RIGHT_GRIPPER = 13
LIMIT_S = 40.0
DT_S = 0.01

Actions = NDArray[np.float64]
Spoil = Callable[[Actions, Observation], Actions]


class Spoilt(Scripted):
    """The expert, whose actions something goes wrong with."""

    def __init__(self, twin: Twin, spoil: Spoil) -> None:
        super().__init__(twin.model, JOINTS)
        self._spoil = spoil

    def infer(self, observation: Observation) -> Actions:
        return self._spoil(super().infer(observation), observation)


def never_closes(actions: Actions, _observation: Observation) -> Actions:
    actions[:, RIGHT_GRIPPER] = 1.0
    return actions


def lets_go(actions: Actions, observation: Observation) -> Actions:
    """Open the right hand once, on the way to where the hands meet."""
    if 3.5 < observation.plan_time_s < 4.5:
        actions[:, RIGHT_GRIPPER] = 1.0
    return actions


class Person:
    """The simulated operator with teleop's own rules, and no process around them."""

    def __init__(self, device: ScriptedOperator) -> None:
        self._device = device
        self._wish = Wish("scripted")

    def says(self, episode: int, instruction: str, moment: Moment) -> HumanCommand | None:
        now_ns = moment.t_ns + 1
        self._device._twin.newest = TwinState(now_ns, episode, moment.qpos)
        view = View(
            command=moment.command,
            status=moment.status,
            episode=EpisodeState(now_ns, episode, 0, instruction, "running"),
            engaged=self._wish.engaged,
        )
        reading = self._device.read(now_ns, view)
        self._wish.heard(now_ns)
        for event in reading.events if reading else ():
            assert self._wish.ask(event, now_ns) == ""
        return self._wish.command(reading, now_ns)


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(scene_model())


@pytest.fixture
def device(tmp_path: Path) -> Iterator[ScriptedOperator]:
    save_model(tmp_path / "scene.mjb")
    far = np.full(len(JOINTS), 3.0)
    robot = Robot(JOINTS, -far, far, HOME, ("left", "right"), (), TRANSFER, 100)
    with Bus(tmp_path / "bus") as bus:
        device = make(Config(model_path=tmp_path / "scene.mjb", eager=0.0), robot, bus)
        device.open()
        yield device


def attempt(twin: Twin, policy: Policy, device: ScriptedOperator, seed: int) -> EpisodeResult:
    """Run one episode that the operator watches."""
    timing = Timing(limit_s=LIMIT_S)
    lockstep = Lockstep(twin, policy, timing=timing, person=Person(device))
    return lockstep.run(FIRST_EVALUATION_SEED + seed, TRANSFER)


def turns(result: EpisodeResult) -> list[str]:
    """Return who commanded, one after the other."""
    given = [who for who in result.commanders if who != "hold"]
    return [who for who, _ in groupby(given)]


def test_an_expert_is_left_alone(twin: Twin, device: ScriptedOperator) -> None:
    result = attempt(twin, Scripted(twin.model, JOINTS), device, 0)
    assert result.success
    assert turns(result) == ["policy"]


def test_a_missed_grasp_is_made_up_for_without_a_bump(twin: Twin, device: ScriptedOperator) -> None:
    result = attempt(twin, Spoilt(twin, never_closes), device, 0)
    assert result.success
    # It hands a lifted cube back, the policy drops it, and the operator finishes the task.
    assert turns(result) == ["policy", "human", "policy", "human"]
    assert not [name for name in result.counters if name.startswith(("limit", "human"))]
    jerk = np.diff(result.commands[:, ARMS], 3, axis=0) / DT_S**3
    assert np.abs(jerk).max() < 400  # the limit is 800


@pytest.mark.slow
def test_a_dropped_cube_is_brought_back_to_the_policy(twin: Twin, device: ScriptedOperator) -> None:
    result = attempt(twin, Spoilt(twin, lets_go), device, 0)
    assert result.success
    assert turns(result) == ["policy", "human", "policy"]


@pytest.mark.slow
def test_a_policy_that_never_grasps_is_saved(twin: Twin, device: ScriptedOperator) -> None:
    results = [attempt(twin, Spoilt(twin, never_closes), device, seed) for seed in range(1, 4)]
    assert all(result.success for result in results)
