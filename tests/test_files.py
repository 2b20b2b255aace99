"""Files are written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runtime.files import atomic_write, atomic_write_text, unfinished

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_appears_under_its_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"

    atomic_write_text(path, "größer")

    assert path.read_text(encoding="utf-8") == "größer"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with atomic_write(path) as aside:
            aside.write_text("half", encoding="utf-8")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_nobody_elses_also_over_a_leftover(tmp_path: Path) -> None:
    path = tmp_path / "latch.json"
    unfinished(path).write_text("left over", encoding="utf-8")

    atomic_write_text(path, "secret", private=True)

    assert path.read_text(encoding="utf-8") == "secret"
    assert path.stat().st_mode & 0o777 == 0o600
