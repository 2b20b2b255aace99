"""The codec: the manual's own examples, any packet, any cut, any garbage."""

import random
from collections.abc import Iterator

import pytest
from fastcrc.crc16 import umts as crc16
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.packets import (
    BROADCAST,
    MOST_BYTES,
    Instruction,
    Packet,
    PacketReader,
    bulk_read,
    encoded,
    fast_answers,
    fast_status,
    ping,
    read,
    reboot,
    status,
    sync_read,
    sync_write,
    write,
)

POSITION_166 = bytes.fromhex("A6 00 00 00")
POSITION_2079 = bytes.fromhex("1F 08 00 00")
POSITION_1023 = bytes.fromhex("FF 03 00 00")
MANUAL = {  # ROBOTIS e-manual, "DYNAMIXEL Protocol 2.0", the examples
    "ping": (ping(1), "FFFFFD00 01 0300 01 194E"),
    "ping answer": (status(1, 0, bytes.fromhex("060426")), "FFFFFD00 01 0700 55 00 060426 655D"),
    "ping everybody": (ping(BROADCAST), "FFFFFD00 FE 0300 01 3142"),
    "ping second answer": (
        status(2, 0, bytes.fromhex("060426")),
        "FFFFFD00 02 0700 55 00 060426 6F6D",
    ),
    "read": (read(1, 132, 4), "FFFFFD00 01 0700 02 84000400 1D15"),
    "read answer": (status(1, 0, POSITION_166), "FFFFFD00 01 0800 55 00 A6000000 8CC0"),
    "write": (
        write(1, 116, (512).to_bytes(4, "little")),
        "FFFFFD00 01 0900 03 7400 00020000 CA89",
    ),
    "write answer": (status(1, 0), "FFFFFD00 01 0400 55 00 A10C"),
    "reg write": (
        encoded(Packet(1, Instruction.REG_WRITE, bytes.fromhex("6800 C8000000"))),
        "FFFFFD00 01 0900 04 6800 C8000000 AE8E",
    ),
    "action": (encoded(Packet(1, Instruction.ACTION, b"")), "FFFFFD00 01 0300 05 02CE"),
    "factory reset": (
        encoded(Packet(1, Instruction.FACTORY_RESET, b"\x01")),
        "FFFFFD00 01 0400 06 01 A1E6",
    ),
    "reboot": (reboot(1), "FFFFFD00 01 0300 08 2F4E"),
    "clear": (
        encoded(Packet(1, Instruction.CLEAR, bytes.fromhex("01 44584C22"))),
        "FFFFFD00 01 0800 10 01 44584C22 B1DC",
    ),
    "sync read": (sync_read(132, 4, (1, 2)), "FFFFFD00 FE 0900 82 84000400 0102 CEFA"),
    "sync read second answer": (
        status(2, 0, POSITION_2079),
        "FFFFFD00 02 0800 55 00 1F080000 BABE",
    ),
    "sync write": (
        sync_write(116, {1: bytes.fromhex("96000000"), 2: bytes.fromhex("AA000000")}),
        "FFFFFD00 FE 1100 83 74000400 01 96000000 02 AA000000 8287",
    ),
    "fast sync read answer": (
        fast_status([(3, 0, POSITION_166), (7, 0, POSITION_2079), (4, 0, POSITION_1023)]),
        "FFFFFD00 FE 1900 55 00 03 A6000000 8408 00 07 1F080000 16CA 00 04 FF030000 D19E",
    ),
    "bulk read": (
        bulk_read([(1, 144, 2), (2, 146, 1)]),
        "FFFFFD00 FE 0D00 92 01 9000 0200 02 9200 0100 1A05",
    ),
    "bulk read first answer": (status(1, 0, b"\x77\x00"), "FFFFFD00 01 0600 55 00 7700 C369"),
    "bulk read second answer": (status(2, 0, b"\x24"), "FFFFFD00 02 0500 55 00 24 8BA9"),
    "bulk write": (
        encoded(
            Packet(
                BROADCAST, Instruction.BULK_WRITE, bytes.fromhex("01 20000200 A000 02 1F000100 50")
            )
        ),
        "FFFFFD00 FE 1000 93 01 20000200 A000 02 1F000100 50 B768",
    ),
}
# What is hard to tell from a header or from stuffing comes often.
TRICKY = st.lists(st.sampled_from([b"\xff", b"\xfd", b"\x00", b"\x55", b"\x07"])).map(b"".join)
PARAMS = st.one_of(st.binary(max_size=200), TRICKY)
PACKETS = st.builds(
    Packet,
    id=st.integers(0, 0xFE),
    instruction=st.integers(0, 0xFF),
    params=PARAMS,
).filter(lambda packet: packet.instruction != Instruction.STATUS or packet.params != b"")


