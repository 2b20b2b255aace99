"""The codec: every message survives the journey, nothing else is let in."""

import struct
import tracemalloc
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any, get_args, get_origin, get_type_hints

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from messaging import codec
from messaging.codec import CodecError, VersionError, decode, encode
from messaging.messages import (
    ActionChunk,
    Directive,
    Frame,
    Heartbeat,
    JointCommand,
    Layout,
    Message,
    TaskState,
)

TYPES: tuple[type[Message], ...] = get_args(Message)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(),
    str: st.text(max_size=20),
    bool: st.booleans(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    layout = next((part for part in get_args(hint) if isinstance(part, Layout)), None)
    if layout:
        shapes = st.one_of(
            [
                st_np.array_shapes(min_dims=rank, max_dims=rank, min_side=0, max_side=5)
                for rank in layout.ranks
            ]
        )
        return st_np.arrays(layout.dtype, shapes)
    if get_origin(hint) is tuple:
        return st.lists(SCALARS[str], max_size=5).map(tuple)
    if get_origin(hint) is dict:
        return st.dictionaries(SCALARS[str], SCALARS[get_args(hint)[1]], max_size=5)
    return SCALARS[hint]


def messages_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{part.name: values(hints[part.name]) for part in fields(kind)})


MESSAGES = st.one_of([messages_of(kind) for kind in TYPES])


def command(position: np.ndarray[Any, Any] | None = None) -> JointCommand:
    given_position = np.arange(2.0) if position is None else position
    return JointCommand(1, 2, 3, ("a", "b"), given_position)


def forged(kind: str, version: int, fields_: object, tail: bytes = b"") -> bytes:
    header: bytes = msgpack.packb([kind, version, fields_])
    data = struct.pack("<I", len(header)) + header
    return data + bytes(-len(data) % 8) + tail if tail else data


def version_of(message: Message) -> int:
    data = encode(message)
    (length,) = struct.unpack_from("<I", data)
    version = msgpack.unpackb(data[4 : 4 + length])[1]
    assert isinstance(version, int)
    return version


@given(MESSAGES)
def test_every_message_comes_back_as_it_was(message: Message) -> None:
    back = decode(encode(message), type(message))
    for part in fields(message):
        sent, received = getattr(message, part.name), getattr(back, part.name)
        if isinstance(sent, np.ndarray):
            assert received.dtype == sent.dtype
            assert received.shape == sent.shape
            np.testing.assert_array_equal(received, sent)
        else:
            assert repr(received) == repr(sent)  # NaN is not equal to itself


@given(MESSAGES)
def test_arrays_arrive_read_only_and_aligned(message: Message) -> None:
    back = decode(encode(message), type(message))
    for part in fields(back):
        value = getattr(back, part.name)
        if isinstance(value, np.ndarray):
            assert value.flags.aligned
            assert not value.flags.writeable


def test_an_image_is_a_view_of_the_received_bytes() -> None:
    data = encode(Frame("top", 1, 2, 3, np.ones((48, 64, 3), np.uint8)))
    assert np.shares_memory(decode(data, Frame).image, np.frombuffer(data, np.uint8))


def test_an_image_is_pixels_or_a_file_and_nothing_else() -> None:
    file = Frame("top", 1, 2, 3, np.arange(9, dtype=np.uint8))
    np.testing.assert_array_equal(decode(encode(file), Frame).image, file.image)
    with pytest.raises(CodecError, match=r"expected 1 or 3 dimensions, got shape \(2, 2\)"):
        encode(Frame("top", 1, 2, 3, np.zeros((2, 2), np.uint8)))


def test_arrays_of_a_buffer_at_an_odd_address_are_aligned_all_the_same() -> None:
    data = encode(command())
    odd = memoryview(b"x" + data)[1:]
    assert decode(odd, JointCommand).position.flags.aligned
    np.testing.assert_array_equal(decode(odd, JointCommand).position, [0.0, 1.0])


@pytest.mark.parametrize("joints", [np.array(["a", "b"]), "ab", [1, 2], ["a", b"b"]])
def test_texts_that_are_none_are_refused_by_name(joints: Any) -> None:
    encode(command())  # what is remembered of the right ones lets nothing else pass
    with pytest.raises(CodecError, match=r"JointCommand\.joints"):
        encode(replace(command(), joints=joints))


def test_an_array_that_is_not_contiguous_is_sent_by_value() -> None:
    position = np.arange(6.0)[::-3]
    np.testing.assert_array_equal(
        decode(encode(command(position)), JointCommand).position, position
    )


