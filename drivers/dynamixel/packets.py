"""Dynamixel Protocol 2.0: packets to bytes and back.

A packet is `FF FF FD 00 | id | length (2) | instruction | parameters | CRC-16 (2)`, little-endian;
the length counts all that follows it. Within instruction and parameters `FF FF FD` is sent as
`FF FF FD FD`, so that no data looks like a header; only the common answer to a fast read, a status
from the broadcast id, is sent as it is. Source: ROBOTIS e-manual, "DYNAMIXEL Protocol 2.0".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from fastcrc.crc16 import umts as crc16

BROADCAST = 0xFE
MOST_BYTES = 1024  # of the length field: what a servo's buffer takes

HEADER = b"\xff\xff\xfd\x00"
_START = 7  # header, id and length: where the instruction stands
_CRC_BYTES = 2
LOOKALIKE = b"\xff\xff\xfd"
_STUFFED = b"\xff\xff\xfd\xfd"
_WORD = struct.Struct("<H")
_STATUS = struct.Struct("<4sBHBB")  # up to the error byte


class Instruction(IntEnum):
    """What a packet asks for; STATUS is the answer to all of them."""

    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    FACTORY_RESET = 0x06
    REBOOT = 0x08
    CLEAR = 0x10
    STATUS = 0x55
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83
    FAST_SYNC_READ = 0x8A
    BULK_READ = 0x92
    BULK_WRITE = 0x93
    FAST_BULK_READ = 0x9A


_STATUS_BYTE = bytes((Instruction.STATUS,))
_INCOMPLETE = (b"", _STATUS_BYTE)  # a status has at least an error byte


class Packet(NamedTuple):
    """One packet, its parameters unstuffed; those of a status begin with the error byte."""

    id: int
    instruction: int
    params: bytes

    @property
    def error(self) -> int:
        """Error byte of a status packet: bit 7 is the alert, the rest why it was refused."""
        return self.params[0]

    @property
    def data(self) -> bytes:
        """What a status packet carries."""
        return self.params[1:]


def encoded(packet: Packet) -> bytes:
    """Return `packet` as it goes over the wire: header, stuffing, CRC."""
    body = bytes((packet.instruction,)) + packet.params
    if not _is_fast_answer(packet.id, packet.instruction):
        body = body.replace(LOOKALIKE, _STUFFED)
    length = len(body) + _CRC_BYTES
    if length > MOST_BYTES:
        raise ValueError(f"a packet of length {length} exceeds {MOST_BYTES}; ask for less at once")
    frame = b"".join((HEADER, bytes((packet.id,)), _WORD.pack(length), body))
    return frame + _WORD.pack(crc16(frame))


def ping(id: int) -> bytes:  # noqa: A002 - the protocol's own word
    """Ask a servo, or by BROADCAST all of them, for model and firmware."""
    return encoded(Packet(id, Instruction.PING, b""))


def read(id: int, address: int, length: int) -> bytes:  # noqa: A002
    """Ask a servo for `length` bytes of its control table."""
    return encoded(Packet(id, Instruction.READ, struct.pack("<HH", address, length)))


def write(id: int, address: int, data: bytes) -> bytes:  # noqa: A002
    """Write `data` into the control table of a servo."""
    return encoded(Packet(id, Instruction.WRITE, _WORD.pack(address) + data))


def reboot(id: int) -> bytes:  # noqa: A002
    """Restart a servo, which clears its latched errors and switches its torque off."""
    return encoded(Packet(id, Instruction.REBOOT, b""))


def sync_read(address: int, length: int, ids: Sequence[int]) -> bytes:
    """Ask servos for the same bytes; they answer one after the other in the order of `ids`."""
    return _for_all(Instruction.SYNC_READ, address, length, bytes(ids))


def fast_sync_read(address: int, length: int, ids: Sequence[int]) -> bytes:
    """As `sync_read`, but the servos build one common answer (firmware 45 and later)."""
    return _for_all(Instruction.FAST_SYNC_READ, address, length, bytes(ids))


def sync_write(address: int, values: Mapping[int, bytes]) -> bytes:
    """Write equally long `values` by id at the same address; nobody answers."""
    lengths = {len(data) for data in values.values()}
    if len(lengths) != 1:
        raise ValueError(f"want values of one length, got lengths {sorted(lengths)}")
    body = b"".join(bytes((servo,)) + data for servo, data in values.items())
    return _for_all(Instruction.SYNC_WRITE, address, lengths.pop(), body)


def bulk_read(requests: Iterable[tuple[int, int, int]]) -> bytes:
    """Ask servos for different bytes: (id, address, length) each."""
    body = b"".join(struct.pack("<BHH", *request) for request in requests)
    return encoded(Packet(BROADCAST, Instruction.BULK_READ, body))


def status(id: int, error: int, data: bytes = b"") -> bytes:  # noqa: A002
    """Answer as the servo `id`."""
    frame = _STATUS.pack(HEADER, id, len(data) + 4, Instruction.STATUS, error) + data
    if frame.count(LOOKALIKE) > 1 or len(data) + 4 > MOST_BYTES:
        return encoded(Packet(id, Instruction.STATUS, frame[_START + 1 :]))
    return frame + _WORD.pack(crc16(frame))


def fast_status(answers: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Answer a fast read as the servos (id, error, data), each with the CRC of all before it."""
    length = 1 + sum(len(data) + 2 + _CRC_BYTES for _, _, data in answers)
    frame = HEADER + bytes((BROADCAST,)) + _WORD.pack(length) + _STATUS_BYTE
    for servo, error, data in answers:
        frame += bytes((error, servo)) + data
        frame += _WORD.pack(crc16(frame))
    return frame