@pytest.mark.parametrize("name", MANUAL)
def test_the_manuals_examples_are_encoded_byte_for_byte(name: str) -> None:
    ours, expected = MANUAL[name]
    assert ours == bytes.fromhex(expected)


@pytest.mark.parametrize("name", MANUAL)
def test_the_manuals_examples_are_understood(name: str) -> None:
    frame = bytes.fromhex(MANUAL[name][1])
    (packet,) = PacketReader().feed(frame)
    assert encoded(packet) == frame


def test_a_fast_answer_is_taken_apart() -> None:
    answers = [(3, 0, POSITION_166), (7, 0x80, POSITION_2079), (4, 0, b"\xff\xff\xfd\x00")]
    (packet,) = PacketReader().feed(fast_status(answers))
    assert fast_answers(packet, 4) == answers


def test_what_is_no_fast_answer_of_that_length_yields_nothing() -> None:
    (fast,) = PacketReader().feed(fast_status([(3, 0, POSITION_166)]))
    (plain,) = PacketReader().feed(status(3, 0, POSITION_166))
    assert fast_answers(fast, 3) == []
    assert fast_answers(plain, 4) == []


def test_current_minus_one_and_velocity_minus_three_are_stuffed_and_unstuffed() -> None:
    data = (-1).to_bytes(2, "little", signed=True) + (-3).to_bytes(4, "little", signed=True)
    frame = status(1, 0, data)
    assert b"\xff\xff\xfd\xfd\xff\xff\xff" in frame
    (packet,) = PacketReader().feed(frame)
    assert packet.data == data


@given(PACKETS)
def test_every_packet_survives_the_journey(packet: Packet) -> None:
    assert PacketReader().feed(encoded(packet)) == [packet]


@given(PACKETS)
def test_no_packet_but_a_fast_answer_contains_a_header(packet: Packet) -> None:
    if (packet.id, packet.instruction) != (BROADCAST, Instruction.STATUS):
        assert b"\xff\xff\xfd\x00" not in encoded(packet)[7:-2]


@given(st.lists(st.one_of(PACKETS, PARAMS), max_size=8), st.randoms(use_true_random=False))
def test_it_does_not_matter_how_a_stream_is_cut(
    parts: list[Packet | bytes], rng: random.Random
) -> None:
    stream = b"".join(part if isinstance(part, bytes) else encoded(part) for part in parts)
    whole, cut = PacketReader(), PacketReader()
    expected = whole.feed(stream)
    assert [packet for piece in cuts(stream, rng, 9) for packet in cut.feed(piece)] == expected
    assert cut.corrupt == whole.corrupt


def test_a_packet_behind_garbage_and_half_a_header_is_found() -> None:
    reader = PacketReader()
    frame = status(1, 0, POSITION_166)
    assert len(reader.feed(b"\x00\xff\xff\xfd\xff\xff" + frame)) == 1
    assert reader.corrupt == 0


@pytest.mark.parametrize("length", [0, 1, 2, 9, 40, MOST_BYTES, MOST_BYTES + 1, 0xFFFF])
def test_a_wrong_length_does_not_swallow_the_packets_behind_it(length: int) -> None:
    broken = bytearray(status(1, 0, POSITION_166))
    broken[5:7] = length.to_bytes(2, "little")
    reader = PacketReader()
    found = reader.feed(bytes(broken) + status(2, 0, b"\x01") + status(3, 0, b"\x02"))
    assert [packet.id for packet in found] == [2, 3]
    assert reader.corrupt == 1