@given(MESSAGES, st.data())
def test_a_truncated_message_is_refused(message: Message, data: st.DataObject) -> None:
    sent = encode(message)
    cut = data.draw(st.integers(0, len(sent) - 1))
    with pytest.raises(CodecError):
        decode(sent[:cut], type(message))


@settings(max_examples=300)
@given(MESSAGES, st.data())
def test_corrupted_bytes_raise_nothing_but_codec_errors(
    message: Message, data: st.DataObject
) -> None:
    sent = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    with suppress(CodecError):
        decode(bytes(sent), type(message))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(TYPES))
def test_foreign_bytes_are_refused(foreign: bytes, kind: type[Message]) -> None:
    with pytest.raises(CodecError):
        decode(foreign, kind)
    with pytest.raises(CodecError):
        decode(struct.pack("<I", len(foreign)) + foreign, kind)


@pytest.mark.parametrize("shape", [[2**62], [-1], [True], [1.0], "2", [], [2, 2], None, [2**63]])
def test_a_forged_shape_is_refused(shape: object) -> None:
    data = forged("JointCommand", version_of(command()), [1, 2, 3, ["a"], shape, 4], bytes(16))
    with pytest.raises(CodecError, match="position"):
        decode(data, JointCommand)


def test_an_empty_array_with_a_giant_side_is_refused() -> None:
    chunk = ActionChunk("p", 1, 2, 0.0, 3, 4, (), np.empty((0, 2)), {})
    given_fields = ["p", 1, 2, 0.0, 3, 4, [], [0, 2**62], {}]
    with pytest.raises(CodecError, match="extents"):
        decode(forged("ActionChunk", version_of(chunk), given_fields), ActionChunk)


@pytest.mark.parametrize("opening", [b"\xdd\x03\xff\xff\xff", b"\xdf\x03\xff\xff\xff", b"\x91"])
def test_a_forged_header_allocates_no_memory_to_speak_of(opening: bytes) -> None:
    forgery = opening * 2000 + bytes(4_000_000)
    data = struct.pack("<I", len(forgery)) + forgery
    tracemalloc.start()
    try:
        with pytest.raises(CodecError):
            decode(data, Directive)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(CodecError, match="3 bytes too many"):
        decode(encode(command()) + b"abc", JointCommand)


def test_a_message_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(VersionError, match="expected a Directive, got 'JointCommand'"):
        decode(encode(command()), Directive)


def test_a_message_of_another_version_is_refused_by_name() -> None:
    data = forged("TaskState", 12345, [1, 2, 3, True])
    with pytest.raises(VersionError, match="TaskState of version 12345 refused"):
        decode(data, TaskState)


def test_no_two_message_types_have_the_same_version() -> None:
    assert len({schema.version for schema in codec._SCHEMAS.values()}) == len(TYPES)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (np.arange(2, dtype=np.float32), "expected an array of <f8, got <f4"),
        (np.arange(2), "expected an array of <f8, got <i8"),
        (np.zeros((2, 2)), "expected 1 dimensions, got shape"),
        ([0.0, 1.0], "expected an array of <f8, got list"),
    ],
)
def test_an_array_of_another_layout_is_not_sent(wrong: Any, complaint: str) -> None:
    with pytest.raises(CodecError, match=f"JointCommand.position: {complaint}"):
        encode(command(wrong))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seq": 1.5}, "Directive.seq: expected int, got 1.5"),
        ({"seq": True}, "Directive.seq: expected int, got True"),
        ({"seq": np.int64(1)}, "Directive.seq: expected int, got numpy's int64"),
        ({"seq": 2**64}, "Directive: cannot be written"),
        ({"mode": b"run"}, "Directive.mode: expected str"),
        ({"mode": "\ud800"}, "Directive: cannot be written"),
    ],
)
def test_a_value_of_another_type_is_not_sent(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CodecError, match=complaint):
        encode(replace(Directive(1, "run", 1, "hand over"), **change))


def test_a_whole_number_in_a_float_field_arrives_as_a_float() -> None:
    sent = Heartbeat("p", 1, 2, True, 3, rate_hz=100, late_ms=0, age_ms=0)
    assert type(decode(encode(sent), Heartbeat).rate_hz) is float


def test_more_entries_than_any_reader_takes_are_not_sent() -> None:
    counters = {str(i): i for i in range(1001)}
    with pytest.raises(CodecError, match="expected a mapping of at most 1000"):
        encode(Heartbeat("p", 1, 2, True, 3, 0.0, 0.0, 0.0, counters))


def test_a_message_beyond_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(CodecError, match="exceeds 1000"):
        encode(command(np.zeros(1000)))
