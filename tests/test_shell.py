"""Commands that people are told to type: a shell understands them, whatever names are in them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dataset_tools import ran
from hypothesis import given
from hypothesis import strategies as st

from recorder import layout
from recorder.dataset import Dataset, DatasetError
from runtime.shell import command, quoted, setting
from station.arm_tools.request import options_hint
from station.remedy import safety_command
from station.sources import Sources

HOSTILE = "it's #1, 100 % `$HOME`\"\\"
NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name))
# A config takes no control characters, and U+FFFD stands for what is no character.
TEXTS = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"), include_characters="\t\n", exclude_characters="\ufffd"
    ),
    max_size=12,
)


def typed(told: str) -> list[str]:
    """Return the words of the command in Python that `told` holds, as a shell splits it."""
    found = re.search(r"`(python [^`]*)`", told)
    assert found, f"no command in {told}"
    listing = ["/bin/bash", "-c", rf"printf '%s\0' {found[1]}"]
    return subprocess.check_output(listing, encoding="utf-8").rstrip("\0").split("\0")


def damage_recording(directory: Path) -> None:
    """Write what is left of a dataset that was recorded, and repaired, here."""
    for folder in (Path("meta"), layout.REPAIRED):
        (directory / folder).mkdir(parents=True)
    (directory / layout.INFO).write_text("{", encoding="utf-8")


@given(NAMES)
def test_a_shell_reads_every_name_on_disk_as_it_is(name: bytes) -> None:
    path = Path("/data") / os.fsdecode(name)
    shown = subprocess.check_output(["/bin/bash", "-c", f"printf %s {quoted(path)}"])
    assert shown == os.fsencode(path)


def test_a_path_is_no_option() -> None:
    assert command("ls", Path("-l")) == "`ls ./-l`"
    assert command("ls", "-l", "a b") == "`ls -l 'a b'`"


@given(st.one_of(st.integers(), TEXTS, st.sampled_from([HOSTILE, "1e5", "yes"])))
def test_a_setting_is_read_back_as_it_was(value: int | str) -> None:
    sources = Sources()
    sources.set(setting("policies.replay.file", value))
    assert sources.value == {"policies": {"replay": {"file": value}}}


def test_what_a_terminal_would_show_in_other_bytes_is_given_by_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="iso-8859-1"))
    assert quoted(Path("caf\xe9")) == "$'caf\\xc3\\xa9'"
    assert setting("runs", "caf\xe9") == 'runs="caf\\U000000e9"'


def test_an_ordinary_path_is_set_without_quotes() -> None:
    assert setting("runs", "/data/my-runs") == "runs=/data/my-runs"


@pytest.mark.parametrize("damage", ["nothing", "half", "file"])
def test_advice_about_a_dataset_can_be_typed(tmp_path: Path, damage: str) -> None:
    directory = tmp_path / HOSTILE
    if damage != "nothing":
        damage_recording(directory)
    if damage == "half":
        (directory / layout.INFO).unlink()
        (directory / layout.JOURNALS / "one").mkdir(parents=True)
    with pytest.raises(DatasetError) as refused:
        Dataset(directory)
    words = typed(str(refused.value))
    assert words[-1] == str(directory)
    assert words[:2] == (["python", "launch.py"] if damage == "nothing" else ["python", "-m"])


def test_advice_that_is_typed_works(tmp_path: Path) -> None:
    """A shell runs what a failure of `check` told, in a folder with a hostile name."""
    directory = tmp_path / HOSTILE
    damage_recording(directory)
    told = ran("check", directory).said
    done = subprocess.run(
        [sys.executable, *typed(told)[1:]],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "usage" not in done.stderr
    assert str(directory) in done.stdout + done.stderr


def test_a_robot_by_any_name_is_named() -> None:
    assert typed(safety_command("reset 12", HOSTILE))[-2:] == ["--robot", HOSTILE]
    assert safety_command("arm", "aloha") == "`python -m safety arm`"


def test_commands_are_completed_by_the_robot_that_was_asked_for() -> None:
    hint = options_hint("see `python -m drivers scan`", "--robot x")
    assert hint.endswith("--robot x, as you did)")
