"""A serial bus of emulated servos, seen from the host's end."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import (
    BROADCAST,
    MOST_BYTES,
    Instruction,
    Packet,
    PacketReader,
    fast_status,
    read,
    status,
)
from simulation.servos.adapter import Adapter, Link
from simulation.servos.faults import Faults
from simulation.servos.plant import Plant
from simulation.servos.servo import Answer, Servo

FAST_EXTRA_BYTES: Final = 4  # error, id and CRC of each part of a fast answer
TURNAROUND_NS: Final = 25_000
RETURN_DELAY_NS: Final = 2_000  # a unit of Return_Delay_Time
# How often the servos look after themselves: one that goes on by itself often, one that does not
# seldom, and when the host speaks or listens anyway, but for the latest moment.
TICK_NS: Final = 10_000_000
CALM_NS: Final = 20_000_000
LATEST_NS: Final = 30_000_000
SUPPLY_V: Final = 12.0
SUPPLY_OHM: Final = 0.08  # of supply and cables: ten amperes cost 0.8 V

_READING: Final = (Instruction.SYNC_READ, Instruction.BULK_READ)
_FAST_READING: Final = (Instruction.FAST_SYNC_READ, Instruction.FAST_BULK_READ)
_WRITING: Final = (Instruction.SYNC_WRITE, Instruction.BULK_WRITE)

Request = tuple[int, int, int]  # id, address, length


class Line:
    """One bus with its servos. Give it what the host writes, and take what is due.

    An instruction is executed when its bytes are received; what is paced is the way of the answers.
    Garbled instructions are ignored. A baud rate that differs from the host's is not modelled.

    Attributes:
        servos: by the ids that they answer to.
        faults: what goes wrong; set it at any time.
    """

    def __init__(
        self,
        servos: Iterable[Servo],
        plant: Plant,
        link: Link | None = None,
    ) -> None:
        """Connect servos that have power from the first call on.

        Args:
            servos: of the bus.
            plant: what they move.
            link: to the host; an adapter at 1 Mbit/s if None.
        """
        self._all = list(servos)
        self._plant = plant
        self._link = link or Adapter(1_000_000)
        self._reader = PacketReader()
        self._powered = False
        self._tick_ns: int | None = None  # when the servos looked after themselves
        self._heard_ns = 0
        self._chatter_ns = 0
        self._by_shaft = {servo.motor.shaft: servo for servo in self._all}
        self.faults = Faults(self._by_shaft)
        self._take_stock()
        if len(self.servos) < len(self._all):
            ids = sorted(servo.id for servo in self._all)
            raise ValueError(f"want servos with different ids, got {ids}")
        for servo in self._all:
            servo.mount(plant)

    def _take_stock(self) -> None:
        """Find out who obeys which id now, and whether somebody goes on by himself."""
        self.servos: dict[int, Servo] = {servo.id: servo for servo in self._all}
        self._shadows: dict[int, list[Servo]] = {}
        for servo in self._all:
            if (secondary := servo.secondary) is not None:
                self._shadows.setdefault(secondary, []).append(servo)
        self._restless = any(servo.restless for servo in self._all)

    # -- the host's end ----------------------------------------------------------------------

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes that the host wrote."""
        self._advance(now_ns)
        self._link.write(len(data), now_ns)
        for packet in self._reader.feed(data):
            self._hear(packet, now_ns)

    def due(self, now_ns: int) -> bytes:
        """Return what has reached the host since the last call; also lets the servos live."""
        self._advance(now_ns)
        return self._link.due(now_ns)

    @property
    def next_ns(self) -> int | None:
        """When `due` should be called next: an answer is due, or the servos want a tick."""
        if self._tick_ns is None:
            return None
        tick_ns = self._tick_ns + (TICK_NS if self._hurries else LATEST_NS)
        answer_ns = self._link.next_ns
        return tick_ns if answer_ns is None else min(tick_ns, answer_ns)

    # -- time --------------------------------------------------------------------------------

    def _advance(self, now_ns: int) -> None:
        self._plant.advance(now_ns)
        if self.faults.powered != self._powered:
            self._switch_power(now_ns)
        for mishap, servo in self.faults.happened():
            self._by_shaft[servo].suffer(mishap, now_ns)
            self._take_stock()
        wait_ns = TICK_NS if self._hurries else CALM_NS
        if self._tick_ns is None or now_ns - self._tick_ns >= wait_ns:
            self._tick_ns = now_ns
            self._tick(now_ns)
        if self.faults.chatter_hz > 0.0 and now_ns >= self._chatter_ns:
            self._chatter_ns = now_ns + int(1e9 / self.faults.chatter_hz)
            self._chatter(now_ns)

    @property
    def _hurries(self) -> bool:
        return self._restless or self.faults.chatter_hz > 0.0

    def _tick(self, now_ns: int) -> None:
        current_a = sum(abs(servo.motor.motion.current_a) for servo in self._all)
        volts = SUPPLY_V - SUPPLY_OHM * current_a
        for servo in self._all:
            servo.advance(now_ns, self._heard_ns, volts)
        self._restless = any(servo.restless for servo in self._all)

    def _switch_power(self, now_ns: int) -> None:
        first = self._tick_ns is None
        self._powered = self.faults.powered
        self._heard_ns = now_ns
        for servo in self._all:
            if not self._powered:
                servo.power_off()
            elif first:
                servo.power_on(now_ns, boot_ns=0)
            else:
                servo.power_on(now_ns)
        self._take_stock()

    def _chatter(self, now_ns: int) -> None:
        """Let another master read a servo; the host hears the question and the answer."""
        servo = next(iter(self.servos))
        position = reg.PRESENT_POSITION
        question = Packet(
            servo, Instruction.READ, struct.pack("<HH", position.address, position.size)
        )
        self._link.answer(read(servo, position.address, position.size), 0)
        self._hear(question, now_ns)

    # -- the servos' end ---------------------------------------------------------------------

    def _hear(self, packet: Packet, now_ns: int) -> None:
        if not self._powered:
            return
        self._heard_ns = now_ns
        instruction = packet.instruction
        if instruction in _READING:
            self._answer_all(_requests(packet), now_ns)
        elif instruction in _FAST_READING:
            self._answer_together(_requests(packet), now_ns)
        elif instruction in _WRITING:
            lowest = reg.TABLE_BYTES
            for servo, address, data in _writes(packet):
                self._write(servo, address, data)
                lowest = min(lowest, address)
            if lowest < reg.TORQUE_ENABLE.address:  # what is behind it changes no id
                self._take_stock()
            self._restless = any(servo.restless for servo in self._all)
        elif instruction != Instruction.STATUS:
            self._execute(packet, now_ns)

    def _present(self, servo: int) -> Servo | None:
        found = self.servos.get(servo)
        if found is None or not found.awake or found.motor.shaft in self.faults.broken:
            return None
        return found

    def _execute(self, packet: Packet, now_ns: int) -> None:
        """Execute an instruction for one servo, or for all of them."""
        to_all = packet.id == BROADCAST
        for number in sorted(self.servos) if to_all else (packet.id,):
            servo = self._present(number)
            if servo is None:
                continue
            answer = servo.execute(packet.instruction, packet.params, now_ns)
            if answer and (not to_all or packet.instruction == Instruction.PING):
                self._answer(number, servo, answer)
        for shadow in self._shadows.get(packet.id, ()):
            if self._present(shadow.id):
                shadow.execute(packet.instruction, packet.params, now_ns, secondary=True)
        if packet.instruction not in (Instruction.PING, Instruction.READ):
            self._take_stock()

    def _write(self, number: int, address: int, data: bytes) -> None:
        if servo := self._present(number):
            servo.write(address, data)
        for shadow in self._shadows.get(number, ()):
            if self._present(shadow.id):
                shadow.write(address, data, secondary=True)

    def _answer(self, number: int, servo: Servo, answer: Answer, late_ns: int = 0) -> int:
        """Send a status; return how late it is, with which it delays those that wait for it."""
        name = servo.motor.shaft
        if name in self.faults.silent:
            return late_ns
        sent, later_ns = self.faults.spoiled(name, status(number, *answer))
        late_ns += later_ns
        if sent:
            self._link.answer(sent, _pause_ns(servo), late_ns)
        return late_ns

    def _answer_all(self, requests: Iterable[Request], now_ns: int) -> None:
        """Answer in the order of the list; who is not there silences those behind it."""
        late_ns = 0
        for number, address, length in requests:
            servo = self._present(number)
            if servo is None or not servo.answers_reads:
                return
            answer = servo.read(address, length, now_ns)
            late_ns = self._answer(number, servo, answer, late_ns)

    def _answer_together(self, requests: list[Request], now_ns: int) -> None:
        """Build one common answer, cut off where somebody does not add his part."""
        if sum(length + FAST_EXTRA_BYTES for _, _, length in requests) > MOST_BYTES:
            return
        answers: list[tuple[int, int, bytes]] = []
        for number, address, length in requests:
            servo = self._present(number)
            if servo is None or not servo.answers_reads:
                break
            if servo.motor.shaft in self.faults.silent:
                break
            error, data = servo.read(address, length, now_ns)
            answers.append((number, error, data.ljust(length, b"\0")))
        if not answers:
            return
        absent = [(number, 0, bytes(length)) for number, _, length in requests[len(answers) :]]
        whole = fast_status([*answers, *absent])
        cut = sum(len(data) + FAST_EXTRA_BYTES for _, _, data in absent)
        first = self.servos[answers[0][0]]
        sent, late_ns = self.faults.spoiled(first.motor.shaft, whole[: len(whole) - cut])
        if sent:
            self._link.answer(sent, _pause_ns(first), late_ns)


def _pause_ns(servo: Servo) -> int:
    return TURNAROUND_NS + servo.table.settings.return_delay_time * RETURN_DELAY_NS


def _requests(packet: Packet) -> list[Request]:
    params = packet.params
    if packet.instruction in (Instruction.SYNC_READ, Instruction.FAST_SYNC_READ):
        if len(params) < 5:
            return []
        address, length = struct.unpack_from("<HH", params)
        return [(servo, address, length) for servo in params[4:]]
    return list(struct.iter_unpack("<BHH", params[: len(params) // 5 * 5]))


def _writes(packet: Packet) -> Iterator[tuple[int, int, bytes]]:
    """Yield (id, address, data) of each complete part of a sync or bulk write."""
    params = packet.params
    at = 0
    if packet.instruction == Instruction.BULK_WRITE:
        while at + 5 <= len(params):
            servo, address, length = struct.unpack_from("<BHH", params, at)
            at += 5 + length
            if at <= len(params):
                yield servo, address, params[at - length : at]
    elif len(params) >= 4:
        address, length = struct.unpack_from("<HH", params)
        for at in range(4, len(params) - length, 1 + length):
            yield params[at], address, params[at + 1 : at + 1 + length]
