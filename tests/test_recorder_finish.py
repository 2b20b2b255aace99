"""From journals to a dataset: what is in it, and the same after a kill at any step."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import recorder_scene
from dataset_tools import ran
from killing import killed_before
from recorder_scene import BEGIN_NS, JOINTS, RAMP_RAD_S, Scene, where

from perception.pattern import time_in
from recorder import edits
from recorder.catalogue import Catalogue
from recorder.dataset import Dataset
from recorder.edits import Edit
from recorder.finish import FinishError, finished, ready
from recorder.journal import STREAM_LOG, Journal
from recorder.layout import JOURNALS, RECAP, Source

SECOND = BEGIN_NS + 60_000_000_000
CORRECTED = Scene(
    number=4,
    seconds=1.5,
    begin_ns=SECOND,
    commanders=((0.0, "policy"), (0.5, "human"), (1.0, "hold"), (1.2, "policy")),
)
SHORT = Scene(seconds=0.4, cameras=("cam_high",))


def made(directory: Path, *scenes: Scene) -> Dataset:
    """Return the dataset made of journals of `scenes`."""
    catalogue = Catalogue(directory)
    for scene in scenes:
        finished(catalogue, recorder_scene.write(directory, scene))
    return Dataset(directory)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("dataset"), Scene(seconds=1.0), CORRECTED)


def column(table: pa.Table, name: str) -> Any:
    values = table[name] if name in table.column_names else table[RECAP + name]
    return np.array(values.to_pylist())


def test_the_dataset_is_whole_and_its_journals_are_gone(dataset: Dataset) -> None:
    assert dataset.verify() == []
    assert dataset.info.total_episodes == 2
    assert dataset.info.total_frames == 30 + 45
    assert dataset.info.raw["twin"]
    assert ready(dataset.directory) == []
    assert list((dataset.directory / JOURNALS).iterdir()) == []


def test_each_image_is_of_the_row_s_moment(dataset: Dataset) -> None:
    table = dataset.table(0)
    for camera in ("cam_high", "cam_low"):
        stamps = column(table, f"t_{camera}_ns")
        assert [time_in(image) for image in dataset.frames(0, camera)] == list(stamps)
    assert np.array_equal(column(table, "t_mono_ns"), column(table, "t_cam_high_ns"))


def test_joints_and_action_are_of_the_image_s_moment(dataset: Dataset) -> None:
    table = dataset.table(0)
    seconds = (column(table, "t_mono_ns") - BEGIN_NS) * 1e-9
    for name in ("observation.state", "action", "policy_action"):
        assert column(table, name)[:, 0] == pytest.approx(RAMP_RAD_S * seconds, abs=1e-5)


def test_rows_are_numbered_through_all_episodes(dataset: Dataset) -> None:
    table = dataset.table(1)
    assert column(table, "index").tolist() == list(range(30, 75))
    assert column(table, "frame_index").tolist() == list(range(45))
    assert column(table, "timestamp") == pytest.approx(np.arange(45) / 30)
    assert set(column(table, "episode_index")) == {1}


def test_every_control_tick_is_kept(dataset: Dataset) -> None:
    ticks = dataset.ticks(1)
    assert ticks is not None
    t_ns = np.array(ticks["t_ns"].to_pylist())
    assert set(np.diff(t_ns)) == {10_000_000}
    assert t_ns[0] <= SECOND
    assert t_ns[-1] >= SECOND + 1_500_000_000
    expected = np.stack([where(CORRECTED, int(stamp)) for stamp in t_ns])
    assert np.array(ticks["command"].to_pylist()) == pytest.approx(expected, abs=1e-6)
    assert set(ticks["commander"].to_pylist()) == {"policy", "human", "hold"}


def test_corrections_are_labelled_for_the_arm_that_was_moved(dataset: Dataset) -> None:
    table = dataset.table(1)
    source = column(table, "source")
    seconds = (column(table, "t_mono_ns") - SECOND) * 1e-9
    assert set(source) == {Source.AUTO, Source.INTERVENTION, Source.HANDOVER}
    human = (seconds >= 0.5) & (seconds < 0.99)
    assert (source[human] == Source.INTERVENTION).all()
    assert column(table, "is_intervention")[human].all()
    assert column(table, "intervention_left")[human].all()
    assert not column(table, "intervention_right").any()
    assert column(table, "policy_action_valid")[human].all()  # it infers on in the background
    assert len(set(column(table, "segment_id"))) == 4


def test_rows_say_which_chunk_moved_the_arms_and_what_it_saw(dataset: Dataset) -> None:
    table = dataset.table(0)
    row = 15  # at 0.5 s: chunk 2 was observed at 0.3 s, which is row 9, and has steps of 20 ms
    assert column(table, "chunk_id")[row] == 2
    assert column(table, "chunk_obs_index")[row] == 9
    assert column(table, "chunk_step")[row] == 10
    assert column(table, "latency_ms")[row] == pytest.approx(200, abs=6)
    assert column(table, "n_ensembled")[row] == 2


def test_an_episode_s_row_says_how_it_ended_and_who_was_there(dataset: Dataset) -> None:
    first, second = (row.raw for row in dataset.episodes())
    assert (first["episode_success"], first["outcome_label"]) == (1, "success")
    assert first["labelled_by"] == "the task's rule"
    assert (first["data_type"], second["data_type"]) == ("auto", "intervention")
    assert second["n_interventions"] == 1
    assert second["intervention_frac"] == pytest.approx(1 / 3, abs=0.03)
    assert (first["operator"], first["policy"]) == ("Ada", "flow")
    assert first["outcome_s"] == pytest.approx(1.0)
    assert (first["frames_lost"], first["ticks_lost"], first["records_damaged"]) == (0, 0, 0)
    assert dataset.tasks() == {0: "transfer the cube"}


def test_only_the_last_row_of_a_success_is_rewarded(dataset: Dataset) -> None:
    table = dataset.table(0)
    for name in ("next.reward", "next.done", "next.success"):
        assert column(table, name).astype(int).tolist() == [0] * 29 + [1]


def test_statistics_are_those_of_all_rows(dataset: Dataset) -> None:
    told = dataset.statistics()
    rows = np.concatenate([column(dataset.table(index), "action") for index in (0, 1)])
    assert told["action"]["count"] == [75]
    for name in ("min", "max", "mean", "std"):
        assert told["action"][name] == pytest.approx(getattr(rows, name)(axis=0), abs=1e-5)
    assert np.shape(told["observation.images.cam_low"]["mean"]) == (3, 1, 1)


def test_an_episode_that_was_cut_off_is_aborted_and_its_outcome_unknown(tmp_path: Path) -> None:
    raw = made(tmp_path, Scene(seconds=0.5, cameras=(), outcome="")).episodes()[0].raw
    assert (raw["aborted"], raw["outcome_label"], raw["episode_success"]) == (True, "aborted", -1)


def test_a_person_s_last_word_counts(tmp_path: Path) -> None:
    scene = Scene(seconds=0.5, cameras=())
    for kind, text, seconds in (
        ("unlabel", "", 0.1), ("note", "it slipped", 0.1), ("label", "failure", 0.2),
        ("subtask", "grasp", 0.2), ("subtask", "lift", 0.4),
    ):  # fmt: skip
        edits.append(
            tmp_path,
            Edit(
                at="", t_ns=scene.ns(seconds), who="Ada", kind=kind, episode="episode_000003",
                text=text,
            ),
        )  # fmt: skip
    dataset = made(tmp_path, scene)
    raw = dataset.episodes()[0].raw
    assert (raw["outcome_label"], raw["episode_success"], raw["labelled_by"]) == (
        "failure", 0, "Ada",
    )  # fmt: skip
    assert raw["note"] == "it slipped"
    subtasks = column(dataset.table(0), "subtask_index")
    assert subtasks.tolist() == sorted(subtasks.tolist())
    assert set(subtasks) == {0, 1, 2}


def test_a_camera_that_is_lost_in_the_middle_leaves_a_gap_and_its_last_image(
    tmp_path: Path,
) -> None:
    dataset = made(tmp_path, Scene(seconds=1.0, lost={"cam_low": (0.3, 0.7)}))
    table = dataset.table(0)
    gap = column(table, "gap")
    assert np.flatnonzero(gap).tolist() == list(range(9, 21))
    stamps = column(table, "t_cam_low_ns")
    assert set(stamps[gap]) == {stamps[8]}
    assert [time_in(image) for image in dataset.frames(0, "cam_low")] == list(stamps)
    assert dataset.episodes()[0].raw["frames_lost"] == 12


def test_a_camera_that_never_came_is_black(tmp_path: Path) -> None:
    dataset = made(tmp_path, Scene(seconds=0.4, lost={"cam_low": (-1.0, 9.0)}))
    assert column(dataset.table(0), "gap").all()
    assert max(image.max() for image in dataset.frames(0, "cam_low")) <= 1
    assert dataset.verify() == []


def test_a_damaged_record_is_skipped_and_counted(tmp_path: Path) -> None:
    journal = recorder_scene.write(tmp_path, SHORT)
    log = journal.folder / STREAM_LOG
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 0xFF
    log.write_bytes(bytes(data))
    finished(Catalogue(tmp_path), journal)
    dataset = Dataset(tmp_path)
    assert dataset.episodes()[0].raw["records_damaged"] == 1
    assert dataset.verify() == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda journal: (journal.folder / STREAM_LOG).write_bytes(b""), "no control tick"),
        (lambda journal: (journal.folder / STREAM_LOG).unlink(), "cannot be read"),
        (
            lambda journal: (journal.folder / "episode.json").write_text("{}", encoding="utf-8"),
            "cannot be read",
        ),
    ],
)
def test_a_journal_of_which_nothing_can_be_made_is_kept(
    tmp_path: Path, spoil: Callable[[Journal], object], said: str
) -> None:
    journal = recorder_scene.write(tmp_path, SHORT)
    spoil(journal)
    with pytest.raises(FinishError, match=said):
        finished(Catalogue(tmp_path), journal)
    assert journal.folder.exists()


def test_images_of_another_size_than_the_dataset_s_are_refused(tmp_path: Path) -> None:
    made(tmp_path, SHORT)
    other = Scene(number=9, seconds=0.4, cameras=("cam_high",), size=(96, 64))
    journal = recorder_scene.write(tmp_path, other)
    with pytest.raises(FinishError, match="cam_high gives images of") as refused:
        finished(Catalogue(tmp_path), journal)
    assert journal.folder.exists()
    assert Dataset(tmp_path).verify() == []
    assert "move this journal's folder into NEW/journal/" in str(refused.value)
    (tmp_path / "new" / JOURNALS).mkdir(parents=True)
    shutil.move(journal.folder, tmp_path / "new" / JOURNALS)
    assert ran("repair", tmp_path / "new").code == 0
    new = Dataset(tmp_path / "new")
    assert (new.verify(), new.info.camera("cam_high").size) == ([], (64, 96))


def content(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Return a dataset of one episode with a journal to finish, and what shall come of it."""
    directory = tmp_path_factory.mktemp("half")
    made(directory, SHORT)
    later = Scene(
        number=5, seconds=0.3, cameras=("cam_high",), begin_ns=SECOND, instruction="another task"
    )
    recorder_scene.write(directory, later)
    whole = tmp_path_factory.mktemp("whole") / "dataset"
    shutil.copytree(directory, whole)
    finished(Catalogue(whole), ready(whole)[0])
    return directory, content(whole)


