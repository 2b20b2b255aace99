"""The policy that does nothing, for demonstrations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policy_worker.policies.idle import Config, make
from policy_worker.policy import Observation
from simulation.lockstep import Lockstep, Timing
from simulation.scene import scene_model
from simulation.task import TRANSFER
from simulation.twin import HOME, JOINTS, Twin


def seen(upcoming: NDArray[np.float64]) -> Observation:
    return Observation(
        t_obs_ns=0,
        plan_time_s=0.0,
        episode=0,
        instruction="whatever",
        images={},
        position=HOME + 0.01,
        upcoming=upcoming,
    )


def test_it_stays_where_the_commands_end() -> None:
    policy = make(Config(), JOINTS)
    upcoming = np.linspace(HOME, HOME + 0.3, 50)
    actions = policy.infer(seen(upcoming))
    assert actions.shape == (policy.spec.horizon, len(JOINTS))
    np.testing.assert_array_equal(actions, np.broadcast_to(HOME + 0.3, actions.shape))


def test_before_any_command_it_stays_where_the_arms_are() -> None:
    actions = make(Config(), JOINTS).infer(seen(np.empty((0, 0))))
    np.testing.assert_array_equal(actions, np.broadcast_to(HOME + 0.01, actions.shape))


def test_it_takes_any_instruction_and_looks_at_nothing() -> None:
    spec = make(Config(), JOINTS).spec
    assert (spec.instructions, spec.cameras) == ((), ())


def test_the_arms_do_not_sink_under_it() -> None:
    lockstep = Lockstep(Twin(scene_model()), make(Config(), JOINTS), timing=Timing(limit_s=3.0))
    commands = lockstep.run(1, TRANSFER).commands
    np.testing.assert_allclose(commands, np.broadcast_to(HOME, commands.shape), atol=1e-6)
