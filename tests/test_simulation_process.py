"""The twin's process: real time, and what it says on the bus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from messaging.messages import EpisodeRequest, ServoTarget
from messaging.topics import (
    EPISODE_REQUEST,
    SERVO_READING,
    SERVO_TARGET,
    TASK_STATE,
    TWIN_STATE,
    Topic,
)
from messaging.transport import Bus
from runtime.process import Context
from simulation.main import Config, World, main
from simulation.scene import scene_model
from simulation.task import FIRST_EVALUATION_SEED, HOLD
from simulation.twin import HOME, Twin, cube_position


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    """The bus of a station on which the twin runs."""
    directory = tmp_path / "bus"
    with Bus(directory) as twins, Bus(directory) as ours:
        context = Context("twin", twins)
        config = Config(model_path=tmp_path / "twin.mjb")
        thread = threading.Thread(target=main, args=(config, context))
        thread.start()
        yield ours
        context.stop()
        thread.join(timeout=10)
        assert not thread.is_alive()
        assert (tmp_path / "twin.mjb").is_file()


def collected(bus: Bus, topic: Topic[Any], instance: str, seconds: float) -> list[Any]:
    subscriber = bus.subscriber(topic, instance)
    messages: list[Any] = []
    deadline = time.monotonic() + 10
    while not messages or time.monotonic() < deadline:
        message = subscriber.receive()
        if message is not None:
            deadline = min(deadline, time.monotonic() + seconds) if not messages else deadline
            messages.append(message)
        time.sleep(0.001)
        assert messages or time.monotonic() < deadline, f"nothing on {subscriber.stream}"
    return messages


def test_physics_follows_the_clock_in_whole_steps() -> None:
    world = World(Twin(scene_model()), now_ns=0)
    before = world.twin.qpos
    world.catch_up(9_000_000)
    np.testing.assert_array_equal(world.twin.qpos, before)
    world.catch_up(25_000_000)
    assert world.t_ns == 20_000_000
    assert world.twin.cube[2] < cube_position(0)[2]
    assert world.lost_steps == 0


def test_a_long_stall_is_not_made_up_for() -> None:
    world = World(Twin(scene_model()), now_ns=0)
    world.catch_up(10_000_000_000)
    assert world.t_ns == 10_000_000_000
    assert world.lost_steps == 990


def test_readings_advance_in_whole_steps(bus: Bus) -> None:
    readings = collected(bus, SERVO_READING, "left", 0.5)
    times_ns = np.array([reading.t_ns for reading in readings])
    assert len(readings) > 5
    assert (np.diff(times_ns) % 10_000_000 == 0).all()
    assert (np.diff(times_ns) >= 0).all()
    assert times_ns[-1] <= time.monotonic_ns()


def test_an_arm_follows_its_own_targets(bus: Bus) -> None:
    targets = bus.publisher(SERVO_TARGET, "right")
    goal = HOME[7:].copy()
    goal[0] += 0.3
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        targets.send(ServoTarget("right", time.monotonic_ns(), goal))
        time.sleep(0.01)
    right = collected(bus, SERVO_READING, "right", 0.05)[-1]
    left = collected(bus, SERVO_READING, "left", 0.05)[-1]
    np.testing.assert_allclose(right.position, goal, atol=0.05)
    np.testing.assert_allclose(left.position, HOME[:7], atol=0.05)


def test_a_target_that_no_servo_would_accept_is_left_out(bus: Bus) -> None:
    targets = bus.publisher(SERVO_TARGET, "left")
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        targets.send(ServoTarget("left", time.monotonic_ns(), np.full(7, np.nan)))
        targets.send(ServoTarget("left", time.monotonic_ns(), np.zeros(6)))
        time.sleep(0.01)
    left = collected(bus, SERVO_READING, "left", 0.05)[-1]
    np.testing.assert_allclose(left.position, HOME[:7], atol=0.05)


def test_an_episode_request_places_the_cube_once(bus: Bus) -> None:
    requests = bus.publisher(EPISODE_REQUEST)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        requests.send(EpisodeRequest(7, 42, HOLD))
        time.sleep(0.05)
    world = collected(bus, TWIN_STATE, "", 0.05)[-1]
    task = collected(bus, TASK_STATE, "", 0.05)[-1]
    assert world.episode == task.episode == 7
    assert (task.reward, task.success) == (0, False)
    cube = world.qpos[-7:-4]
    np.testing.assert_allclose(cube[:2], cube_position(FIRST_EVALUATION_SEED + 42)[:2], atol=0.005)
    assert cube[2] < 0.03, "a cube placed again and again would never come to rest"
