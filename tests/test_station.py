"""Whole launches: a run to its end, Ctrl-C, processes that die."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from launching import BARE, END_S, START_S, Launch, launched, wait_for
from written import Written

from messaging.messages import ON, ControlStatus
from messaging.topics import CONTROL_STATUS, JOINT_STATE, Keep
from messaging.transport import Bus
from safety import latch
from station.config import load, robot_file
from station.hardware import decided

SCRIPTED = ("--robot", "aloha", "--policy", "scripted")
CONFIG = decided(load(robot_file("aloha"), ["policy=scripted"]))
REST = [value for arm in CONFIG.arms.values() for value in arm.rest]

pytestmark = [pytest.mark.alone, pytest.mark.slow]


class Watch:
    """Listens to a launch from outside."""

    def __init__(self, launch: Launch, bus: Bus) -> None:
        self.launch = launch
        self.written = {arm: Written(CONFIG, arm) for arm in CONFIG.arms}
        self.status: ControlStatus | None = None
        self._statuses = bus.subscriber(CONTROL_STATUS)
        self._states = {arm: bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in CONFIG.arms}

    def look(self) -> None:
        self._statuses.receive()
        self.status = self._statuses.newest
        for arm, states in self._states.items():
            self.written[arm].add(states.drain())

    def in_mid_episode(self) -> bool:
        self.look()
        status = self.status
        moving = max(written.speed() for written in self.written.values()) > 0.05
        return status is not None and status.mode == "run" and status.chunks > 3 and moving

    def until_the_end(self) -> tuple[int, str]:
        def over() -> bool:
            self.look()
            return self.launch.popen.poll() is not None

        wait_for(over, "the launch to end", END_S)
        self.look()
        return self.launch.ended()


@contextmanager
def in_mid_episode() -> Iterator[Watch]:
    """Launch and wait until the policy moves the arms."""
    with launched(*SCRIPTED, *BARE) as launch:
        wait_for(launch.bus_directory.exists, "the bus", START_S)
        with Bus(launch.bus_directory) as bus:
            watch = Watch(launch, bus)
            wait_for(watch.in_mid_episode, "the arms to move", START_S)
            yield watch


@pytest.mark.timeout(300)
def test_a_run_of_one_episode_succeeds_and_leaves_only_its_report() -> None:
    with launched(*SCRIPTED, "--episodes", "1") as launch:
        wait_for(lambda: len(launch.children()) == 12, "all processes", START_S)
        pids = list(launch.children().values())
        code, output = launch.ended(2 * START_S)
        assert code == 0, output
        title, page, *_ = output.splitlines()
        assert "twin" in title
        assert page.startswith("dashboard: http://127.0.0.1:")
        assert "token" not in output, "the output of a run may be kept where others read it"
        assert "all arms are at rest, torque off" in output
        assert "success" in output
        names = {path.name for path in launch.run_directory().iterdir()}
        assert {"summary.json", "report.html"} <= names
        summary = json.loads((launch.run_directory() / "summary.json").read_text(encoding="utf-8"))
        assert "complete" in json.dumps(summary)
        launch.assert_nothing_left(pids)


def test_ctrl_c_in_mid_episode_brings_the_arms_to_rest_and_leaves_nothing() -> None:
    with in_mid_episode() as watch:
        pids = list(watch.launch.children().values())
        watch.launch.press_ctrl_c()
        code, output = watch.until_the_end()
        assert code == 0, output
        assert output.splitlines()[-1].startswith("ended: stopped by the operator (Ctrl-C)")
        held = [[s for s in w.states if s.torque == ON][-1] for w in watch.written.values()]
        np.testing.assert_allclose(np.concatenate([s.written for s in held]), REST, atol=1e-3)
        assert "all arms are at rest, torque off" in output
        for arm in watch.written.values():
            arm.assert_smooth()
        assert (watch.launch.run_directory() / "report.html").exists()
        watch.launch.assert_nothing_left(pids)


@pytest.mark.parametrize("process", ["controller", "arm.left"])
def test_the_death_of_a_process_that_moves_the_arms_ends_the_run_safely(process: str) -> None:
    with in_mid_episode() as watch:
        children = watch.launch.children()
        os.kill(children[process], signal.SIGKILL)
        code, output = watch.until_the_end()
        assert code == 1, output
        assert f"{process} died (by signal SIGKILL); the arms hold" in output
        assert "torque stays on" in output
        # A stop of the twin ends with its launch, and lies in the run's folder until then.
        latched = latch.read(watch.launch.run_directory() / latch.NAME)
        assert latched is not None
        assert latched.stop is not None
        assert f"{process} died" in str(latched.stop.causes)
        for arm, written in watch.written.items():
            written.assert_smooth()
            if f"arm.{arm}" != process:
                assert written.speed_at_end() == 0.0
        assert (watch.launch.run_directory() / "report.html").exists()
        watch.launch.assert_nothing_left(list(children.values()))
