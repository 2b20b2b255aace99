"""What goes over the wire at every tick, laid out once: goals, a question, its whole answer."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from fastcrc.crc16 import umts as crc16

from drivers.dynamixel import packets
from drivers.dynamixel.packets import BROADCAST, HEADER, LOOKALIKE, Instruction, Packet
from drivers.dynamixel.registers import GOAL_POSITION

Part = tuple[int, int, bytes]  # of an answer: which servo says it, its error byte, its data

_HEAD: Final = struct.Struct("<4sBHB")  # header, id, length, instruction
_ADDRESSED: Final = struct.Struct("<4sBHBHH")  # the same, address and length of the data
_CRC: Final = struct.Struct("<H")
_STATUS_BYTES: Final = 11  # of a status without data
_FAST_BYTES: Final = 8  # of a common answer without anybody's part
_FAST_PART_BYTES: Final = 4  # of one servo's part, without data
_GOAL: Final = "Bi"  # id, Goal_Position


class Goals:
    """The packets that set Goal_Position of the same servos again and again."""

    def __init__(self, servos: Sequence[int]) -> None:
        """Lay out the packets to `servos`."""
        self._servos = tuple(servos)
        self._body = struct.Struct("<" + _GOAL * len(servos))
        length = _ADDRESSED.size - _HEAD.size + self._body.size + 3  # with instruction and CRC
        self._head = _ADDRESSED.pack(
            *(HEADER, BROADCAST, length, Instruction.SYNC_WRITE),
            *(GOAL_POSITION.address, GOAL_POSITION.size),
        )
        self._told = [number for servo in servos for number in (servo, 0)]

    def packet(self, ticks: Sequence[int]) -> bytes:
        """Return the packet with a goal for each servo, in their order."""
        self._told[1::2] = ticks
        frame = self._head + self._body.pack(*self._told)
        if frame.count(LOOKALIKE) > 1:  # it has to be stuffed
            values = map(GOAL_POSITION.packed, ticks)
            goals = dict(zip(self._servos, values, strict=True))
            return packets.sync_write(GOAL_POSITION.address, goals)
        return frame + _CRC.pack(crc16(frame))


class Question:
    """One sync read: the same bytes of several servos, who answer one after the other.

    Attributes:
        request: the packet that asks.
        servos: in the order in which they answer.
        answer_bytes: on the line, all answers together.
    """

    def __init__(self, address: int, length: int, servos: Sequence[int]) -> None:
        """Lay out the question for `length` bytes at `address`."""
        self.request = packets.sync_read(address, length, servos)
        self.servos = tuple(servos)
        size = _STATUS_BYTES + length
        self.answer_bytes = len(servos) * size
        self._length = length
        self._status = struct.Struct(f"<{_HEAD.size}sB{length}sH")
        self._frames = [
            (servo, _HEAD.pack(HEADER, servo, length + 4, Instruction.STATUS), start, end)
            for servo, start in zip(servos, range(0, self.answer_bytes, size), strict=True)
            for end in (start + size - _CRC.size,)
        ]

    def whole(self, data: bytes) -> list[Part]:
        """Return what all servos say if `data` is just that, undamaged; nothing otherwise."""
        # Whatever is not so plain, such as a stuffed byte, is left to the reader of any bytes.
        if len(data) != self.answer_bytes or data.count(LOOKALIKE) != len(self.servos):
            return []
        parts = []
        for (servo, expected, start, end), (head, error, said, crc) in zip(
            self._frames, self._status.iter_unpack(data), strict=True
        ):
            if head != expected or crc16(data[start:end]) != crc:
                return []
            parts.append((servo, error, said))
        return parts

    def parts(self, packet: Packet) -> list[Part]:
        """Return what a status says in answer to the question, nothing if it is to another one."""
        wanted = packet.id in self.servos and len(packet.data) == self._length
        return [(packet.id, packet.error, packet.data)] if wanted else []


class FastQuestion:
    """One fast sync read: all servos build one answer together. As `Question`."""

    def __init__(self, address: int, length: int, servos: Sequence[int]) -> None:
        """Lay out the question for `length` bytes at `address`."""
        self.request = packets.fast_sync_read(address, length, servos)
        self.servos = tuple(servos)
        self.answer_bytes = _FAST_BYTES + len(servos) * (_FAST_PART_BYTES + length)
        self._length = length

    def whole(self, data: bytes) -> list[Part]:  # noqa: ARG002 - as Question
        """Leave everything to the reader of any bytes."""
        return []

    def parts(self, packet: Packet) -> list[Part]:
        """Return what a status says in answer to the question, nothing if it is to another one."""
        said = packets.fast_answers(packet, self._length)
        return [part for part in said if part[0] in self.servos]