# task, video, data, ticks, the episode's row, statistics, info; the journal's new name, its end
@pytest.mark.parametrize("step", range(1, 10))
def test_killed_before_any_step_and_run_again_it_ends_as_if_it_had_not_been(
    half_done: tuple[Path, dict[str, bytes]], tmp_path: Path, step: int
) -> None:
    start, expected = half_done
    directory = tmp_path / "dataset"
    shutil.copytree(start, directory)
    with killed_before(step):
        finished(Catalogue(directory), ready(directory)[0])
    assert len(Dataset(directory).episodes()) == (1 if step <= 5 else 2)
    if left := ready(directory):
        finished(Catalogue(directory), left[0])
    shutil.rmtree(directory / JOURNALS, ignore_errors=True)
    found = content(directory)
    assert found.keys() == expected.keys()
    assert found == expected
    assert json.loads(found["meta/info.json"])["total_episodes"] == 2


def test_statistics_that_were_lost_are_made_anew(tmp_path: Path) -> None:
    dataset = made(tmp_path, SHORT, Scene(number=5, seconds=0.3, cameras=("cam_high",)))
    before = dataset.statistics()
    (tmp_path / "meta/stats.json").write_text("{", encoding="utf-8")
    journal = Scene(number=6, seconds=0.3, cameras=("cam_high",))
    after = made(tmp_path, journal).statistics()
    assert after["index"]["count"] == [before["index"]["count"][0] + 9]
    assert len(after["action"]["mean"]) == len(JOINTS)
