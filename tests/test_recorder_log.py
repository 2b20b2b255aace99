"""The log of a journal: whole records, whatever is cut off or damaged."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.log import Reading, packed, records

CONTENTS = [
    ("joint_state.left", 10, b"one"),
    ("frame.cam_high", 20, b"\xe7EHR" * 9),
    ("x", 30, b""),
]


def written(path: Path) -> list[int]:
    """Write CONTENTS to a log; returns where each record ends."""
    data, ends = b"", []
    for stream, t_ns, content in CONTENTS:
        data += b"".join(packed(stream, t_ns, content))
        ends.append(len(data))
    path.write_bytes(data)
    return ends


def read(path: Path, reading: Reading | None = None) -> list[tuple[str, int, bytes]]:
    return [
        (record.stream, record.t_arrival_ns, bytes(record.data))
        for record in records(path, reading)
    ]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "log")
    assert read(tmp_path / "log") == CONTENTS


def test_an_empty_log_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert read(tmp_path / "log") == []


@settings(deadline=None)
@given(cut=st.integers(min_value=0))
def test_cut_at_any_byte_all_whole_records_before_are_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "log"
    ends = written(path)
    cut %= ends[-1] + 1
    path.write_bytes(path.read_bytes()[:cut])
    reading = Reading()
    whole = sum(end <= cut for end in ends)
    assert read(path, reading) == CONTENTS[:whole]
    assert reading.damaged == 0
    assert reading.whole_bytes == ([0, *ends])[whole]


@settings(deadline=None)
@given(place=st.integers(min_value=0), value=st.integers(1, 255))
def test_a_damaged_byte_costs_its_own_record_only(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("damage") / "log"
    ends = written(path)
    data = bytearray(path.read_bytes())
    place %= len(data)
    data[place] ^= value
    path.write_bytes(bytes(data))
    hit = sum(end <= place for end in ends)
    reading = Reading()
    assert read(path, reading) == [*CONTENTS[:hit], *CONTENTS[hit + 1 :]]
    assert reading.damaged == (hit < len(CONTENTS) - 1)  # at the very end it looks like a cut


def test_what_follows_a_torn_record_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    written(path)
    with path.open("ab") as file:
        file.write(b"".join(packed("torn", 40, b"half"))[:-2])
        file.write(b"".join(packed("whole", 50, b"again")))
    reading = Reading()
    assert read(path, reading) == [*CONTENTS, ("whole", 50, b"again")]
    assert reading.damaged == 1
