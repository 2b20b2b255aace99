"""What goes over the wire at every tick: the short way says what the general one says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.packets import PacketReader, fast_status, status, sync_read, sync_write
from drivers.dynamixel.question import FastQuestion, Goals, Part, Question
from drivers.dynamixel.registers import GOAL_POSITION

SERVOS = (1, 2, 4, 6, 7, 8, 9)
ADDRESS, LENGTH = 224, 12
TRICKY = st.sampled_from([0, 1, -1, -3, 0xFDFFFF, -0x20001, 2048])

answers = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.one_of(
            st.binary(min_size=LENGTH, max_size=LENGTH),
            st.lists(st.sampled_from([0xFF, 0xFD, 0x00]), min_size=LENGTH, max_size=LENGTH).map(
                bytes
            ),
        ),
    ),
    min_size=len(SERVOS),
    max_size=len(SERVOS),
)


def on_the_line(said: list[tuple[int, bytes]]) -> bytes:
    """Return the answers of all servos as they arrive."""
    return b"".join(status(servo, *it) for servo, it in zip(SERVOS, said, strict=True))


def read(question: Question, data: bytes) -> list[Part]:
    """Return what the reader of any bytes makes of an answer."""
    return [part for packet in PacketReader().feed(data) for part in question.parts(packet)]


@given(st.lists(st.one_of(st.integers(-(2**31), 2**31 - 1), TRICKY), min_size=7, max_size=7))
def test_goals_are_written_as_any_values_are(ticks: list[int]) -> None:
    values = {s: GOAL_POSITION.packed(tick) for s, tick in zip(SERVOS, ticks, strict=True)}
    assert Goals(SERVOS).packet(ticks) == sync_write(GOAL_POSITION.address, values)


def test_a_question_asks_as_a_sync_read_does() -> None:
    assert Question(ADDRESS, LENGTH, SERVOS).request == sync_read(ADDRESS, LENGTH, SERVOS)


@given(answers)
def test_a_whole_answer_says_what_the_reader_finds(said: list[tuple[int, bytes]]) -> None:
    question, data = Question(ADDRESS, LENGTH, SERVOS), on_the_line(said)
    parts = read(question, data)
    assert parts == [(servo, *it) for servo, it in zip(SERVOS, said, strict=True)]
    assert question.whole(data) in (parts, [])


def test_a_plain_answer_is_taken_as_a_whole() -> None:
    question = Question(ADDRESS, LENGTH, SERVOS)
    data = on_the_line([(0x80 * (servo == 4), bytes([servo] * LENGTH)) for servo in SERVOS])
    assert data.count(b"\xff\xff\xfd") == len(SERVOS)
    assert len(data) == question.answer_bytes
    assert question.whole(data) == read(question, data)


@given(answers, st.data())
def test_a_damaged_answer_is_left_to_the_reader(
    said: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    whole = on_the_line(said)
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    assert Question(ADDRESS, LENGTH, SERVOS).whole(bytes(damaged)) == []


@pytest.mark.parametrize("spoil", [slice(1, None), slice(None, -1), slice(23, None), slice(0, 0)])
def test_a_partial_answer_is_left_to_the_reader(spoil: slice) -> None:
    data = on_the_line([(0, bytes(LENGTH))] * len(SERVOS))
    assert Question(ADDRESS, LENGTH, SERVOS).whole(data[spoil]) == []


def test_answers_in_another_order_are_left_to_the_reader() -> None:
    question = Question(ADDRESS, LENGTH, SERVOS)
    data = on_the_line([(0, bytes(LENGTH))] * len(SERVOS))
    size = len(data) // len(SERVOS)
    swapped = data[size : 2 * size] + data[:size] + data[2 * size :]
    assert question.whole(swapped) == []
    assert [servo for servo, _, _ in read(question, swapped)] == [2, 1, 4, 6, 7, 8, 9]


def test_statuses_to_other_questions_say_nothing() -> None:
    question = Question(ADDRESS, LENGTH, SERVOS)
    assert read(question, status(3, 0, bytes(LENGTH)) + status(1, 0, bytes(LENGTH - 1))) == []


def test_a_common_answer_says_what_each_servo_does() -> None:
    question = FastQuestion(ADDRESS, 2, (3, 7))
    data = fast_status([(3, 0, b"ab"), (7, 0x80, b"cd")])
    assert len(data) == question.answer_bytes
    assert question.whole(data) == []
    (packet,) = PacketReader().feed(data)
    assert question.parts(packet) == [(3, 0, b"ab"), (7, 0x80, b"cd")]
    assert FastQuestion(ADDRESS, 2, (3, 8)).parts(packet) == [(3, 0, b"ab")]
