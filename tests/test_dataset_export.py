"""Episodes in the formats of others: ACT's HDF5, both ways, and MCAP for Foxglove."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_scene import BEGIN_NS, CAMERAS, FPS, ROBOT, WALL_NS, Told, image_of, path_of, written
from dataset_tools import ran
from mcap.reader import make_reader

from recorder import layout
from recorder.dataset import Dataset, vectors

EPISODES = (Told(), Told(0, 12, 0, outcome="failure", task="hold it"))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("made") / "made", *EPISODES)


@pytest.fixture(scope="module")
def exported(directory: Path) -> Path:
    assert ran("export", "hdf5", directory, directory.parent / "hdf5").code == 0
    assert ran("export", "mcap", directory, directory.parent / "mcap", "--episode", 0).code == 0
    return directory.parent


def test_hdf5_is_as_act_keeps_it(exported: Path) -> None:
    assert sorted(path.name for path in (exported / "hdf5").iterdir()) == [
        "episode_0.hdf5",
        "episode_1.hdf5",
    ]
    with h5py.File(exported / "hdf5" / "episode_0.hdf5") as root:
        assert root.attrs["compress"]
        assert not root.attrs["sim"]
        assert root["/action"].shape == root["/observations/qpos"].shape == (40, 14)
        assert root["/observations/effort"].shape == (40, 14)
        state = path_of(EPISODES[0], np.arange(40) / FPS)
        np.testing.assert_allclose(root["/observations/qpos"], state, atol=1e-6)
        velocity = np.gradient(state, axis=0) * FPS
        np.testing.assert_allclose(root["/observations/qvel"], velocity, atol=1e-4)
        images = root[f"/observations/images/{CAMERAS[0]}"]
        assert images.shape[0] == 40
        lengths = root["/compress_len"]
        assert lengths.shape == (len(CAMERAS), 40)
        file = images[7][: int(lengths[0, 7])]
        decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)  # as ACT's own tools read it: RGB
        assert decoded is not None
        assert np.abs(decoded.astype(int) - image_of(7, CAMERAS[0])).mean() < 4


def test_what_goes_out_comes_back(exported: Path, tmp_path: Path) -> None:
    files = sorted((exported / "hdf5").iterdir())
    assert ran("import", "hdf5", tmp_path / "back", *files).code == 0
    assert ran("check", tmp_path / "back").code == 0
    before, after = Dataset(exported / "made"), Dataset(tmp_path / "back")
    assert after.info.fps == FPS
    assert after.info.cameras == CAMERAS
    for number in range(2):
        old, new = before.row(number), after.row(number)
        assert (new.tasks, new.length, new.text("data_type")) == (old.tasks, old.length, "demo")
        assert new.text("outcome_label") == old.text("outcome_label")
        assert new.raw["episode_success"] == old.raw["episode_success"]
        for name in (layout.STATE, layout.ACTION):
            given, got = (vectors(each.table(number)[name]) for each in (before, after))
            np.testing.assert_allclose(got, given, atol=1e-6)
        pairs = zip(
            before.frames(number, CAMERAS[1]), after.frames(number, CAMERAS[1]), strict=True
        )
        assert max(np.abs(one.astype(int) - two).mean() for one, two in pairs) < 5


def test_what_the_twin_did_is_said_to_be_simulated_wherever_it_goes(tmp_path: Path) -> None:
    made = written(tmp_path / "made", Told(5, 0, 0), Told(6, 0, 0), robot=replace(ROBOT, twin=True))
    assert ran("merge", tmp_path / "merged", made).code == 0
    assert ran("split", tmp_path / "merged", tmp_path / "one", "--episode", 1).code == 0
    (tmp_path / "merged" / layout.data_path(0)).unlink()
    assert "numbered anew" in ran("repair", tmp_path / "merged").said
    for name in ("merged", "one"):
        assert ran("export", "hdf5", tmp_path / name, tmp_path / f"{name}_hdf5").code == 0
        file = tmp_path / f"{name}_hdf5" / "episode_0.hdf5"
        with h5py.File(file) as root:
            assert root.attrs["sim"]
        assert ran("import", "hdf5", tmp_path / f"{name}_back", file).code == 0
        assert Dataset(tmp_path / f"{name}_back").info.raw["twin"]


def test_an_episode_of_one_row_is_exported(tmp_path: Path) -> None:
    made = written(tmp_path / "made", Told(1, 0, 0))
    assert ran("export", "hdf5", made, tmp_path / "out").code == 0
    assert ran("import", "hdf5", tmp_path / "back", tmp_path / "out" / "episode_0.hdf5").code == 0
    assert ran("check", tmp_path / "back").code == 0


def messages_of(path: Path) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Return an MCAP file's messages by topic, with their times."""
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert schema is not None
            assert schema.encoding == "jsonschema"
            fields = json.loads(message.data)
            stamp = fields["timestamp"]
            assert stamp["sec"] * 1_000_000_000 + stamp["nsec"] == message.log_time
            found.setdefault(f"{schema.name} {channel.topic}", []).append(
                (message.log_time, fields)
            )
    return found


