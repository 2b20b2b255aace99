"""Importing ACT's HDF5 files, in all the ways in which its forks write them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from act_files import (
    ACTION,
    CAMERA,
    HEIGHT,
    LENGTH,
    QPOS,
    STATE,
    WIDTH,
    act_file,
    encoded,
    in_vlen,
    padded,
    pictures,
)
from dataset_tools import Ran, ran
from numpy.typing import NDArray

from recorder import layout
from recorder.dataset import Dataset, vectors
from simulation.twin import JOINTS

CODEC = 10.0  # of 255, the mean error of a video
EXCHANGED = pictures()[..., ::-1]
LENGTHS = "/compress_len"


def imported(path: Path, file: Path, *words: object) -> Ran:
    """Import a file to path / "new"."""
    return ran("import", "hdf5", path / "new", file, *words)


def images_of(path: Path) -> NDArray[np.uint8]:
    return np.stack(list(Dataset(path / "new").frames(0, "cam_high")))


def assert_shows(path: Path, expected: NDArray[Any]) -> None:
    """Assert that all is well, and each channel of each image is as bright as expected."""
    assert ran("check", path / "new").code == 0
    got = images_of(path)
    assert got.shape == expected.shape
    off = np.abs(got.astype(float) - expected).mean(axis=(1, 2))
    assert off.max() < CODEC, off


def in_bytes(root: h5py.File, key: str) -> None:
    """Write image files as texts of fixed length."""
    root[key] = np.array([file.tobytes() for file in encoded(pictures(), ".jpg")])


def ragged(root: h5py.File, key: str) -> None:
    in_vlen(root, key, encoded(pictures(), ".jpg"))


GREY = np.repeat(pictures()[..., :1], 3, axis=-1)
ALPHA = np.concatenate([pictures(), np.full((LENGTH, HEIGHT, WIDTH, 1), 9, np.uint8)], axis=-1)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (pictures(), pictures()),
        (pictures().astype(np.int64), pictures()),
        (pictures().astype(np.float32), pictures()),
        (pictures().astype(np.float64) / 255, pictures()),
        (pictures().astype(np.uint16) * 257, pictures()),
        (pictures().astype(">u2"), pictures()),
        (np.moveaxis(pictures(), -1, 1), pictures()),
        (np.moveaxis(pictures() / np.float32(255), -1, 1), pictures()),
        (pictures()[..., 0], GREY),
        (pictures()[..., :1], GREY),
        (ALPHA, pictures()),
        (pictures(33, 47), pictures(33, 47)[:, :32, :46]),
        (padded(encoded(pictures(), ".jpg")), pictures()),
        (padded(encoded(pictures(), ".png")), pictures()),
        (padded(encoded(pictures(33, 47), ".jpg")), pictures(33, 47)[:, :32, :46]),
        (padded(encoded(pictures(), ".jpg")).astype(np.int8), pictures()),
        (padded(encoded(EXCHANGED, ".jpg")), pictures()),
        (padded(encoded(EXCHANGED, ".png")), pictures()),
        (ragged, pictures()),
        (in_bytes, pictures()),
    ],
)
def test_images_come_out_as_they_were(tmp_path: Path, stored: Any, expected: Any) -> None:
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", {CAMERA: stored}))
    assert done.code == 0, done.said
    assert_shows(tmp_path, expected)


@pytest.mark.parametrize("lengths", [None, np.zeros((1, LENGTH)), np.full((3, 2), 1e9), b"none"])
def test_lengths_of_image_files_are_not_needed(tmp_path: Path, lengths: Any) -> None:
    changes = {CAMERA: padded(encoded(EXCHANGED, ".jpg")), LENGTHS: lengths}
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", changes))
    assert done.code == 0, done.said
    assert_shows(tmp_path, pictures())


COLD = np.full((LENGTH, HEIGHT, WIDTH, 3), (20, 30, 160), np.uint8)
COLOURLESS = np.full((LENGTH, HEIGHT, WIDTH, 3), (90, 100, 91), np.uint8)


@pytest.mark.parametrize(
    ("shown", "words", "expected", "said"),
    [
        (pictures(), [], pictures(), "GUESSED to show true colours"),
        (EXCHANGED, [], pictures(), "GUESSED to have red and blue exchanged"),
        (COLOURLESS, [], COLOURLESS[..., ::-1], "nothing in them tells"),
        (COLD, ["--colours", "rgb"], COLD, "JPEG"),
        (pictures(), ["--colours", "bgr"], EXCHANGED, "JPEG"),
    ],
)
def test_colours_of_image_files(
    tmp_path: Path, shown: Any, words: list[str], expected: Any, said: str
) -> None:
    file = act_file(tmp_path / "a.hdf5", {CAMERA: padded(encoded(shown, ".jpg"))})
    done = imported(tmp_path, file, *words)
    assert said in done.said
    assert ("--colours" in done.said) == (not words)  # how to overrule a guess
    assert_shows(tmp_path, expected)


@pytest.mark.parametrize(
    ("attributes", "words", "expected"),
    [
        ({}, [], COLD),
        ({}, ["--colours", "bgr"], COLD[..., ::-1]),
        ({"colours": "bgr"}, [], COLD[..., ::-1]),
    ],
)
def test_arrays_are_rgb_unless_that_is_denied(
    tmp_path: Path, attributes: dict[str, Any], words: list[str], expected: Any
) -> None:
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", {CAMERA: COLD}, attributes), *words)
    assert done.code == 0
    assert_shows(tmp_path, expected)


def test_a_file_that_says_its_colours_is_believed(tmp_path: Path) -> None:
    changes = {CAMERA: padded(encoded(COLD, ".jpg"))}
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", changes, {"colours": b"rgb"}))
    assert "GUESSED" not in done.said
    assert_shows(tmp_path, COLD)


def with_image(number: int, change: Callable[[NDArray[np.uint8]], Any]) -> Any:
    files = encoded(pictures(), ".jpg")
    return padded([change(file) if at == number else file for at, file in enumerate(files)])


def damaged(column: int, value: float) -> NDArray[np.float64]:
    return np.where((np.arange(LENGTH)[:, None] == 3) & (np.arange(14) == column), value, STATE)


def half_written(root: h5py.File, key: str) -> None:
    images = pictures()
    store = root.create_dataset(key, images.shape, "u1", chunks=(1, *images.shape[1:]))
    store[:3] = images[:3]


def virtual(root: h5py.File, key: str) -> None:
    plan = h5py.VirtualLayout(STATE.shape, "f8")
    plan[:] = h5py.VirtualSource("lost.hdf5", "/qpos", STATE.shape)
    root.create_virtual_dataset(key, plan)


def never_written(root: h5py.File, key: str) -> None:
    root.create_dataset(key, STATE.shape, "f8")


COMPOUND = np.zeros(LENGTH, [("left", float), ("right", float)])


@pytest.mark.parametrize(
    ("key", "stored", "said"),
    [
        (QPOS, None, "is missing"),
        (QPOS, damaged(2, np.nan), "nan in row 3, joint 2"),
        (ACTION, damaged(9, -np.inf), "-inf in row 3, joint 9"),
        (QPOS, STATE[:0], "is empty"),
        (QPOS, STATE[:, 0], "expected (rows, joints)"),
        (QPOS, STATE[:, :, None], "expected (rows, joints)"),
        (QPOS, STATE[:, :0], "expected (rows, joints)"),
        (QPOS, 3.0, "single value"),
        (QPOS, h5py.Empty("f8"), "single value or nothing"),
        (QPOS, COMPOUND, "expected (rows, joints)"),
        (QPOS, STATE.astype("S8"), "expected (rows, joints)"),
        (QPOS, STATE.astype(complex), "expected (rows, joints)"),
        (QPOS, STATE > 0, "expected (rows, joints)"),
        (QPOS, ragged, "expected (rows, joints)"),
        (QPOS, lambda root, key: root.create_group(key), "is a group"),
        (QPOS, h5py.SoftLink("/nowhere"), "leads nowhere"),
        (ACTION, h5py.ExternalLink("nowhere.hdf5", "/x"), "leads nowhere"),
        (ACTION, virtual, "other files"),
        (ACTION, never_written, "never written"),
        (CAMERA, half_written, "not all of it"),
        (ACTION, STATE[:4], "expected (5, 14)"),
        (ACTION, np.pad(STATE, ((0, 0), (0, 2))), "is (5, 16); expected (5, 14)"),
        (ACTION, STATE[:, :7], "expected (5, 14)"),
        (CAMERA, pictures()[:4], "has 4 images; expected 5"),
        (CAMERA, np.concatenate([pictures(), pictures()]), "has 10 images; expected 5"),
        (CAMERA, pictures()[..., :2], "height, width, 3"),
        (CAMERA, pictures()[:, :3, :, :3], "height, width, 3"),  # which are the channels?
        (CAMERA, pictures() > 100, "height, width, 3"),
        (CAMERA, np.zeros((LENGTH, 99), np.float32), "height, width, 3"),
        (CAMERA, pictures()[:, :, :1], "32 x 1"),
        (CAMERA, pictures() - 100.0, "from -100"),
        (CAMERA, pictures() / np.float32(127) - 1, "from -1 to"),
        (CAMERA, pictures() * 2.0, "convert the images to uint8"),
        (CAMERA, pictures() / 50, "convert the images to uint8"),
        (CAMERA, pictures().astype(np.uint16) * 4, "convert the images to uint8"),
        (CAMERA, np.where(pictures() == 120, np.nan, pictures()), "nan"),
        (CAMERA, with_image(2, lambda file: file[: len(file) // 2]), "image 2, is damaged or cut"),
        (CAMERA, with_image(1, lambda _: np.zeros(8, np.uint8)), "image 1, is empty"),
        (CAMERA, with_image(4, lambda file: file[::-1]), "image 4, begins with"),
        (CAMERA, with_image(3, lambda _: encoded(pictures(64, 64))[0]), "image 3, is 64 x 64"),
        (CAMERA, lambda root, key: root.create_group(key), "is a group"),
        (CAMERA, h5py.SoftLink("/nowhere"), "leads nowhere"),
        (CAMERA + "\x1b[2J", pictures(), "no name for a video"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(
    tmp_path: Path, key: str, stored: Any, said: str
) -> None:
    file = act_file(tmp_path / "a.hdf5", {key: stored})
    done = imported(tmp_path, file)
    assert done.code == 1
    assert f"{file}: {key}" in done.said
    assert said in done.said
    assert [path.name for path in tmp_path.iterdir()] == ["a.hdf5"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.rad2deg(STATE), "look like degrees"),
        (np.round(2048 + STATE * 2048 / np.pi), "look like ticks"),
        (np.where(np.arange(14) == 3, 1e300, STATE), "no unit of an angle"),
        (np.where(np.arange(14) % 7 == 6, -0.5, STATE), "radians of its motor"),
        (np.where(np.arange(14) % 7 == 6, 1.5, STATE), "radians of its motor"),
        (np.where(np.arange(14) % 7 == 6, 50.0, STATE), "millimetres, per cent or degrees"),
        (np.where(np.arange(14) % 7 == 6, np.linspace(0.019, 0.057, 5)[:, None], STATE), "metres"),
    ],
)
@pytest.mark.parametrize("key", [QPOS, ACTION])
def test_other_units_are_named(tmp_path: Path, key: str, values: Any, said: str) -> None:
    both = {QPOS: values, ACTION: values} if said == "metres" else {key: values}
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", both))
    assert done.code == 1
    assert key in done.said
    assert said in done.said


def test_what_is_beyond_the_limits_is_said(tmp_path: Path) -> None:
    action = np.where(np.arange(14) == 1, 1.9, STATE)  # where a leader's shoulder can go
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", {ACTION: action}))
    assert done.code == 0
    assert "/action has left_shoulder from 1.9 to 1.9" in done.said


TEXT = "Handtuch für Jörg 折り"


@pytest.mark.parametrize(
    ("attributes", "fps", "task", "twin"),
    [
        ({"fps": 30.0, "sim": 1, "task": b"fold"}, 30, "fold", True),
        ({"fps": [30], "sim": np.bool_(True), "task": ["fold"]}, 30, "fold", True),
        ({"fps": "30", "sim": "False", "task": TEXT}, 30, TEXT, False),
        ({"fps": b"30.0", "sim": b"true", "task": np.bytes_("fold")}, 30, "fold", True),
        ({"fps": None, "sim": None, "task": h5py.Empty("S1")}, 50, "given", None),
        ({"fps": h5py.Empty("f8"), "task": "  "}, 50, "given", False),
        ({"joints": np.array(JOINTS, "S")}, 50, "wipe", False),
        ({"joints": JOINTS}, 50, "wipe", False),
    ],
)
def test_attributes_are_read_as_they_are_meant(
    tmp_path: Path, attributes: dict[str, Any], fps: int, task: str, twin: bool | None
) -> None:
    file = act_file(tmp_path / "a.hdf5", attributes=attributes)
    assert imported(tmp_path, file, "--task", "given").code == 0
    dataset = Dataset(tmp_path / "new")
    said = dataset.info.fps, dataset.row(0).tasks, dataset.info.raw.get("twin")
    assert said == (fps, (task,), twin)


@pytest.mark.parametrize(
    ("name", "value", "option"),
    [
        ("fps", 0.0, "25"),
        ("fps", -30, "25"),
        ("fps", np.nan, "25"),
        ("fps", np.inf, "25"),
        ("fps", 29.97, "25"),
        ("fps", 1e9, "25"),
        ("fps", "fast", "25"),
        ("fps", True, "25"),
        ("fps", [30.0, 50.0], "25"),
        ("task", b"\xff\xfe", "wipe"),
        ("task", 7, "wipe"),
        ("task", ["one", "two"], "wipe"),
        ("outcome", "splendid", "failure"),
        ("sim", "perhaps", ""),
        ("sim", 2, ""),
        ("sim", [True, False], ""),
        ("joints", [1.0, 2.0], ""),
        ("colours", "yuv", "rgb"),
        ("colours", 3, "bgr"),
        ("sim", COMPOUND[:1], ""),
    ],
)
def test_attributes_that_cannot_be_used(tmp_path: Path, name: str, value: Any, option: str) -> None:
    file = act_file(tmp_path / "a.hdf5", attributes={name: value})
    done = imported(tmp_path, file)
    assert done.code == 1
    assert str(file) in done.said
    assert name in done.said
    assert not (tmp_path / "new").exists()
    if option:
        assert f"--{name}" in done.said
        assert imported(tmp_path, file, f"--{name}", option).code == 0


def test_what_is_left_out_is_listed(tmp_path: Path) -> None:
    extra = {
        "/base_action": np.zeros((LENGTH, 2)),
        "/observations/depth/cam_high": np.zeros((LENGTH, 4, 4)),
        "/loop": h5py.SoftLink("/"),
        "/observations/broken": h5py.ExternalLink("nowhere", "/x"),
    }
    file = act_file(tmp_path / "episode_1.hdf5", extra, {"operator": "ada"})
    plain = act_file(tmp_path / "episode_0.hdf5")
    done = ran("import", "hdf5", tmp_path / "new", file, plain)
    assert done.code == 0
    listed = [line for line in done.said.splitlines() if line.startswith("left out: ")]
    assert listed[0] == "left out: /observations/effort, /observations/qvel"
    assert {line.removeprefix("left out: ") for line in listed[1:]} == {
        f"{name} of episode_1.hdf5"
        for name in ("attribute operator", "/base_action", "/loop", "/observations/broken",
                     "/observations/depth")
    }  # fmt: skip


def test_a_file_without_cameras_is_imported_and_that_is_said(tmp_path: Path) -> None:
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", {CAMERA: None}))
    assert done.code == 0
    assert "no images" in done.said
    assert ran("check", tmp_path / "new").code == 0


def test_values_come_out_as_they_were(tmp_path: Path) -> None:
    whole = np.asarray(np.round(STATE), ">i4")
    imported(tmp_path, act_file(tmp_path / "a.hdf5", {QPOS: whole, ACTION: STATE.astype("f2")}))
    table = Dataset(tmp_path / "new").table(0)
    np.testing.assert_array_equal(vectors(table[layout.STATE]), whole)
    np.testing.assert_allclose(vectors(table[layout.ACTION]), STATE, atol=1e-3)


def test_files_come_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    names = [f"episode_{number}.hdf5" for number in (10, 2, 0, 1)]
    files = [act_file(tmp_path / name, attributes={"task": name}) for name in names]
    assert ran("import", "hdf5", tmp_path / "new", *files).code == 0
    order = [row.tasks[0] for row in Dataset(tmp_path / "new").episodes()]
    assert order == [f"episode_{number}.hdf5" for number in (0, 1, 2, 10)]
    assert "twice" in ran("import", "hdf5", tmp_path / "other", files[0], files[0]).said


def test_digits_of_other_scripts_are_no_numbers(tmp_path: Path) -> None:
    names = ["2\u00b25.hdf5", "10\u00b25.hdf5", "\u0663.hdf5"]
    files = [act_file(tmp_path / name, attributes={"task": name}) for name in names]
    assert ran("import", "hdf5", tmp_path / "new", *reversed(files)).code == 0
    assert [row.tasks[0] for row in Dataset(tmp_path / "new").episodes()] == names


@pytest.mark.parametrize(
    ("changes", "attributes"),
    [
        ({}, {"fps": 30.0}),
        ({}, {"sim": True}),
        ({CAMERA: pictures(64, 64)}, {}),
        ({CAMERA: None}, {}),
        ({QPOS: STATE[:0]}, {}),
    ],
)
def test_nothing_is_written_before_the_last_file_was_checked(
    tmp_path: Path, changes: dict[str, Any], attributes: dict[str, Any]
) -> None:
    good = act_file(tmp_path / "episode_0.hdf5")
    other = act_file(tmp_path / "episode_1.hdf5", changes, attributes)
    done = ran("import", "hdf5", tmp_path / "new", good, other)
    assert done.code == 1
    assert str(other) in done.said
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "new.part").exists()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def into_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)  # whoever opens it waits for a writer


def into_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path: Path) -> None:
    file = tmp_path / "a.hdf5"
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    done = imported(tmp_path, file)
    assert (done.code, f"{file} is a Git LFS pointer" in done.said) == (1, True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        into_link_to_itself,
        truncated,
        Path.unlink,
        into_folder,
        into_pipe,
    ],
)
def test_what_is_no_whole_file_is_refused(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    file = act_file(tmp_path / "a.hdf5")
    spoil(file)
    done = imported(tmp_path, file)
    assert done.code == 1
    assert str(file) in done.said


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    file = act_file(tmp_path / "a.hdf5")
    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    done = imported(tmp_path, file)
    assert done.code == 1
    assert f"{file}: the file cannot be opened ([Errno 13] Permission denied" in done.said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give it by --task TEXT"),
        (["--task", " "], "give it by --task TEXT"),
        (["--task", "wipe", "--fps", "0"], "expected 1 to 1000"),
    ],
)
def test_what_the_command_line_has_to_say(tmp_path: Path, words: list[str], said: str) -> None:
    file = act_file(tmp_path / "a.hdf5", attributes={"task": None})
    done = imported(tmp_path, file, *words)
    assert done.code == 1
    assert said in done.said


@pytest.mark.parametrize(
    ("joints", "attributes", "said"),
    [(7, {}, "is of 7 joints"), (14, {"joints": JOINTS[::-1]}, "is of right_gripper, right_wrist")],
)
def test_a_file_of_another_robot_is_refused(
    tmp_path: Path, joints: int, attributes: dict[str, Any], said: str
) -> None:
    changes = {QPOS: STATE[:, :joints], ACTION: STATE[:, :joints]}
    done = imported(tmp_path, act_file(tmp_path / "a.hdf5", changes, attributes))
    assert said in done.said
    assert "aloha has left_waist" in done.said


def test_a_folder_that_is_taken_is_said_before_hours_of_looking(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").touch()
    done = imported(tmp_path, tmp_path / "missing.hdf5")
    assert "is there already" in done.said