def fast_answers(packet: Packet, length: int) -> list[tuple[int, int, bytes]]:
    """Return (id, error, data) of every servo in the common answer to a fast read.

    Empty if `packet` is no such answer with `length` bytes from each servo.
    """
    stride = length + 2 + _CRC_BYTES
    params = packet.params  # without the last CRC, which is the packet's own
    if not _is_fast_answer(packet.id, packet.instruction) or (len(params) + _CRC_BYTES) % stride:
        return []
    return [
        (params[start + 1], params[start], params[start + 2 : start + 2 + length])
        for start in range(0, len(params), stride)
    ]


class PacketReader:
    """Finds packets in a stream of bytes, however it is cut and whatever lies between them.

    Attributes:
        corrupt: how many headers led to no packet: length or CRC were wrong.
    """

    def __init__(self) -> None:
        self.corrupt = 0
        self._pending = b""

    def feed(self, data: bytes) -> list[Packet]:
        """Take the next bytes of the stream; return the packets that they complete."""
        stream = self._pending + data
        packets: list[Packet] = []
        position = 0
        while True:
            start = stream.find(HEADER, position)
            if start < 0:  # the beginning of a header may be the end of the stream
                rest = max(position, len(stream) - len(HEADER) + 1)
                break
            if len(stream) < start + _START:
                rest = start
                break
            end = start + _START + (stream[start + 5] | stream[start + 6] << 8)
            if end > len(stream) and _may_continue(stream, start, end):
                rest = start
                break
            if packet := _decoded(stream, start, end):
                packets.append(packet)
                position = end
            else:
                self.corrupt += 1
                position = start + len(HEADER)  # a wrong length must not swallow what follows
        self._pending = stream[rest:]
        return packets

    def clear(self) -> None:
        """Forget the packet that has only begun."""
        self._pending = b""


def _may_continue(stream: bytes, start: int, end: int) -> bool:
    """Return whether the rest of a packet in [start, end) can still come."""
    if end > start + _START + MOST_BYTES:
        return False
    body = start + _START
    if stream[start + 4] == BROADCAST and stream[body : body + 1] == _STATUS_BYTE:
        return True
    # Without this, a wrong length would withhold the packets behind it until as many bytes came.
    return stream.find(HEADER, body, end - _CRC_BYTES) < 0


def _decoded(stream: bytes, start: int, end: int) -> Packet | None:
    if end > len(stream):
        return None
    tail = end - _CRC_BYTES
    body = stream[start + _START : tail]
    if body in _INCOMPLETE or end > start + _START + MOST_BYTES:
        return None
    if crc16(stream[start:tail]) != stream[tail] | stream[tail + 1] << 8:
        return None
    servo = stream[start + 4]
    if body.find(LOOKALIKE) >= 0 and not _is_fast_answer(servo, body[0]):
        if body.find(HEADER) >= 0:
            return None  # stuffing keeps headers out of packets: this one broke off
        body = body.replace(_STUFFED, LOOKALIKE)
    return Packet(servo, body[0], body[1:])


def _is_fast_answer(servo: int, instruction: int) -> bool:
    return servo == BROADCAST and instruction == Instruction.STATUS


def _for_all(instruction: Instruction, address: int, length: int, body: bytes) -> bytes:
    return encoded(Packet(BROADCAST, instruction, struct.pack("<HH", address, length) + body))
