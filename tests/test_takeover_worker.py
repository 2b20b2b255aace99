"""The policy while a person commands: it infers on, and forgets at the hand-back."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_senses import WITHIN_S, World

from messaging.transport import Bus
from policy_worker.main import Worker
from policy_worker.policy import Observation, PolicySpec
from policy_worker.senses import Seen


class Remembering:
    """A policy that counts how often it has had to forget."""

    def __init__(self) -> None:
        self.spec = PolicySpec("remembering", ("left_waist",), (), 2, 20_000_000, ())
        self.resets: list[int] = []

    def reset(self, episode: int) -> None:
        """Note it."""
        self.resets.append(episode)

    def infer(self, _observation: Observation) -> NDArray[np.float64]:
        """Return nothing much."""
        return np.zeros((2, 1))


def seen(episode: int, hand_backs: int) -> Seen:
    observation = Observation(
        t_obs_ns=0,
        plan_time_s=0.0,
        episode=episode,
        instruction="",
        images={},
        position=np.zeros(1),
    )
    return Seen(observation, 0.0, 1, hand_backs=hand_backs)


def test_a_policy_forgets_at_each_episode_and_at_each_hand_back() -> None:
    policy = Remembering()
    worker = Worker(policy)
    for episode, hand_backs in ((1, 0), (1, 0), (1, 1), (1, 1), (1, 3), (2, 3)):
        worker.answer(seen(episode, hand_backs), 0)
    assert policy.resets == [1, 1, 1, 2]


@pytest.mark.realtime
def test_it_infers_on_while_a_person_commands_and_hears_of_each_hand_back() -> None:
    with tempfile.TemporaryDirectory(prefix="eh-") as folder, Bus(Path(folder)) as bus:
        world = World(bus)
        modes = ("run", "human", "run", "human", "human", "hold", "run", "home")
        for epoch, mode in enumerate(modes, start=2):
            world.say(time.monotonic_ns(), cursor=1.0, epoch=epoch, mode=mode)
            _until_heard(world, epoch)
            assert world.senses.running() == (mode in ("run", "human"))
        assert world.senses.seen().hand_backs == 2


def _until_heard(world: World, epoch: int) -> None:
    end = time.monotonic() + WITHIN_S
    while True:
        world.senses.wait(0.01)
        if world.senses.seen().epoch == epoch:
            return
        assert time.monotonic() < end
