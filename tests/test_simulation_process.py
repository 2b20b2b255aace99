"""The twin's process: real time, and what it says on the bus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_twin_plant import VIPERX

from drivers.dynamixel import packets, registers
from drivers.dynamixel.address import is_there, open_port
from drivers.dynamixel.packets import PacketReader
from drivers.dynamixel.port import Port
from drivers.dynamixel.registers import Register
from drivers.dynamixel.socket_port import SCHEME
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

pytestmark = pytest.mark.realtime


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    """The bus of a station on which the twin runs."""
    with running(tmp_path) as ours:
        yield ours


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The ports of a twin that runs behind emulated servos: a socket, and a pseudo-terminal."""
    told = {"left": f"{SCHEME}{tmp_path / 'left'}", "right": str(tmp_path / "right")}
    servos = {arm: VIPERX.model_copy(update={"port": address}) for arm, address in told.items()}
    with running(tmp_path, servos=servos) as bus:
        collected(bus, TWIN_STATE, "", 0.0)
        yield told
    assert not any(map(is_there, told.values()))


@contextmanager
def running(tmp_path: Path, **options: Any) -> Iterator[Bus]:
    directory = tmp_path / "bus"
    with Bus(directory) as twins, Bus(directory) as ours:
        context = Context("twin", twins)
        config = Config(model_path=tmp_path / "twin.mjb", **options)
        thread = threading.Thread(target=main, args=(config, context))
        thread.start()
        try:
            yield ours
        finally:
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


def test_lost_time_does_not_count_as_holding_the_cube(monkeypatch: pytest.MonkeyPatch) -> None:
    held = frozenset({"vx300s_left/10_left_gripper_finger"})
    monkeypatch.setattr(Twin, "contacts", held)
    monkeypatch.setattr(Twin, "cube", np.array([0.0, 0.0, 1.0]))
    world = World(Twin(scene_model()), now_ns=0, step_ns=4_000_000)
    world.catch_up(10_000_000_000)
    assert world.lost_steps > 2000
    assert not world.progress.success
    world.catch_up(10_120_000_000)
    world.catch_up(10_240_000_000)
    assert world.progress.success


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


class Host:
    """A patient program on the other end of a port: it waits for every answer."""

    def __init__(self, port: Port) -> None:
        self.port = port

    def ask(self, request: bytes) -> packets.Packet:
        self.port.discard()
        self.port.write(request)
        reader = PacketReader()
        while True:
            data = self.port.receive(5.0)
            assert data, "no answer"
            for packet in reader.feed(data):
                return packet

    def get(self, servo: int, register: Register) -> int:
        answer = self.ask(packets.read(servo, register.address, register.size))
        return register.unpacked(answer.data)

    def set(self, servo: int, register: Register, value: int) -> None:
        answer = self.ask(packets.write(servo, register.address, register.packed(value)))
        assert answer.error == 0


@pytest.fixture
def hosts(addresses: dict[str, str]) -> Iterator[dict[str, Host]]:
    with ExitStack() as opened:
        yield {
            arm: Host(opened.enter_context(open_port(address, 1_000_000)))
            for arm, address in addresses.items()
        }


def test_a_driver_moves_the_twin_through_its_servos(hosts: dict[str, Host]) -> None:
    host = hosts["right"]
    before = host.get(1, registers.PRESENT_POSITION)
    assert before == pytest.approx(registers.MIDDLE_TICK, abs=5)
    host.set(1, registers.GOAL_POSITION, before)
    host.set(1, registers.TORQUE_ENABLE, 1)
    host.set(1, registers.GOAL_POSITION, before + 200)
    end = time.monotonic() + 10
    while abs(host.get(1, registers.PRESENT_POSITION) - before - 200) > 10:
        assert time.monotonic() < end, "the joint does not arrive"
    assert hosts["left"].get(1, registers.PRESENT_POSITION) == pytest.approx(before, abs=10)


def test_registers_read_the_joints_angles(hosts: dict[str, Host]) -> None:
    host = hosts["left"]
    for row, motor in enumerate(VIPERX.motors.values()):
        if row == 6:
            continue
        for servo in motor.ids:
            angle = HOME[row] / registers.RAD_PER_TICK + registers.MIDDLE_TICK
            assert host.get(servo, registers.PRESENT_POSITION) == pytest.approx(angle, abs=100)


def test_servos_of_an_arm_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="middle"):
        Config(model_path=tmp_path / "twin.mjb", servos={"middle": VIPERX})


def test_one_arm_may_have_servos_and_the_other_messages(tmp_path: Path) -> None:
    port = tmp_path / "ttyDXL"
    servos = {"right": VIPERX.model_copy(update={"port": str(port)})}
    with running(tmp_path, servos=servos) as bus:
        left = collected(bus, SERVO_READING, "left", 0.05)[-1]
        np.testing.assert_allclose(left.position, HOME[:7], atol=0.05)
        assert port.is_symlink()
