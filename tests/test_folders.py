"""Where a user's files lie, also where the system knows nothing of the user."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.folders import NoHomeError, config_home, expanded, state_home, user_name
from safety.config import SafetyConfig
from station.robot import state_directory
from station.shell_user import shell_user

ROOT = Path(__file__).parents[1]
VARIABLES = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_what_the_environment_says_counts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert state_home() == Path("/home/ada/.local/state")
    assert config_home() == Path("/home/ada/.config")
    assert expanded(Path("~/runs")) == Path("/home/ada/runs")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/config")
    assert (state_home(), config_home()) == (Path("/state"), Path("/config"))


def test_stops_are_kept_in_the_state_directory_unless_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory(SafetyConfig(), "aloha") == tmp_path / ".local/state/evenhand/aloha"
    told = SafetyConfig(directory=Path("~/stops"))
    assert state_directory(told, "aloha") == tmp_path / "stops"


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_without_a_usable_home_the_system_is_asked(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home is not None:
        monkeypatch.setenv("HOME", home)
        monkeypatch.setenv("XDG_STATE_HOME", home)
    assert state_home() == Path(pwd.getpwuid(os.getuid()).pw_dir, ".local", "state")


@pytest.mark.usefixtures("_unknown")
def test_a_user_whom_nobody_knows_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoHomeError, match="set HOME, or XDG_STATE_HOME, to a directory"):
        state_home()
    with pytest.raises(NoHomeError, match="set HOME, or XDG_CONFIG_HOME,"):
        config_home()
    with pytest.raises(NoHomeError, match="set HOME to a directory"):
        expanded(Path("~/runs"))
    assert (user_name(), shell_user()) == (str(os.getuid()), "shell")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert state_home() == Path("/state")


def test_other_paths_stay_as_they_are() -> None:
    assert expanded(Path("runs/~")) == Path("runs/~")
    assert expanded(Path("~root")).is_absolute()
    with pytest.raises(NoHomeError, match="no user nobody_has_this_name"):
        expanded(Path("~nobody_has_this_name/runs"))


@pytest.mark.parametrize(
    "program",
    [
        ["launch.py", "--headless"],
        ["launch.py", "doctor"],
        ["safety", "state"],
        ["drivers", "check"],
        ["recorder", "info", "~/cube"],
    ],
)
def test_programs_tell_such_a_user_what_to_do(program: list[str], tmp_path: Path) -> None:
    unknown = (
        "import pwd, runpy, sys\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "run = runpy.run_path if sys.argv[1].endswith('.py') else runpy.run_module\n"
        "sys.argv = sys.argv[1:]\n"
        "run(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", unknown, *program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path), "COLUMNS": "300"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    if program[0] not in ("drivers", "recorder"):
        assert "set HOME" in done.stdout + done.stderr
