"""What people say about episodes: appended, and read whatever was torn."""

from pathlib import Path

from recorder.edits import Edit, append, discarded, opinion, read
from recorder.layout import EDITS


def edit(kind: str, episode: str = "one", text: str = "", t_ns: int = 1) -> Edit:
    return Edit(
        at="2026-01-02T03:04:05", t_ns=t_ns, who="Ada", kind=kind, episode=episode, text=text
    )


def test_edits_are_read_as_they_were_appended(tmp_path: Path) -> None:
    given = [edit("note", text="it slipped"), edit("discard", "two")]
    for item in given:
        append(tmp_path, item)
    assert read(tmp_path) == given


def test_without_edits_nobody_has_an_opinion(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    assert opinion([], "one").outcome is None


def test_a_line_that_a_power_failure_tore_is_left_out_and_the_next_one_stands_alone(
    tmp_path: Path,
) -> None:
    append(tmp_path, edit("note", text="whole"))
    with (tmp_path / EDITS).open("ab") as file:
        file.write(b'{"at": "2026')
    append(tmp_path, edit("note", text="after"))
    assert [item.text for item in read(tmp_path)] == ["whole", "after"]


def test_the_last_word_on_an_episode_counts() -> None:
    words = [
        edit("label", text="success"), edit("unlabel"), edit("note", text="a"),
        edit("label", "two", "failure"), edit("note", text="b"),
        edit("subtask", text="grasp", t_ns=7),
    ]  # fmt: skip
    found = opinion(words, "one")
    assert found.outcome == ""
    assert found.note == "a\nb"
    assert found.subtasks == ((7, "grasp"),)
    assert opinion(words, "two").outcome == "failure"


def test_the_last_word_says_whether_an_episode_is_discarded() -> None:
    words = [edit("discard"), edit("discard", "two"), edit("restore"), edit("note", "two", "why")]
    assert discarded(words) == {"two"}
    assert discarded([*words, edit("discard")]) == {"one", "two"}
