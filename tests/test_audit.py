"""The audit: nothing in it can be changed unnoticed, and no mishap breaks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from messaging.messages import Reply, Request
from messaging.transport import Waiter
from safety import audit, latch
from safety.account import Tally, request_entry, step_entries
from safety.audit import FIRST, Audit, AuditError, Entry, verified
from safety.cause import Cause
from safety.config import SafetyConfig
from safety.facts import ArmFact, Facts
from safety.latch import latched
from safety.scribe import Scribe
from safety.state import State, stepped, stopped

STATE = State(epoch=1, seq=1)
SECOND = 1_000_000_000
FACTS = Facts(5 * SECOND, "noon", arms={"left": ArmFact(99, 5 * SECOND, 5 * SECOND)})
FULL = OSError(28, "No space left on device")


def entry(said: str = "look", t_ns: int = 0, what: str = "stop") -> Entry:
    return Entry("noon", t_ns, "alice", what, said, "running", "stopped", "1234")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / audit.NAME


def written(path: Path, *lots: list[Entry]) -> None:
    book = Audit(path)
    for lot in lots:
        book.append(lot)
    book.close()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_entries_follow_each_other_across_restarts(path: Path) -> None:
    written(path, [entry("a"), entry("b")], [entry("c")])
    written(path, [entry("d")])
    found = lines(path)
    assert [line["seq"] for line in found] == [1, 2, 3, 4]
    assert [line["said"] for line in found] == ["a", "b", "c", "d"]
    assert found[0]["previous"] == FIRST
    assert verified(path) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_audit_of_nothing_is_in_order(path: Path) -> None:
    written(path)
    assert verified(path) == []


@pytest.mark.parametrize("change", ["edit", "drop", "swap", "double"])
def test_a_line_that_was_changed_dropped_moved_or_doubled_is_noticed(
    path: Path, change: str
) -> None:
    written(path, [entry(str(i)) for i in range(5)])
    found = path.read_bytes().splitlines(keepends=True)
    if change == "edit":
        found[2] = found[2].replace(b"alice", b"mallory")
    elif change == "drop":
        del found[2]
    elif change == "swap":
        found[1:3] = [found[2], found[1]]
    else:
        found.insert(2, found[2])
    path.write_bytes(b"".join(found))
    assert any("does not follow" in problem for problem in verified(path))


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_kept_named_and_gone_on_after(path: Path, cut: int) -> None:
    written(path, [entry("a"), entry("b")])
    torn = path.read_bytes()[:-cut]
    path.write_bytes(torn)
    if cut > 1:
        assert verified(path) == ["the last line is torn: the next entry will say so"]
    written(path, [entry("c")], [entry("d")])
    assert path.read_bytes().startswith(torn)
    assert verified(path) == []


def test_what_no_entry_names_as_torn_was_put_in(path: Path) -> None:
    written(path, [entry("a"), entry("b")])
    found = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(found[0] + b"rubbish\n" + found[1])
    assert "before line 3" in verified(path)[0]
    path.write_bytes(found[0] + b"rubbish\nmore\n" + found[1])
    assert verified(path)[0] == "line 2 is no entry"


@pytest.mark.parametrize("rubbish", [b"[]", b"{}", b'{"seq": "1", "previous": ""}', b"\xff"])
def test_what_is_no_entry_is_told_from_one(path: Path, rubbish: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(rubbish + b"\n")
    assert verified(path) == ["the last line is torn: the next entry will say so"]


def test_what_was_added_behind_its_back_does_not_break_the_chain(path: Path) -> None:
    book = Audit(path)
    book.append([entry("a")])
    with path.open("ab") as file:
        file.write(b"torn by somebo")
    book.append([entry("b")])
    book.close()
    assert verified(path) == []


def test_a_long_text_is_cut(path: Path) -> None:
    written(path, [entry("x" * 100_000), entry("b")])
    written(path, [entry("c")])
    assert verified(path) == []
    assert path.stat().st_size < 3000


def test_a_second_writer_is_refused(path: Path) -> None:
    book = Audit(path)
    with pytest.raises(AuditError, match="another safety process"):
        Audit(path)
    book.close()
    Audit(path).close()


class HalfFull:
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, file: int, data: bytes) -> int:
        if not self.room:
            raise FULL
        count = self._write(file, data[: self.room])
        self.room -= count
        return count


@pytest.mark.parametrize("room", [0, 1, 300])
def test_a_full_disk_corrupts_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    book = Audit(path)
    book.append([entry("a")])
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", HalfFull(room).write)
        with pytest.raises(OSError, match="No space"):
            book.append([entry("b"), entry("c")])
    assert path.read_bytes() == before
    book.append([entry("b")])
    book.close()
    assert verified(path) == []


def test_a_really_full_disk_corrupts_nothing(path: Path) -> None:
    """A limit on the size of files fails within a line, as a full disk does."""
    code = f"""
import resource, signal
from pathlib import Path
from safety.audit import Audit, Entry, verified
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
book = Audit(Path({str(path)!r}))
entry = Entry("noon", 0, "alice", "stop", "look", "running", "stopped")
book.append([entry])
resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))
for _ in range(3):
    try:
        book.append([entry, entry])
    except OSError:
        pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
book.append([entry])
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert verified(path) == []
    assert len(lines(path)) == 2


@given(texts=st.lists(st.text(max_size=50), max_size=5))
def test_whatever_is_said_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("audit") / audit.NAME
    written(path, [entry(text) for text in texts])
    assert verified(path) == []
    assert [line["said"] for line in lines(path)] == texts


