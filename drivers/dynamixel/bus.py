"""One bus of Dynamixel servos: transactions with a deadline each, partial answers kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from drivers.dynamixel import packets
from drivers.dynamixel.packets import BROADCAST, Instruction, Packet, PacketReader
from drivers.dynamixel.port import SerialPort
from drivers.dynamixel.registers import ALERT, REFUSALS, Register

IsFresh = Callable[[int, bytes], bool]

_BITS_PER_BYTE = 10  # with start and stop bit
_STATUS_BYTES = 11  # of a status without data
_FAST_BYTES = 8  # of a common answer without anybody's part
_FAST_PART_BYTES = 4  # of one servo's part, without data
_IDENTITY_BYTES = 3
_IDS = 253
# For the turnaround of the servos, USB frames and the adapter's latency timer of 1 ms.
_MARGIN_NS = 3_000_000
_HELD_NS = 1_250_000  # of that, what adapter and USB hold back: before, an answer is in pieces
_PING_TURN_NS = 3_000_000  # each of all possible ids has its turn to answer a broadcast ping
# An answer is late because an adapter with its first latency timer (16 ms) or a busy system held it
# back; twice that and a margin after its question, none is on its way any more.
_SETTLED_NS = 50_000_000
# For a single servo: neither a lost byte nor a busy system must fail the startup of an arm. More
# patience costs nothing, as all of a missing answer's settling time is waited for anyway.
_MARGINS_NS = (_MARGIN_NS, 20_000_000, 40_000_000)
# The same question is asked at every tick.
_sync_read_request = lru_cache(packets.sync_read)
_fast_sync_read_request = lru_cache(packets.fast_sync_read)


class NoAnswerError(Exception):
    """A servo that did not answer in time."""


class RefusedError(Exception):
    """A servo that answered that it would not do it, and why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a servo answers to a ping."""

    model: int  # the number of one of MODELS
    firmware: int


class Answer(NamedTuple):
    """What one servo answered."""

    data: bytes
    error: int  # with ALERT, if a hardware error is latched
    t_ns: int  # when it had arrived


class ServoBus:
    """Asks servos on a serial port and waits for their answers, never longer than they need.

    An answer belongs to the newest question. Servos do not number their answers, so one that comes
    late looks like one to the next question: who can tell by the data gives `is_fresh`; for
    all others a question with a missing answer is followed by a pause in which it may still come.
    A question to one servo alone is put up to three times.

    Every method raises PortLostError when the port goes away.

    Attributes:
        port: the line, for who only wants to listen.
        transactions: questions so far.
        missing: answers that did not come in time.
        late: answers to no open question, or not fresh.
        strangers: questions of others on the same bus.
        alerts: the servos whose last answer carried the alert bit.
    """

    def __init__(self, port: SerialPort) -> None:
        self.port = port
        self.transactions = 0
        self.missing = 0
        self.late = 0
        self.strangers = 0
        self.alerts: set[int] = set()
        self._reader = PacketReader()
        self._byte_ns = _BITS_PER_BYTE * 1_000_000_000 // port.baud
        self._sent_ns = 0  # when the last byte sent will be over the wire
        self._asked_ns = 0
        self._settled_ns = 0  # from when on no answer to an earlier question can come

    @property
    def corrupt(self) -> int:
        """How many packets arrived damaged."""
        return self._reader.corrupt

    def ping(self, servo: int) -> Identity | None:
        """Return what `servo` is, None if it does not answer."""
        answer = self._ask(packets.ping(servo), servo, _IDENTITY_BYTES)
        return None if answer is None or not answer.data else _identity(answer.data)

    def scan(self) -> dict[int, Identity]:
        """Ask everybody on the bus who they are; takes the 0.8 s that all turns together take."""
        self._settle()
        answers_ns = _IDS * (_PING_TURN_NS + self._byte_ns * (_STATUS_BYTES + _IDENTITY_BYTES))
        return {
            packet.id: _identity(packet.data)
            for packet, _ in self._statuses(packets.ping(BROADCAST), answers_ns)
            if len(packet.data) == _IDENTITY_BYTES
        }

    def read(self, servo: int, register: Register) -> int:
        """Return the value of a register; raises NoAnswerError or RefusedError."""
        request = packets.read(servo, register.address, register.size)
        answer = self._ask(request, servo, register.size)
        return register.unpacked(_agreed(answer, servo, f"read {register.name}"))

    def write(self, servo: int, register: Register, value: int) -> None:
        """Set a register and wait for the confirmation; raises NoAnswerError or RefusedError."""
        answer = self._ask(packets.write(servo, register.address, register.packed(value)), servo, 0)
        _agreed(answer, servo, f"write {value} to {register.name}")

    def reboot(self, servo: int) -> None:
        """Restart a servo: torque off, errors cleared; raises RefusedError.

        Asked once: a servo whose confirmation is late already restarts, mute, and asked again it
        would restart again. Its coming back tells whether it did.
        """
        answer = self._asked_once(packets.reboot(servo), servo, 0, _MARGIN_NS)
        if answer is not None:
            _agreed(answer, servo, "reboot")

    def sync_read(
        self, address: int, length: int, servos: Sequence[int], is_fresh: IsFresh | None = None
    ) -> dict[int, Answer]:
        """Return the same `length` bytes of all `servos`; those who do not answer are not in it.

        Args:
            address: of the first byte in the control table.
            length: how many bytes.
            servos: in the order in which they shall answer.
            is_fresh: whether a servo's data is newer than that of the question before.
        """
        return self._gathered(
            _sync_read_request(address, length, tuple(servos)),
            length,
            servos,
            is_fresh,
            len(servos) * (_STATUS_BYTES + length),
            lambda packet: ((packet.id, packet.error, packet.data),),
        )

    def fast_sync_read(
        self, address: int, length: int, servos: Sequence[int], is_fresh: IsFresh | None = None
    ) -> dict[int, Answer]:
        """As `sync_read`, in one common answer: a quarter faster, and lost as a whole.

        Needs firmware 45 or later in every servo.
        """
        return self._gathered(
            _fast_sync_read_request(address, length, tuple(servos)),
            length,
            servos,
            is_fresh,
            _FAST_BYTES + len(servos) * (_FAST_PART_BYTES + length),
            lambda packet: packets.fast_answers(packet, length),
        )

    def sync_write(self, address: int, values: Mapping[int, bytes]) -> None:
        """Write equally long `values` by servo; nobody confirms it."""
        self.transactions += 1
        self._send(packets.sync_write(address, values))

    def _gathered(
        self,
        request: bytes,
        length: int,
        servos: Sequence[int],
        is_fresh: IsFresh | None,
        answer_bytes: int,
        parts: Callable[[Packet], Iterable[tuple[int, int, bytes]]],
    ) -> dict[int, Answer]:
        if is_fresh is None:
            self._settle()
        awaited = set(servos)
        answers: dict[int, Answer] = {}
        for packet, t_ns in self._statuses(request, answer_bytes * self._byte_ns):
            for servo, error, data in parts(packet):
                wanted = servo in awaited and len(data) == length
                if not wanted or (is_fresh is not None and not is_fresh(servo, data)):
                    self.late += 1
                    continue
                awaited.discard(servo)
                answers[servo] = Answer(data, error, t_ns)
                self._note_alert(servo, error)
            if not awaited:
                return answers
        self._note_missing(len(awaited))
        return answers

    def _ask(self, request: bytes, servo: int, length: int) -> Packet | None:
        """Return the status of `servo` with `length` bytes, or without if it refuses."""
        answers = (self._asked_once(request, servo, length, margin) for margin in _MARGINS_NS)
        return next((answer for answer in answers if answer is not None), None)

    def _asked_once(self, request: bytes, servo: int, length: int, margin_ns: int) -> Packet | None:
        self._settle()
        answer_ns = (_STATUS_BYTES + length) * self._byte_ns
        for packet, _ in self._statuses(request, answer_ns, margin_ns):
            refused = packet.error & ~ALERT
            if packet.id == servo and (refused or len(packet.data) == length):
                self._note_alert(servo, packet.error)
                return packet
            self.late += 1
        self._note_missing(1)
        return None

    def _statuses(
        self, request: bytes, answers_ns: int, margin_ns: int = _MARGIN_NS
    ) -> Iterator[tuple[Packet, int]]:
        """Send `request`; yield status packets and their arrival until they are due no more."""
        self.transactions += 1
        self.port.discard()
        self._reader.clear()
        self._asked_ns = time.monotonic_ns()
        due_ns = self._send(request) + answers_ns
        # Waking up for each piece would cost more than all the rest of a transaction.
        _sleep_until(due_ns + _HELD_NS)
        left_ns = 1
        while left_ns > 0:
            left_ns = due_ns + margin_ns - time.monotonic_ns()
            # What came while this process slept past the deadline is still looked at, once.
            data = self.port.receive(max(left_ns, 0) * 1e-9)
            if not data:
                return
            t_ns = time.monotonic_ns()
            for packet in self._reader.feed(data):
                if packet.instruction == Instruction.STATUS:
                    yield packet, t_ns
                elif not _is_echo(packet, request):
                    self.strangers += 1

    def _send(self, data: bytes) -> int:
        """Send `data`; returns when it will be over the wire, behind what was sent before."""
        begin_ns = max(time.monotonic_ns(), self._sent_ns)
        self.port.write(data)
        self._sent_ns = begin_ns + len(data) * self._byte_ns
        return self._sent_ns

    def _settle(self) -> None:
        _sleep_until(self._settled_ns)

    def _note_missing(self, count: int) -> None:
        self.missing += count
        self._settled_ns = self._asked_ns + _SETTLED_NS

    def _note_alert(self, servo: int, error: int) -> None:
        if error & ALERT:
            self.alerts.add(servo)
        else:
            self.alerts.discard(servo)


def _is_echo(packet: Packet, request: bytes) -> bool:
    """Return whether an adapter may have sent back `request`, or goals written just before it."""
    return packet.instruction == Instruction.SYNC_WRITE or packets.encoded(packet) == request


def _sleep_until(t_ns: int) -> None:
    if (left_ns := t_ns - time.monotonic_ns()) > 0:
        time.sleep(left_ns * 1e-9)


def _identity(data: bytes) -> Identity:
    return Identity(model=int.from_bytes(data[:2], "little"), firmware=data[2])


def _agreed(answer: Packet | None, servo: int, task: str) -> bytes:
    if answer is None:
        raise NoAnswerError(
            f"servo {servo} did not answer when asked to {task}: check its power, its cable, and "
            "that no other servo has its id"
        )
    if code := answer.error & ~ALERT:
        reason = REFUSALS.get(code, f"error {code}, which is not documented")
        raise RefusedError(f"servo {servo} refused to {task}: {reason}")
    return answer.data
