"""Launches that end before anything moves: Ctrl-C, a kill, what is refused, what is missing."""

import os
import signal
from pathlib import Path

import pytest
from launching import BARE, REPOSITORY, START_S, exists, launched, wait_for

from policy_worker.policies import flow

SCRIPTED = ("--robot", "aloha", "--policy", "scripted")

pytestmark = [pytest.mark.realtime, pytest.mark.slow]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_sigterm_or_a_closed_terminal_while_processes_start_ends_them_all(
    number: signal.Signals,
) -> None:
    with launched(*SCRIPTED, *BARE) as launch:
        wait_for(launch.children, "the first process", START_S)
        pids = list(launch.children().values())
        os.killpg(launch.popen.pid, number)
        code, output = launch.ended()
        assert code == 0, output
        assert output.splitlines()[-1].startswith("ended: stopped by the operator")
        launch.assert_nothing_left(pids)


def test_processes_end_with_a_launch_that_is_killed() -> None:
    with launched(*SCRIPTED, *BARE) as launch:
        wait_for(lambda: len(launch.children()) == 7, "all processes", START_S)
        pids = list(launch.children().values())
        launch.popen.kill()
        wait_for(lambda: not any(map(exists, pids)), "all processes to be gone", 10.0)


def test_a_checkpoint_for_other_joints_is_refused_before_anything_moves(tmp_path: Path) -> None:
    default = (REPOSITORY / flow.Config().checkpoint).read_bytes()
    length = int.from_bytes(default[:8], "little")
    header = default[8 : 8 + length].replace(b"left_waist", b"left_torso")
    other = tmp_path / "other.safetensors"
    other.write_bytes(len(header).to_bytes(8, "little") + header + default[8 + length :])
    setting = f"policies.flow.checkpoint={other}"
    with launched("--policy", "flow", *BARE, "--set", setting) as launch:
        code, output = launch.ended(START_S)
        assert code != 0, output
        assert "left_torso" in output
        assert "left_waist" in output
        assert "Traceback" not in output
        assert "homing" not in output


def test_without_opengl_the_package_to_install_is_named() -> None:
    setting = 'cameras={cam_high: {plugin: mujoco, config: {model: "${twin_model}"}}}'
    no_driver = "/nonexistent.json"
    settings = ("--set", setting, "--set", "dashboard.enabled=false")
    with launched(*SCRIPTED, *settings, __EGL_VENDOR_LIBRARY_FILENAMES=no_driver) as launch:
        code, output = launch.ended(START_S)
        assert code == 1, output
        assert "camera.cam_high did not start" in output
        assert "apt-get install libegl1" in output
        assert "Traceback" not in output
