"""A camera that hangs, dies or lags lets the plan run out, and it goes on with the images."""

import signal
import time
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
        if spec.name == "safety":  # the policy's stand-in looks, other than the policy itself
            return spec.model_copy(
                update={"config": {**spec.config, "needed_cameras": ["cam_high"]}}
            )
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


def assert_runs_out(running: Stack, fault_ns: int) -> None:
    running.until(lambda: running.safety.waits, "the view to be waited for")
    assert CAMERA in running.safety.waits[0]
    running.stop_after(fault_ns)
    running.assert_smooth()


def assert_goes_on_by_itself(running: Stack) -> None:
    running.assert_resumes()
    running.until(lambda: not running.safety.waits, "the view to be back")
    assert (running.phase, running.safety.event) == ("running", "")


def test_a_camera_that_hangs_lets_the_plan_run_out_and_is_replaced(running: Stack) -> None:
    fault_ns = running.signal(CAMERA, signal.SIGSTOP)
    running.event(CAMERA, Phase.STALLED, fault_ns)
    assert_runs_out(running, fault_ns)
    running.event(CAMERA, Phase.DEAD, fault_ns)
    running.event(CAMERA, Phase.READY, fault_ns)
    assert_goes_on_by_itself(running)


def test_a_camera_that_is_killed_lets_the_plan_run_out_and_comes_back(running: Stack) -> None:
    running.delay_restart(CAMERA)
    fault_ns = running.signal(CAMERA, signal.SIGKILL)
    running.event(CAMERA, Phase.DEAD, fault_ns)
    assert_runs_out(running, fault_ns)
    running.event(CAMERA, Phase.READY, fault_ns)
    assert_goes_on_by_itself(running)


def test_a_slow_camera_is_waited_for_and_starvation_that_it_explains_stops_nothing(
    running: Stack, slow_while: Path
) -> None:
    slow_while.touch()
    try:
        assert_runs_out(running, time.monotonic_ns())
        assert running.supervisor.ready, "a slow camera is alive, it is not replaced"
        starved_s = running.config.safety.patient().starved_s
        running.until(lambda: running.status.starved_s > starved_s + 0.5, "the plan to be starved")
        assert running.phase == "running"
    finally:
        slow_while.unlink()
    assert_goes_on_by_itself(running)
