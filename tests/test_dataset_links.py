"""A dataset in a hub's cache, where every file is a link: all is found, and nothing changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dataset_scene import Told, written
from dataset_tools import ran
from foreign_dataset import DATA, Foreign, made_by, named

from policy_worker.policies import replay
from recorder import layout
from simulation.task import TRANSFER
from simulation.twin import JOINTS


def linked(made: Path, cache: Path) -> Path:
    """Return a folder with a link for each file, as the hub's client keeps a dataset."""
    (cache / "blobs").mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in made.rglob("*") if path.is_file())):
        blob = cache / "blobs" / f"{number:064x}"
        blob.write_bytes(path.read_bytes())
        link = cache / "snapshots" / "0123abcd" / path.relative_to(made)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return cache / "snapshots" / "0123abcd"


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cached")
    made = written(folder / "made", Told(5, 0, 0), Told(0, 6, 0))
    assert ran("merge", folder / "whole", made).code == 0
    return linked(folder / "whole", folder / "hub")


def test_every_tool_reads_it(cached: Path, tmp_path: Path) -> None:
    assert "all well" in ran("check", cached).said
    page = tmp_path / "page.html"
    assert ran("view", cached, 1, "--out", page).code == 0
    assert "0123abcd, aloha" in page.read_text(encoding="utf-8")
    assert ran("merge", tmp_path / "new", cached).code == 0
    assert not any(path.is_symlink() for path in (tmp_path / "new").rglob("*"))


@pytest.mark.parametrize("how", ["absolute", "relative", "around"])
def test_the_policy_finds_the_dataset_of_the_file_that_it_plays(
    cached: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cached / "data")
    file = {
        "absolute": cached / layout.data_path(1),
        "relative": Path("chunk-000/file-001.parquet"),
        "around": Path("../data/chunk-000/file-001.parquet"),
    }[how]
    player = replay.make(replay.Config(file=file), JOINTS)
    assert player.spec.instructions == (TRANSFER,)


def renamed(made: Foreign) -> None:
    for key in (layout.ACTION, layout.STATE):
        made.features[key]["names"] = {"motors": list(JOINTS)}


def test_the_policy_plays_an_episode_of_others(tmp_path: Path) -> None:
    made = made_by(renamed, tmp_path / "made")
    player = replay.make(replay.Config(file=made / DATA, episode=1), JOINTS)
    assert player.spec.instructions == (TRANSFER,)
    unnamed = made_by(named(None), tmp_path / "unnamed")
    with pytest.raises(ValueError, match="joints are called None"):
        replay.make(replay.Config(file=unnamed / DATA, episode=1), JOINTS)
    lonely = tmp_path / "file-000.parquet"
    lonely.write_bytes((made / DATA).read_bytes())
    with pytest.raises(ValueError, match="is in no dataset"):
        replay.make(replay.Config(file=lonely), JOINTS)


def test_a_cache_is_not_repaired_nor_is_anybody_advised_to(cached: Path) -> None:
    blobs = {path: path.read_bytes() for path in (cached.parents[1] / "blobs").iterdir()}
    done = ran("repair", cached)
    assert (done.code, "cp -rL" in done.said) == (1, True)
    lost = cached / layout.data_path(0)
    target = lost.readlink()
    lost.unlink()
    lost.symlink_to("nowhere")
    checked = ran("check", cached)
    lost.unlink()
    lost.symlink_to(target)
    assert "is a link to nothing" in " ".join(checked.said.split())
    assert "recorder repair" not in checked.said
    assert blobs == {path: path.read_bytes() for path in blobs}


def test_a_page_that_cannot_be_written_whole_leaves_none(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = ran("view", cached, 0, "--out", tmp_path / "page.html")
    assert (done.code, "No space left" in done.said) == (1, True)
    assert list(tmp_path.iterdir()) == []
