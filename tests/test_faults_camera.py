"""A camera that freezes, dies or lags: the policy refuses to look, the arms hold, all recovers."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack import Stack, stack, stand_in, station_config

from runtime.process import ProcessSpec
from runtime.supervisor import Phase

CAMERA = "camera.cam_high"
SMALL = '{model: "${twin_model}", width: 64, height: 48}'

pytestmark = pytest.mark.slow


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
    station.until(lambda: station.supervisor.ready, "all processes to be ready", 60.0)
    station.home()
    station.run()
    return station


def refusals(running: Stack) -> int:
    return running.counters("policy_worker").get("refused: stale frame of cam_high", 0)


def assert_refuses_and_holds(running: Stack, fault_ns: int, before: int) -> None:
    running.until(lambda: refusals(running) > before, "the stale frame to be refused")
    stop = running.stop_after(fault_ns)
    assert stop.runway_s > 0.0
    assert stop.mode == "run"


def test_a_frozen_camera_is_refused_then_replaced(running: Stack) -> None:
    before = refusals(running)
    fault_ns = running.signal(CAMERA, signal.SIGSTOP)
    running.event(CAMERA, Phase.STALLED, fault_ns)
    assert_refuses_and_holds(running, fault_ns, before)
    running.event(CAMERA, Phase.DEAD, fault_ns)
    running.event(CAMERA, Phase.READY, fault_ns)
    running.assert_resumes()


def test_a_killed_camera_is_refused_and_comes_back(running: Stack) -> None:
    before = refusals(running)
    running.delay_restart(CAMERA)
    fault_ns = running.signal(CAMERA, signal.SIGKILL)
    running.event(CAMERA, Phase.DEAD, fault_ns)
    assert_refuses_and_holds(running, fault_ns, before)
    running.event(CAMERA, Phase.READY, fault_ns)
    running.assert_resumes()


def test_a_slow_camera_is_refused_until_it_is_fast_again(running: Stack, slow_while: Path) -> None:
    before = refusals(running)
    slow_while.touch()
    try:
        assert_refuses_and_holds(running, running.status.t_ns, before)
        assert running.supervisor.ready, "a slow camera is alive, it is not replaced"
    finally:
        slow_while.unlink()
    running.assert_resumes()
