"""A repair that is cut off anywhere: nothing is lost nor added over it, and the next ends it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import recorder_scene
from dataset_scene import CAMERAS, FPS, ROBOT, Told, written
from dataset_tools import ran
from killing import killed_before

from recorder import compatibility, edits, layout
from recorder.catalogue import Catalogue
from recorder.compatibility import MismatchError
from recorder.dataset import Dataset
from recorder.finish import FinishError, finished
from runtime.files import unfinished
from station.recorder_tools import mending

EPISODES = tuple(Told(9, 0, 0, seed=seed) for seed in range(4))
STEPS = 38  # changes of a name in the repair below: files put aside, made anew, put in place


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of four episodes, of the last of which a person said something."""
    folder = tmp_path_factory.mktemp("made")
    assert ran("merge", folder / "whole", written(folder / "made", *EPISODES)).code == 0
    edit = edits.Edit(at="", t_ns=0, who="ada", kind=edits.NOTE, episode="episode_3", text="fine")
    edits.append(folder / "whole", edit)
    return folder / "whole"


@pytest.fixture
def directory(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "recording"))


def lose(directory: Path, episode: int) -> None:
    broken = directory / layout.video_path(CAMERAS[1], episode)
    broken.write_bytes(broken.read_bytes()[:200])


def contents(directory: Path) -> set[bytes]:
    """Return what the files of all episodes hold, wherever they lie."""
    found = (path for path in directory.rglob("*") if path.suffix in (".parquet", ".mp4"))
    return {path.read_bytes() for path in found if path.stem[-3:].isdecimal()}


def add(directory: Path, number: int = 9) -> int:
    """Make an episode of a new journal; returns its number."""
    scene = recorder_scene.Scene(number=number, seconds=0.3, cameras=CAMERAS)
    return finished(Catalogue(directory), recorder_scene.write(directory, scene))


def launch(directory: Path) -> None:
    compatibility.require(directory, ROBOT.name, FPS, ROBOT.joints, CAMERAS, twin=True)


@pytest.mark.parametrize("step", range(1, STEPS + 1, 3))
def test_the_next_repair_ends_one_that_was_cut_off(directory: Path, step: int) -> None:
    lose(directory, 1)
    before = contents(directory)
    with killed_before(step):
        ran("repair", directory)
    assert ran("repair", directory).code == 0
    assert ran("check", directory, "--quick").code == 0
    rows = Dataset(directory).episodes()
    assert [row.raw["seed"] for row in rows] == [0, 2, 3]
    assert rows[2].text("note") == "fine"
    assert before <= contents(directory)
    assert not list(directory.glob("repaired*"))
    assert "nothing to repair" in ran("repair", directory).said


@pytest.mark.parametrize(
    ("episode", "step"),
    [*((1, step) for step in range(2, STEPS + 1, 6)), *((3, step) for step in (2, 4, 6))],
)
def test_no_episode_is_written_over_what_a_repair_left_that_was_cut_off(
    directory: Path, episode: int, step: int
) -> None:
    lose(directory, episode)
    before = contents(directory)
    with killed_before(step):
        ran("repair", directory)
    try:
        add(directory)
    except FinishError:
        with pytest.raises(MismatchError, match="repair"):
            launch(directory)
    assert before <= contents(directory)


def test_nothing_is_added_where_a_number_is_missing(directory: Path) -> None:
    (directory / layout.episodes_path(1)).unlink()
    before = contents(directory)
    with pytest.raises(FinishError, match=r"episodes 0, 2\.\.3; expected were 3.*recorder repair"):
        add(directory)
    with pytest.raises(MismatchError, match=r"episodes 0, 2\.\.3"):
        launch(directory)
    assert contents(directory) == before
    assert ran("repair", directory).code == 0
    assert add(directory, number=10) == 4  # after the journal that had to wait


@pytest.mark.parametrize("spoilt", [b"", b"PAR1 and no more"])
def test_nothing_is_added_where_a_row_cannot_be_read(directory: Path, spoilt: bytes) -> None:
    row = directory / layout.episodes_path(2)
    row.write_bytes(spoilt)
    with pytest.raises(FinishError, match=r"file-002\.parquet is damaged"):
        add(directory)
    with pytest.raises(MismatchError, match=r"file-002\.parquet is damaged"):
        launch(directory)


def test_nothing_is_added_where_a_row_is_damaged_inside(directory: Path) -> None:
    row = directory / layout.episodes_path(2)
    row.write_bytes(row.read_bytes()[:-8] + b"PAR1PAR1")
    with pytest.raises(FinishError, match=r"file-002\.parquet is damaged.*recorder repair"):
        add(directory)


def test_nothing_is_recorded_between_the_old_folders_and_the_new(directory: Path) -> None:
    (directory / layout.REPAIRED).mkdir()
    shutil.move(directory / "meta", directory / layout.REPAIRED / "meta")
    with pytest.raises(MismatchError, match=r"was cut off; `python -m recorder repair"):
        launch(directory)
    assert "a repair that was cut off was ended" in ran("repair", directory).said
    launch(directory)


def test_what_is_left_of_new_folders_that_were_not_whole_is_made_again(directory: Path) -> None:
    lose(directory, 0)
    (unfinished(directory / layout.REPAIRED) / "data").mkdir(parents=True)
    assert ran("repair", directory).code == 0
    assert len(Dataset(directory).episodes()) == 3


def test_a_repair_that_is_interrupted_says_what_it_did(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    lose(directory, 0)
    monkeypatch.setattr(mending, "assembled", interrupted)
    done = ran("repair", directory)
    assert "episode 0 is not whole" in done.said
    assert "what was taken out lies in" in done.said
    assert "interrupted, and nothing is lost" in done.said
