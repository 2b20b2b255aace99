"""The policy's process: observe, infer, publish; it never queues old work."""

from __future__ import annotations

import statistics
import time
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from messaging.messages import ActionChunk
from messaging.topics import ACTION_CHUNK
from policy_worker import handshake
from policy_worker.policy import Observation, Policy, PolicySpec
from policy_worker.senses import Seen, Senses
from runtime.config import Between, StrictModel
from runtime.plugins import configured, plugin
from runtime.process import Context

_WARM_UPS = 3  # a first inference allocates and compiles; its time says nothing about the next
_WARM_UP_IMAGE = (480, 640, 3)
_QUIET_INFERENCES = 3  # silent for longer than these take, the worker is not just inferring
_BETWEEN_S = 0.1  # and what may lie around them: a look, and a beat too soon to be sent
_LOOK_S = 0.04  # how long to wait for something new before showing that the loop still lives


class Config(StrictModel):
    """Which policy, and how often at most it is asked."""

    policy: str
    config: dict[str, Any] = Field(default_factory=dict)
    joints: tuple[str, ...]
    arms: tuple[str, ...]
    cameras: tuple[str, ...]
    instruction: str  # the first one that it will be given
    rate_hz: Annotated[float, Between(0.1, 200.0, "Hz")] = 10.0
    twin: bool  # whether a twin's true state can be had


def load(config: Config) -> Policy:
    """Return the configured policy; raises if it was made for another robot."""
    module = plugin("policy_worker.policies", config.policy)
    options = configured(module, config.config)
    policy: Policy = module.make(options, config.joints)
    handshake.check(
        policy.spec, config.joints, config.cameras, config.instruction, twin=config.twin
    )
    return policy


def main(config: Config, context: Context) -> None:
    """Turn the newest observation into a chunk of actions, again and again, until told to stop."""
    context.beat(ready=False, note="loading")
    policy = load(config)
    quiet_s = _QUIET_INFERENCES * warm_up(policy, config.instruction) + _BETWEEN_S
    senses = Senses(policy.spec, config.arms, context.bus)
    chunks = context.bus.publisher(ACTION_CHUNK)
    worker = Worker(policy)
    period_ns = round(1e9 / config.rate_hz)
    next_ns = 0
    while not context.stopping:
        senses.wait(_LOOK_S)
        now_ns = senses.now_ns()
        answered = worker.counters["chunks"]
        note = "infers" if senses.running() else "waits for a run"
        if senses.running() and now_ns >= next_ns:
            if refusal := senses.refusal(now_ns):
                worker.refused(refusal)
                note = refusal
            else:
                # A late turn does not make the next one early.
                next_ns = max(next_ns + period_ns, now_ns + period_ns // 2)
                chunks.send(worker.answer(senses.seen(), now_ns))
        context.beat(
            worked=worker.counters["chunks"] > answered,
            age_ns=senses.age_ns(now_ns),
            counters=dict(worker.counters),
            note=note,
            quiet_s=quiet_s,
        )


class Worker:
    """Asks the policy and stamps its answers with what the question was about."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._begun: tuple[int, int] | None = None  # episode, and hand-backs so far
        self.counters: dict[str, int] = {"chunks": 0}

    def refused(self, reason: str) -> None:
        """Count an observation that was not good enough to act on."""
        key = f"refused: {reason}"
        self.counters[key] = self.counters.get(key, 0) + 1

    def answer(self, seen: Seen, now_ns: int) -> ActionChunk:
        """Return the policy's chunk, with the cursor and epoch that came with the question."""
        spec, observation = self._policy.spec, seen.observation
        started_ns = time.monotonic_ns()
        if (begun := (observation.episode, seen.hand_backs)) != self._begun:
            self._policy.reset(observation.episode)
            self._begun = begun
        actions = self._policy.infer(observation)
        self.counters["chunks"] += 1
        done_ns = time.monotonic_ns()
        return ActionChunk(
            policy=spec.name,
            seq=self.counters["chunks"],
            t_obs_ns=observation.t_obs_ns,
            cursor=seen.cursor,
            epoch=seen.epoch,
            dt_ns=spec.dt_ns,
            joints=spec.joints,
            actions=np.ascontiguousarray(actions, np.float64),
            stages_ms={
                "transport": seen.transport_ns * 1e-6,
                "observe": (now_ns - observation.t_obs_ns - seen.transport_ns) * 1e-6,
                "infer": (done_ns - started_ns) * 1e-6,
            },
        )


def warm_up(policy: Policy, instruction: str) -> float:
    """Let the policy infer on made-up observations, so that the first real one takes no longer.

    Returns how long an inference takes, in seconds; 0 for a policy that cannot be asked yet.
    """
    spec: PolicySpec = policy.spec
    if spec.needs_twin_state:
        return 0.0
    images: dict[str, NDArray[np.uint8]] = {
        camera: np.zeros(_WARM_UP_IMAGE, np.uint8) for camera in spec.cameras
    }
    policy.reset(0)
    took_s = []
    for _ in range(_WARM_UPS):
        begin = time.monotonic()
        policy.infer(
            Observation(
                t_obs_ns=0,
                plan_time_s=0.0,
                episode=0,
                instruction=instruction,
                images=images,
                position=np.zeros(len(spec.joints)),
            )
        )
        took_s.append(time.monotonic() - begin)
    # Neither the first one, which is slower, nor one that the system delayed.
    return statistics.median(took_s)