def test_mcap_holds_images_joints_and_who_commanded(exported: Path) -> None:
    found = messages_of(exported / "mcap" / "episode_0.mcap")
    assert set(found) == {
        *(f"foxglove.CompressedImage /camera/{camera}" for camera in CAMERAS),
        "foxglove.JointStates /joints/measured",
        "foxglove.JointStates /joints/command",
        "foxglove.Log /log",
        "evenhand.Control /control",
    }
    images = found[f"foxglove.CompressedImage /camera/{CAMERAS[0]}"]
    assert len(images) == 40
    t_ns, first = images[0]
    assert t_ns == BEGIN_NS + WALL_NS - 3_000_000  # when it was captured
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(first["data"]), np.uint8), 1)
    assert picture is not None
    assert picture.shape == (48, 64, 3)
    joints = found["foxglove.JointStates /joints/command"]
    assert len(joints) == 133  # at every control tick
    assert [each["name"] for each in joints[0][1]["joints"]] == ROBOT.joints
    control = [fields for _, fields in found["evenhand.Control /control"]]
    assert {fields["source"] for fields in control} == {"auto", "intervention"}
    assert [fields["person_moves"] for fields in control][25] == ["left"]
    assert "takeover" in [fields["message"] for _, fields in found["foxglove.Log /log"]]


def test_an_image_that_is_shown_twice_is_written_once(tmp_path: Path) -> None:
    made = written(tmp_path / "made", Told(4, 0, 0))
    table = Dataset(made).table(0)
    name = f"{layout.RECAP}t_{CAMERAS[0]}_ns"
    values = table[name].to_pylist()
    again = table.set_column(
        table.column_names.index(name), name, pa.array([values[0], values[0], *values[2:]])
    )
    pq.write_table(again, made / layout.data_path(0))
    assert ran("export", "mcap", made, tmp_path / "out").code == 0
    found = messages_of(tmp_path / "out" / "episode_0.mcap")
    assert len(found[f"foxglove.CompressedImage /camera/{CAMERAS[0]}"]) == 3


def test_a_file_that_is_there_is_not_written_over(exported: Path) -> None:
    done = ran("export", "hdf5", exported / "made", exported / "hdf5")
    assert done.code == 1
    assert "is there already" in done.said


def test_an_episode_that_cannot_be_read_leaves_no_half_file(tmp_path: Path) -> None:
    made = written(tmp_path / "made", Told(4, 0, 0))
    (made / layout.video_path(CAMERAS[1], 0)).write_bytes(b"")
    done = ran("export", "hdf5", made, tmp_path / "out")
    assert done.code == 1
    assert CAMERAS[1] in done.said
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [("hdf5", "h5py", "evenhand[hdf5]"), ("mcap", "mcap.writer", "evenhand[mcap]")],
)
def test_a_library_that_is_not_installed_is_named(
    directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    module: str,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    done = ran("export", kind, directory, tmp_path / "out")
    assert done.code == 1
    assert extra in done.said
