"""Exports to a disk that becomes full: nothing that looks whole, a clear error, and no crash."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from io import FileIO
from pathlib import Path

import dataset_scene
import h5py
import numpy as np
import pytest
from dataset_scene import HEIGHT, WIDTH, Told, written
from dataset_tools import ran
from numpy.typing import NDArray

from station.recorder_tools.act.hdf5 import FileForHdf5

SHARES = (0.0, 0.001, 0.02, 0.3, 0.6, 0.99)  # of a whole file, for which there is room

# The kernel lets no file grow beyond a limit, as on a full disk, and needs no disk for it. Each
# export has a process of its own, which ends as any other: a library may crash as late as that.
EXPORTS = """
import json, os, resource, signal, sys
from station.recorder_tools.main import main
kind, dataset, folder, *rooms = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
codes = []
for room in rooms:
    if not (child := os.fork()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), int(room)))
        sys.exit(main(["export", kind, dataset, f"{folder}/{room}"]))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


def noise(number: int, camera: str) -> NDArray[np.uint8]:
    """Return an image that no codec makes small."""
    draw = np.random.default_rng([number, len(camera)])
    return draw.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_scene, "image_of", noise)
        return written(tmp_path_factory.mktemp("made") / "made", Told(20, 10, 10))


@pytest.mark.parametrize("kind", ["hdf5", "mcap"])
def test_a_full_disk_leaves_nothing_and_is_named(dataset: Path, tmp_path: Path, kind: str) -> None:
    assert ran("export", kind, dataset, tmp_path / "whole").code == 0
    size = (tmp_path / "whole" / f"episode_0.{kind}").stat().st_size
    rooms = [str(int(share * size)) for share in SHARES]
    folder = tmp_path / "full"
    command = [sys.executable, "-c", EXPORTS, kind, str(dataset), str(folder), *rooms]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=100, check=True)
    assert json.loads(done.stdout) == [1] * len(rooms), done.stderr
    said = done.stderr.splitlines()
    assert len(said) == len(rooms), done.stderr
    for room, line in zip(rooms, said, strict=True):
        assert f"File too large: '{folder / room / f'episode_0.{kind}'}'" in line
        assert list((folder / room).iterdir()) == []


class Interrupted(FileIO):
    """A file at which Ctrl-C is pressed whenever it is written to."""

    def write(self, _data: object) -> int:
        raise KeyboardInterrupt


def test_who_interrupts_is_heard_when_hdf5_has_closed_the_file(tmp_path: Path) -> None:
    with Interrupted(tmp_path / "a.hdf5", "w+") as raw:
        file = FileForHdf5(raw)
        with h5py.File(file, "w") as root:
            root["x"] = np.zeros(100_000)
        with pytest.raises(KeyboardInterrupt):
            file.raise_failure()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_takes_nothing_is_named_with_a_remedy(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write everywhere
    done = ran("export", "hdf5", dataset, tmp_path / "out")
    assert done.code == 1
    assert f"{tmp_path / 'out'}" in done.said
    assert "choose another folder" in done.said
