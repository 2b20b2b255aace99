"""The bus on one machine: what a reader finds, who may write, what stays behind."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from messaging import codec
from messaging.messages import ActionChunk, Directive, Frame, JointState
from messaging.topics import (
    ACTION_CHUNK,
    DIRECTIVE,
    FRAME,
    JOINT_COMMAND,
    JOINT_STATE,
    TOPICS,
    Keep,
    M,
)
from messaging.transport import Bus, Publisher, Subscriber, TransportError, Waiter

pytestmark = pytest.mark.realtime

ARRIVAL_S = 5.0


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


def directive(seq: int) -> Directive:
    return Directive(seq, "run", 1, "hand the cube over")


def chunk(seq: int) -> ActionChunk:
    actions = np.full((50, 2), float(seq))
    return ActionChunk("p", seq, 2, 0.5, 1, 20_000_000, ("a", "b"), actions, {})


def connect(publisher: Publisher[M], subscriber: Subscriber[M], message: M) -> None:
    """Send `message` until it gets through, then swallow its copies."""
    waiter = Waiter([subscriber])
    end = time.monotonic() + ARRIVAL_S
    while not waiter.wait(0.05):
        assert time.monotonic() < end, "no message got through"
        publisher.send(message)
    while waiter.wait(0.1):
        subscriber.drain()


def received(subscriber: Subscriber[M]) -> M:
    assert Waiter([subscriber]).wait(ARRIVAL_S), "no message came"
    message = subscriber.receive()
    assert message is not None
    return message


def test_a_message_arrives_as_it_was_sent(bus: Bus) -> None:
    publisher, subscriber = bus.publisher(FRAME, "top"), bus.subscriber(FRAME, "top")
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    connect(publisher, subscriber, Frame("top", 0, 1, 1, image))
    publisher.send(Frame("top", 7, 8, 9, image))
    frame = received(subscriber)
    assert (frame.camera, frame.seq, frame.t_capture_ns) == ("top", 7, 8)
    np.testing.assert_array_equal(frame.image, image)
    assert subscriber.newest is frame


def test_nothing_waiting_is_none_at_once(bus: Bus) -> None:
    subscriber = bus.subscriber(DIRECTIVE)
    assert subscriber.receive() is None
    assert subscriber.drain() == []
    assert subscriber.newest is None


def test_a_slow_reader_of_a_newest_only_stream_finds_the_newest(bus: Bus) -> None:
    publisher, subscriber = bus.publisher(DIRECTIVE), bus.subscriber(DIRECTIVE)
    connect(publisher, subscriber, directive(0))
    for seq in range(1, 301):
        publisher.send(directive(seq))
        time.sleep(0.001)
    time.sleep(0.2)
    assert [message.seq for message in subscriber.drain()] == [300]


def test_a_stream_of_which_all_are_kept_keeps_them_in_order(bus: Bus) -> None:
    publisher, subscriber = bus.publisher(ACTION_CHUNK), bus.subscriber(ACTION_CHUNK)
    connect(publisher, subscriber, chunk(0))
    for seq in range(1, 301):
        publisher.send(chunk(seq))
    got: list[int] = []
    while len(got) < 300:
        got.append(received(subscriber).seq)
    assert got == list(range(1, 301))


def test_a_recorder_may_keep_all_of_a_newest_only_stream(bus: Bus) -> None:
    publisher = bus.publisher(DIRECTIVE)
    recorder = bus.subscriber(DIRECTIVE, keep=Keep.ALL)
    connect(publisher, recorder, directive(0))
    for seq in range(1, 21):
        publisher.send(directive(seq))
        time.sleep(0.002)
    assert [received(recorder).seq for _ in range(20)] == list(range(1, 21))


def test_a_reader_that_never_reads_holds_nobody_up(bus: Bus) -> None:
    publisher = bus.publisher(ACTION_CHUNK)
    lazy = bus.subscriber(ACTION_CHUNK)
    connect(publisher, lazy, chunk(0))
    begin = time.monotonic()
    for seq in range(5000):
        publisher.send(chunk(seq))
    assert time.monotonic() - begin < 5.0


def test_instances_of_a_topic_are_streams_apart(bus: Bus) -> None:
    left, right = bus.publisher(FRAME, "left"), bus.publisher(FRAME, "right")
    reader = bus.subscriber(FRAME, "right")
    image = np.zeros((2, 2, 3), np.uint8)
    connect(right, reader, Frame("right", 0, 0, 0, image))
    left.send(Frame("left", 1, 0, 0, image))
    right.send(Frame("right", 2, 0, 0, image))
    assert received(reader).seq == 2


def test_every_array_off_the_wire_is_aligned_and_read_only(bus: Bus) -> None:
    publisher = bus.publisher(JOINT_STATE, "left")
    subscriber = bus.subscriber(JOINT_STATE, "left", Keep.ALL)
    state = JointState(
        arm="left",
        seq=1,
        t_sample_ns=2,
        joints=("a",),
        position=np.ones(1),
        velocity=np.ones(1),
        current=np.empty(0),
        temperature=np.empty(0),
        voltage=np.empty(0),
        age_s=np.empty(0),
        errors=(),
        warnings=(),
        written=np.ones(1),
        t_written_ns=3,
        t_command_ns=4,
        holding="",
    )
    connect(publisher, subscriber, state)
    for _ in range(20):
        publisher.send(state)
        time.sleep(0.002)
    for _ in range(20):
        got = received(subscriber)
        assert got.position.flags.aligned
        assert not got.position.flags.writeable
        np.testing.assert_array_equal(got.position, state.position)


def test_a_reader_survives_the_restart_of_its_writer(bus: Bus) -> None:
    subscriber = bus.subscriber(DIRECTIVE)
    first = bus.publisher(DIRECTIVE)
    connect(first, subscriber, directive(1))
    first.close()
    second = bus.publisher(DIRECTIVE)
    connect(second, subscriber, directive(2))
    assert subscriber.newest is not None
    assert subscriber.newest.seq == 2


def test_a_second_writer_of_a_stream_is_refused_by_name(bus: Bus, tmp_path: Path) -> None:
    bus.publisher(FRAME, "top")
    with (
        Bus(tmp_path / "bus") as other,
        pytest.raises(TransportError, match=r"stream 'frame\.top' already has a writer"),
    ):
        other.publisher(FRAME, "top")


def test_the_name_of_a_writer_that_was_killed_is_free(bus: Bus, tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from messaging.topics import DIRECTIVE\n"
        "from messaging.transport import Bus\n"
        "publisher = Bus(pathlib.Path(sys.argv[1])).publisher(DIRECTIVE)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "bus")], check=False)
    assert killed.returncode == -9
    subscriber, publisher = bus.subscriber(DIRECTIVE), bus.publisher(DIRECTIVE)
    connect(publisher, subscriber, directive(1))


def test_a_message_of_another_type_is_not_sent(bus: Bus) -> None:
    with pytest.raises(TypeError, match="expected Directive, got ActionChunk"):
        bus.publisher(DIRECTIVE).send(chunk(1))  # type: ignore[arg-type] # on purpose


def test_a_message_of_another_version_is_counted_and_named_once(
    bus: Bus, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, subscriber = bus.publisher(DIRECTIVE), bus.subscriber(DIRECTIVE, keep=Keep.ALL)
    connect(publisher, subscriber, directive(0))
    good = codec.encode(directive(2))
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(codec, "encode", lambda _: b"\x00" * 40)
        publisher.send(directive(1))
        publisher.send(directive(1))
        patch.setattr(codec, "encode", lambda _: good)
        publisher.send(directive(2))
        assert Waiter([subscriber]).wait(ARRIVAL_S)
        time.sleep(0.1)
        assert subscriber.drain() == [directive(2)]
    assert subscriber.refused == 2
    assert len([line for line in caplog.messages if line.startswith("directive:")]) == 1


def test_a_path_too_long_for_a_socket_is_refused_and_nothing_stays_open(tmp_path: Path) -> None:
    with Bus(tmp_path / ("long" * 25)) as bus:
        with pytest.raises(TransportError, match="choose a shorter directory"):
            bus.publisher(DIRECTIVE)
        with pytest.raises(TransportError, match="choose a shorter directory"):
            bus.subscriber(DIRECTIVE)


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir()
    (tmp_path / "bus").chmod(0o777)
    with pytest.raises(TransportError, match="other users may write to"):
        Bus(tmp_path / "bus")


def test_the_directory_is_private(bus: Bus, tmp_path: Path) -> None:
    bus.publisher(DIRECTIVE)
    assert (tmp_path / "bus").stat().st_mode & 0o777 == 0o700


def test_closing_takes_the_sockets_away(tmp_path: Path) -> None:
    with Bus(tmp_path / "bus") as bus:
        bus.publisher(DIRECTIVE).send(directive(1))
        bus.subscriber(DIRECTIVE)
    assert [path.suffix for path in (tmp_path / "bus").iterdir()] == [".lock"]


def test_a_waiter_wakes_up_for_messages_and_for_descriptors(bus: Bus) -> None:
    publisher, subscriber = bus.publisher(DIRECTIVE), bus.subscriber(DIRECTIVE)
    connect(publisher, subscriber, directive(0))
    reading, writing = os.pipe()
    waiter = Waiter([subscriber])
    waiter.add(reading)
    begin = time.monotonic()
    assert not waiter.wait(0.05)
    assert time.monotonic() - begin >= 0.05
    publisher.send(directive(1))
    assert waiter.wait(ARRIVAL_S)
    subscriber.drain()
    os.write(writing, b"x")
    assert waiter.wait(ARRIVAL_S)
    waiter.remove(reading)
    assert not waiter.wait(0.0)
    os.close(reading)
    os.close(writing)


def test_a_stream_with_instances_needs_one_and_a_stream_without_has_none() -> None:
    assert FRAME.stream("top") == "frame.top"
    assert FRAME.writer_of("top") == "camera.top"
    with pytest.raises(ValueError, match="'frame' is one for each camera"):
        FRAME.stream()
    with pytest.raises(ValueError, match="'joint_command' is one in all, got 'left'"):
        JOINT_COMMAND.stream("left")


def test_topics_have_names_and_message_types_of_their_own() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert len({topic.message for topic in TOPICS}) == len(TOPICS)


def test_a_stream_is_stale_after_five_of_its_periods() -> None:
    assert JOINT_STATE.stale_after_ns == 50_000_000
