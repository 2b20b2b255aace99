"""A folder for each run."""

from pathlib import Path

import pytest

from station.run_folder import made, untaken


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "2026-12-01_10-00-00"
    assert untaken(run) == run
    assert [made(run).name for _ in range(3)] == [run.name, f"{run.name}_2", f"{run.name}_3"]
    assert untaken(run).name == f"{run.name}_4"
    untaken(run).symlink_to("nowhere")
    assert made(run).name == f"{run.name}_5"


@pytest.mark.parametrize("inside", ["file/runs", "file", "dangling"])
def test_where_there_can_be_no_folder_that_is_an_error(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    assert untaken(tmp_path / inside / "run") == tmp_path / inside / "run"
    with pytest.raises((NotADirectoryError, FileExistsError)):
        made(tmp_path / inside / "run")
