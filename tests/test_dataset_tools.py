"""The other dataset tools: what a dataset holds, and pushing it to a hub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import recorder_scene
from dataset_scene import Told, written
from dataset_tools import ran

from recorder import layout
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.journal import journals


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(
        tmp_path_factory.mktemp("made") / "made",
        Told(right_moved=True),
        Told(0, 30, 0, outcome="failure"),
        Told(20, 0, 0, outcome="timeout", task="hold it"),
    )


def row_of(said: str, begin: str) -> list[str]:
    line = next(line for line in said.splitlines() if line.startswith(begin))
    return line.removeprefix(begin).split()


def test_info_counts_episodes_by_type_and_outcome(directory: Path) -> None:
    done = ran("info", directory, "--episodes")
    assert done.code == 0
    assert "3 episodes of robot aloha, 3.0 s at 30 Hz, 14 joints" in done.said
    assert row_of(done.said, "type") == ["episodes", "success", "failure", "timeout", "time"]
    assert row_of(done.said, "demo") == ["1", "0", "1", "0", "1.0", "s"]
    assert row_of(done.said, "all") == ["3", "1", "1", "1", "3.0", "s"]
    assert row_of(done.said, "intervention  ")[:2] != []
    assert row_of(done.said, "a person moved arm left") == ["44.4", "%", "1.3", "s"]
    assert row_of(done.said, "a person moved arm right") == ["11.1", "%", "0.3", "s"]
    assert row_of(done.said, "cam_high")[:4] == ["64", "x", "48", "h264"]
    assert row_of(done.said, "hold it") == ["1", "0.7", "s"]


def test_info_says_what_it_could_not_read(tmp_path: Path) -> None:
    made = written(tmp_path / "made", Told(5, 0, 0), Told(6, 0, 0))
    (made / layout.data_path(0)).write_bytes(b"nothing")
    done = ran("info", made)
    assert done.code == 1
    assert "left out" in done.said
    assert row_of(done.said, "auto") != []


def test_journals_that_a_crash_left_become_episodes(tmp_path: Path) -> None:
    scene = recorder_scene.Scene(seconds=0.4, cameras=("cam_high",), outcome="")
    recorder_scene.write(tmp_path, scene, sealed=False)
    before = ran("info", tmp_path)
    assert before.code == 1
    assert f"python -m recorder repair {tmp_path}" in before.said
    done = ran("repair", tmp_path)
    assert done.code == 0
    assert "was cut off: saved its first 0.4" in done.said
    assert journals(tmp_path) == []
    assert Dataset(tmp_path).row(0).text("outcome_label") == "aborted"
    assert ran("check", tmp_path).code == 0


def test_a_journal_of_which_nothing_can_be_made_is_kept_and_told(tmp_path: Path) -> None:
    recorder_scene.write(tmp_path, recorder_scene.Scene(seconds=0.3, cameras=("cam_high",)))
    broken = recorder_scene.write(tmp_path, recorder_scene.Scene(number=4, seconds=0.3))
    (broken.folder / "stream.log").write_bytes(b"")
    done = ran("repair", tmp_path)
    assert done.code == 1
    assert f"{broken.name} stays a journal" in done.said
    assert len(Dataset(tmp_path).episodes()) == 1
    assert [journal.name for journal in journals(tmp_path)] == [broken.name]


def test_a_journal_of_another_version_is_kept_and_the_others_are_finished(tmp_path: Path) -> None:
    old = recorder_scene.write(tmp_path, recorder_scene.Scene(seconds=0.3), sealed=False)
    recorder_scene.age(old)
    later = recorder_scene.Scene(number=4, seconds=0.3, cameras=("cam_high",))
    recorder_scene.write(tmp_path, later, sealed=False)
    done = ran("repair", tmp_path)
    assert done.code == 1
    assert f"{old.name} stays a journal" in done.said
    assert "was written by another version" in done.said
    assert len(Dataset(tmp_path).episodes()) == 1


def test_a_first_episode_that_was_cut_off_while_it_was_finished_is_finished(tmp_path: Path) -> None:
    recorder_scene.write(tmp_path, recorder_scene.Scene(seconds=0.3, cameras=("cam_high",)))
    Catalogue(tmp_path).task("transfer the cube")
    half = tmp_path / layout.data_path(0)
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    assert ran("repair", tmp_path).code == 0
    assert len(Dataset(tmp_path).episodes()) == 1
    assert ran("check", tmp_path).code == 0


class Hub:
    """A hub's client that only remembers what it was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: dict[str, dict[str, Any]] = {}
        self._error = error

    def HfApi(self) -> Hub:  # noqa: N802 - as the client calls it
        return self

    def __getattr__(self, name: str) -> Any:
        def ask(*_: object, **told: Any) -> None:
            if self._error:
                raise self._error
            self.asked[name] = told

        return ask


def test_pushing_leaves_out_what_is_no_dataset(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    done = ran("push", directory, "lab/cubes")
    assert done.code == 0
    assert "pushed 3 episodes to lab/cubes" in done.said
    assert hub.asked["create_repo"]["private"]
    assert {"journal/**", "discarded/**", "aside/**"} <= set(
        hub.asked["upload_folder"]["ignore_patterns"]
    )
    assert hub.asked["create_tag"]["tag"] == "v3.0"


def test_a_hub_that_cannot_be_reached_is_said_with_what_to_do(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub(ConnectionError("no route")))
    done = ran("push", directory, "lab/cubes")
    assert done.code == 1
    assert "no route" in done.said
    assert "hf auth login" in done.said


def test_without_the_client_pushing_says_how_to_get_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    done = ran("push", directory, "lab/cubes")
    assert done.code == 1
    assert "pip install 'evenhand[hub]'" in done.said


@pytest.mark.parametrize("name", ["cubes", "lab/cubes/more"])
def test_a_name_that_no_hub_knows_is_refused(directory: Path, name: str) -> None:
    done = ran("push", directory, name)
    assert done.code == 1
    assert "OWNER/NAME" in done.said


def test_a_damaged_dataset_is_not_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    made = written(tmp_path / "made", Told(5, 0, 0))
    (made / layout.data_path(0)).unlink()
    assert ran("push", made, "lab/cubes").code == 1
    assert hub.asked == {}


def test_the_command_line_is_run_by_the_folder_s_name(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "recorder", "info", str(directory)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 episodes" in done.stdout
