"""A camera that freezes, dies or lags stops the robot, until it is well and a person goes on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack import Stack, stack, stand_in, station_config

from runtime.process import ProcessSpec
from runtime.supervisor import Phase

CAMERA = "camera.cam_high"
SMALL = '{model: "${twin_model}", width: 64, height: 48}'

pytestmark = [pytest.mark.alone, pytest.mark.slow]


@pytest.fixture(scope="module")
def slow_while(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file whose presence makes the camera slow."""
    return tmp_path_factory.mktemp("camera") / "slow"


@pytest.fixture(scope="module")
def station(slow_while: Path) -> Iterator[Stack]:
    def replaced(spec: ProcessSpec) -> ProcessSpec:
        if spec.name == CAMERA:
            return stand_in("late_camera", spec, slow_while=str(slow_while))
        return stand_in("looking_worker", spec) if spec.name == "policy_worker" else spec

    config = station_config(
        "hardware=twin",
        "policy=scripted",
        f"twin.cameras.cam_high.config={SMALL}",
        cameras=["cam_high"],
    )
    with stack(config, replaced) as running:
        yield running


@pytest.fixture
def running(station: Stack) -> Stack:
    """Return the station while the policy moves the arms by what it sees."""
    station.go_on()
    station.home()
    station.run()
    return station


def assert_stops(running: Stack) -> None:
    running.stopped_by(CAMERA)
    running.until(running.standing, "the arms to stand")
    running.assert_smooth()


def assert_goes_on_when_asked(running: Stack) -> None:
    running.during(0.5)
    assert running.phase == "stopped"
    running.go_on()
    running.home()
    running.run()
    running.assert_smooth()


def test_a_frozen_camera_stops_the_robot_then_is_replaced(running: Stack) -> None:
    fault_ns = running.signal(CAMERA, signal.SIGSTOP)
    running.event(CAMERA, Phase.STALLED, fault_ns)
    assert_stops(running)
    running.event(CAMERA, Phase.DEAD, fault_ns)
    running.event(CAMERA, Phase.READY, fault_ns)
    assert_goes_on_when_asked(running)


def test_a_killed_camera_stops_the_robot_and_comes_back(running: Stack) -> None:
    running.delay_restart(CAMERA)
    fault_ns = running.signal(CAMERA, signal.SIGKILL)
    running.event(CAMERA, Phase.DEAD, fault_ns)
    assert_stops(running)
    running.event(CAMERA, Phase.READY, fault_ns)
    assert_goes_on_when_asked(running)


def test_a_slow_camera_keeps_the_robot_stopped_until_it_is_fast_again(
    running: Stack, slow_while: Path
) -> None:
    slow_while.touch()
    try:
        assert_stops(running)
        assert running.supervisor.ready, "a slow camera is alive, it is not replaced"
        running.until(lambda: running.safety.persisting, "the cause to persist")
    finally:
        slow_while.unlink()
    assert_goes_on_when_asked(running)
