"""Whole launches that are stopped: from a shell, by a signal, paused, and by a process's death."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from launching import BARE, START_S, Launch, launched, wait_for
from written import Written

from messaging.messages import ControlStatus, SafetyState
from messaging.topics import CONTROL_STATUS, JOINT_STATE, SAFETY_STATE, Keep
from messaging.transport import Bus
from station.config import load, robot_file
from station.hardware import decided

CONFIG = decided(load(robot_file("aloha"), ["policy=scripted", "hardware=twin"]))
# Emulated servos stop like the twin's own, and take more of a small machine.
SCRIPTED = ("--policy", "scripted", "--set", "hardware=twin", *BARE)
REACH_S = 30.0

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(300)]


class Watch:
    """Listens to a launch from outside."""

    def __init__(self, launch: Launch, bus: Bus) -> None:
        self.launch = launch
        self.written = {arm: Written(CONFIG, arm) for arm in CONFIG.arms}
        self._statuses = bus.subscriber(CONTROL_STATUS)
        self._safety = bus.subscriber(SAFETY_STATE)
        self._states = {arm: bus.subscriber(JOINT_STATE, arm, Keep.ALL) for arm in CONFIG.arms}

    def look(self) -> None:
        self._statuses.receive()
        self._safety.receive()
        for arm, states in self._states.items():
            self.written[arm].add(states.drain())

    @property
    def status(self) -> ControlStatus | None:
        return self._statuses.newest

    @property
    def safety(self) -> SafetyState:
        assert self._safety.newest is not None
        return self._safety.newest

    def until_moving(self, mode: str = "run") -> None:
        def moving() -> bool:
            self.look()
            state = self._safety.newest
            assert state is None or state.phase != "stopped", state.causes
            fastest = max(written.speed() for written in self.written.values())
            return self.status is not None and self.status.mode == mode and fastest > 0.05

        wait_for(moving, f"the arms to move in mode {mode}", START_S)

    def until_phase(self, phase: str) -> SafetyState:
        def there() -> bool:
            self.look()
            return self._safety.newest is not None and self.safety.phase == phase

        wait_for(there, f"the robot to be {phase}", REACH_S)
        return self.safety

    def until_standing(self) -> None:
        def standing() -> bool:
            self.look()
            return max(written.speed() for written in self.written.values()) == 0.0

        wait_for(standing, "the arms to stand", REACH_S)

    def shell(self, *arguments: str) -> str:
        done = self.launch.safety(*arguments)
        self.look()
        assert done.returncode == 0, done.stdout
        return done.stdout

    def go_on(self, event: str) -> None:
        """Do as the launch says: reset, arm, run."""
        self.until_standing()
        assert "disarmed" in self.shell("reset", event)
        assert "armed" in self.shell("arm")
        self.shell("run")


@contextmanager
def moving(*arguments: str) -> Iterator[Watch]:
    """Launch and wait until the policy moves the arms."""
    with launched(*SCRIPTED, *arguments) as launch:
        wait_for(launch.bus_directory.exists, "the bus", START_S)
        with Bus(launch.bus_directory) as bus:
            watch = Watch(launch, bus)
            watch.until_moving()
            yield watch


def test_a_run_that_is_stopped_and_paused_goes_on_and_ends_as_if_nothing_had_been() -> None:
    with moving("--episodes", "1") as watch:
        said = watch.shell("stop", "--reason", "a hand in the way")
        for arm in CONFIG.arms:
            assert f"{arm}: holding, confirmed after" in said
        state = watch.safety
        assert "a hand in the way" in state.causes[0]
        assert f"reset {state.event}" in watch.shell("state")
        watch.go_on(state.event)
        watch.until_moving()
        watch.shell("pause")
        watch.until_standing()
        watch.shell("run")
        watch.until_moving()
        pid = watch.launch.popen.pid
        os.kill(pid, signal.SIGUSR1)
        event = watch.until_phase("stopped").event
        assert event != state.event
        watch.go_on(event)
        code, output = watch.launch.ended(2 * START_S)
        watch.look()
        assert code == 0, output
        assert f"stop {event}" in output
        assert "SIGUSR1" in output
        assert "episode 1 of 1: success" in output
        assert "all arms are at rest, torque off" in output
        assert "every line is as it was written" in watch.launch.safety("verify").stdout
        for written in watch.written.values():
            written.assert_smooth()


def test_a_workers_death_stops_the_twin_and_the_stop_ends_with_its_launch() -> None:
    with moving() as watch:
        killed = watch.launch.children()["policy_worker"]
        os.kill(killed, signal.SIGKILL)
        event = watch.until_phase("stopped").event

        def replaced() -> bool:
            return watch.launch.children().get("policy_worker", killed) != killed

        wait_for(replaced, "the worker to be started again", START_S)
        os.killpg(watch.launch.popen.pid, signal.SIGTERM)  # as `timeout` and systemd do
        code, output = watch.launch.ended()
        assert code == 0, output
        *before, last = output.splitlines()
        assert last.startswith(
            f"ended: stopped by the operator (SIGTERM); in force: stop {event}: "
        )
        assert "policy_worker died (by signal SIGKILL)" in last
        assert "report.html" in last
        assert not [line for line in before if "unplugged" in line or "are stale" in line]
        assert max(map(len, before)) <= 100
        assert "torque stays on: left, right" in output
        assert "no stop is in force" in watch.launch.safety("state").stdout
        refused = watch.launch.safety("reset", event)
        assert refused.returncode == 1
        assert "no launch runs aloha here" in refused.stdout
        again = Launch(watch.launch.directory, SCRIPTED, {})
        try:
            wait_for(lambda: "controller" in again.children(), "the next launch", START_S)
            with Bus(again.bus_directory) as bus:
                Watch(again, bus).until_moving()
            again.press_ctrl_c()
            code, output = again.ended()
            assert code == 0, output
            assert "STOPPED" not in output
        finally:
            again.killed()


def test_a_second_ctrl_c_leaves_the_torque_on_and_says_so() -> None:
    with moving() as watch:
        pids = list(watch.launch.children().values())
        watch.launch.press_ctrl_c()
        watch.until_moving("rest")
        watch.launch.press_ctrl_c()
        code, output = watch.launch.ended()
        assert code == 0, output
        assert "torque stays on: left, right" in output
        assert "no stop is in force" in watch.launch.safety("state").stdout
        watch.launch.assert_nothing_left(pids)