def test_a_flipped_bit_costs_one_packet_and_is_counted() -> None:
    frame = status(1, 0, POSITION_166)
    for place in range(4, len(frame)):
        broken = bytearray(frame)
        broken[place] ^= 0x10
        reader = PacketReader()
        found = reader.feed(bytes(broken) + frame + bytes(MOST_BYTES))
        assert [packet.id for packet in found] == [1]
        assert reader.corrupt == 1


def test_a_status_without_its_error_byte_is_corrupt() -> None:
    reader = PacketReader()
    assert reader.feed(encoded(Packet(1, Instruction.STATUS, b""))) == []
    assert reader.corrupt == 1


@pytest.mark.parametrize("body", [b"\x02\xff\xff\xfd\x00", bytes(MOST_BYTES)])
def test_what_no_sender_may_send_is_refused_however_it_is_cut(body: bytes) -> None:
    """An unstuffed header and a length beyond the limit, each with a fitting CRC."""
    frame = b"\xff\xff\xfd\x00\x01" + (len(body) + 2).to_bytes(2, "little") + body
    frame += crc16(frame).to_bytes(2, "little") + bytes(MOST_BYTES)
    whole, cut = PacketReader(), PacketReader()
    assert whole.feed(frame) == []
    assert [packet for byte in frame for packet in cut.feed(bytes((byte,)))] == []
    assert whole.corrupt == cut.corrupt >= 1


def test_a_cleared_reader_forgets_what_had_begun() -> None:
    reader = PacketReader()
    frame = status(1, 0, POSITION_166)
    reader.feed(frame[:-1])
    reader.clear()
    assert reader.feed(frame[-1:]) == []


def test_a_packet_too_long_for_a_servo_is_refused() -> None:
    with pytest.raises(ValueError, match="1027 exceeds 1024"):
        write(1, 0, bytes(MOST_BYTES - 2))


def test_a_sync_write_of_unequal_values_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one length, got lengths \[2, 4\]"):
        sync_write(116, {1: bytes(4), 2: bytes(2)})


def test_a_million_frames_half_of_them_damaged_are_never_misread() -> None:
    fuzz(1_000_000, seed=2)


def cuts(stream: bytes, rng: random.Random, longest: int) -> Iterator[bytes]:
    place = 0
    while place < len(stream):
        size = rng.randint(1, longest)
        yield stream[place : place + size]
        place += size


def fuzz(count: int, seed: int) -> None:
    """Read damaged frames in batches; what is found was sent, or is there byte for byte."""
    rng = random.Random(seed)
    pool = [
        Packet(rng.randrange(253), rng.choice(list(Instruction)), rng.randbytes(rng.randint(1, 24)))
        for _ in range(500)
    ]
    frames = [encoded(packet) for packet in pool]
    packets_of = dict(zip(frames, pool, strict=True))
    intact = found_intact = 0
    for _ in range(count // 1000):
        chosen = rng.choices(frames, k=1000)
        unharmed = [packets_of[frame] for frame in chosen[::2]]
        chosen[1::2] = [damaged(frame, rng) for frame in chosen[1::2]]
        stream = b"".join(chosen) + bytes(MOST_BYTES)
        reader = PacketReader()
        found = [packet for piece in cuts(stream, rng, 400) for packet in reader.feed(piece)]
        sent = set(unharmed)
        for packet in found:
            assert packet in sent or encoded(packet) in stream
        intact += len(unharmed)
        found_intact += sum(packet in sent for packet in found)
    # One that lost its last byte, 255, takes the first of its neighbour for it.
    assert found_intact >= intact * 0.998


def damaged(frame: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(frame))
    match rng.randrange(5):
        case 0:
            return (
                frame[:place] + bytes((frame[place] ^ 1 << rng.randrange(8),)) + frame[place + 1 :]
            )
        case 1:
            return frame[:place] + frame[place + 1 :]
        case 2:
            return frame[:place]
        case 3:
            return frame[:5] + rng.randbytes(2) + frame[7:]
        case _:
            return frame[:place] + rng.choice(
                [b"\xff\xff\xfd", b"\xff\xff\xfd\x00\xfe\xff\x03\x55"]
            )