@pytest.fixture
def scribe(path: Path) -> Iterator[Scribe]:
    scribe = Scribe(path.parent / latch.NAME, Audit(path))
    yield scribe
    scribe.close()


def until(scribe: Scribe, ticket: int) -> None:
    """Wait until a job is done."""
    waiter = Waiter()
    waiter.add(scribe.news)
    while scribe.done < ticket:
        assert waiter.wait(10.0)
        scribe.acknowledge()
    scribe.acknowledge()


def test_a_job_is_done_when_latch_and_entries_are_written(path: Path, scribe: Scribe) -> None:
    until(scribe, scribe.write(latched(STATE), [entry("a"), entry("b")]))
    assert latch.read(path.parent / latch.NAME) == latched(STATE)
    assert [line["said"] for line in lines(path)] == ["a", "b"]
    until(scribe, scribe.write(None, []))
    assert not scribe.troubles


def test_what_was_given_last_is_written_at_the_end(path: Path) -> None:
    scribe = Scribe(path.parent / latch.NAME, Audit(path))
    for i in range(50):
        scribe.write(latched(replace(STATE, drawn=i)), [entry(str(i))])
    scribe.close()
    content = latch.read(path.parent / latch.NAME)
    assert content
    assert content.drawn == 49
    assert len(lines(path)) == 50
    assert verified(path) == []


def test_what_cannot_be_written_is_told_and_written_when_there_is_room_again(
    path: Path, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, room = os.fsync, threading.Event()

    def full(file: int) -> None:
        if not room.is_set():
            raise FULL
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    until(scribe, scribe.write(latched(STATE), [entry("a")]))
    full_disk = {"latch": "No space left on device", "audit": "No space left on device"}
    assert scribe.troubles == full_disk
    for _ in range(12):
        until(scribe, scribe.write(None, [entry("b")] * 100))
    room.set()
    until(scribe, scribe.write(None, []))
    assert not scribe.troubles
    found = [line["said"] for line in lines(path)]
    assert found[:3] == ["a", "b", "b"]
    assert found[-1] == "201 entries found no room"
    assert latch.read(path.parent / latch.NAME) == latched(STATE)


def test_the_disk_is_tried_again_without_being_asked(
    path: Path, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [FULL]
    sync = os.fsync

    def full_once(file: int) -> None:
        if failures:
            raise failures.pop()
        sync(file)

    monkeypatch.setattr(os, "fsync", full_once)
    scribe.write(None, [entry("a")])
    waiter = Waiter()
    waiter.add(scribe.news)
    while not path.read_text(encoding="utf-8"):
        assert waiter.wait(10.0)
        scribe.acknowledge()
    assert verified(path) == []


def test_of_many_requests_alike_the_first_is_told_and_the_others_are_counted() -> None:
    tally = Tally()
    assert len(tally.admitted(entry("first", 0))) == 1
    for i in range(5):
        assert tally.admitted(entry(str(i), i)) == []
    assert tally.due(SECOND - 1) == []
    (summary,) = tally.due(SECOND)
    assert summary.said == "5 more like it within a second, the last: 4"
    assert tally.due(3 * SECOND) == []
    assert len(tally.admitted(entry("again", 4 * SECOND))) == 1
    assert tally.due(5 * SECOND) == []


def test_kinds_without_number_are_counted_together() -> None:
    tally = Tally()
    told = [tally.admitted(entry(what=f"kind {i}")) for i in range(1000)]
    assert sum(map(len, told)) == 21
    assert len(tally.due(SECOND)) == 1


def test_what_is_said_of_a_request() -> None:
    request = Request("1", "speed", "alice", 0, event="12", value=0.5, reason="tired")
    said = request_entry(request, Reply("1", True, "slower"), STATE, STATE, FACTS)
    assert (said.said, said.who, said.what) == (
        "tired, event 12, value 0.5 -> slower",
        "alice",
        "speed",
    )
    refused = Request("1", "run", "bob", 0)
    assert (
        request_entry(refused, Reply("1", False, "no"), STATE, STATE, FACTS).said == "refused: no"
    )


def test_what_is_said_of_the_steps_that_nobody_asked_for() -> None:
    armed = replace(STATE, phase="armed")
    assert step_entries(STATE, STATE, FACTS) == []
    assert [entry.what for entry in step_entries(STATE, armed, FACTS)] == ["armed"]
    fault = Cause(11, "left", "hot")
    stop = stopped(armed, (fault,), "rest_then_off", FACTS)
    assert [(e.what, e.said) for e in step_entries(armed, stop, FACTS)] == [("stop", "hot")]
    later = replace(FACTS, causes=(Cause(12, "left", "low"),))
    more = stepped(stop, later, SafetyConfig())
    assert [(e.what, e.said) for e in step_entries(stop, more, later)] == [
        ("cause", "low"),
        ("hold", ""),
        ("confirmed", "left 0 ms"),
    ]
    assert step_entries(more, more, FACTS) == []
    resting = stepped(stop, FACTS, SafetyConfig())
    assert [e.what for e in step_entries(stop, resting, FACTS)] == ["resting"]
    held = replace(
        FACTS, held=True, holds=("late",), causes=(Cause(12, "left", "low", "rest_then_off"),)
    )
    both = stepped(stop, held, SafetyConfig())
    assert [(e.what, e.said) for e in step_entries(stop, both, held)] == [
        ("hold", "late"),
        ("cause", "low"),
        ("resting", ""),
    ]
