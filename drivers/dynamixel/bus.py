"""One bus of Dynamixel servos: transactions with a deadline each, partial answers kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from drivers.dynamixel import packets
from drivers.dynamixel.packets import BROADCAST, Instruction, Packet, PacketReader
from drivers.dynamixel.port import Port
from drivers.dynamixel.question import FastQuestion, Part, Question
from drivers.dynamixel.registers import ALERT, Refusal, Register
from drivers.dynamixel.replies import Answer, agreed, identity
from drivers.dynamixel.replies import Identity as Identity
from drivers.dynamixel.replies import NoAnswerError as NoAnswerError
from drivers.dynamixel.replies import RefusedError as RefusedError

_BITS_PER_BYTE = 10  # with start and stop bit
_STATUS_BYTES = 11  # of a status without data
_IDENTITY_BYTES = 3
_IDS = 253
# For the turnaround of the servos, USB frames and the adapter's latency timer of 1 ms.
_MARGIN_NS = 3_000_000
# Of that, what adapter and USB hold back, and what each servo takes to begin: before, an answer is
# in pieces.
_HELD_NS = 1_250_000
_TURN_NS = 50_000
_PING_TURN_NS = 3_000_000  # each of all possible ids has its turn to answer a broadcast ping
# An answer is late because an adapter with its first latency timer (16 ms) or a busy system held it
# back; twice that and a margin after its question, none is on its way any more.
_SETTLED_NS = 50_000_000
# For a single servo: neither a lost byte nor a busy system must fail the startup of an arm. More
# patience costs nothing, as all of a missing answer's settling time is waited for anyway.
_MARGINS_NS = (_MARGIN_NS, 20_000_000, 40_000_000)
# The same question is asked at every tick.
question = lru_cache(Question)
fast_question = lru_cache(FastQuestion)


class Judge(Protocol):
    """Tells a servo's answer to the newest question from one that comes late."""

    def is_fresh(self, answer: Answer, asked_ns: int) -> bool:
        """Return whether an answer belongs to what was asked at `asked_ns`."""
        ...


class ServoBus:
    """Asks servos behind a port and waits for their answers, never longer than they need.

    An answer belongs to the newest question. Servos do not number their answers, so one that comes
    late looks like one to the next question: who can tell by the data gives `judges`; for
    all others a question with a missing answer is followed by a pause in which it may still come.
    A question to one servo alone is put up to three times, if no answer comes or one that says
    that it arrived damaged; if more than once, it is followed by such a pause, too.

    Every method raises PortLostError when the port goes away.

    Attributes:
        port: the line, for who only wants to listen.
        transactions: questions so far.
        missing: answers that did not come in time.
        late: answers to no open question, or not fresh.
        strangers: questions of others on the same bus.
        alerts: the servos whose last answer carried the alert bit.
        open: the question that `answers` waits for, until another one is put.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.transactions = 0
        self.missing = 0
        self.late = 0
        self.strangers = 0
        self.alerts: set[int] = set()
        self.open: Question | FastQuestion | None = None
        self._reader = PacketReader()
        self._byte_ns = _BITS_PER_BYTE * 1_000_000_000 // port.baud
        self._sent_ns = 0  # when the last byte sent will be over the wire
        self._asked_ns = 0
        self._settled_ns = 0  # from when on no answer to an earlier question can come
        self._due_ns = 0  # when the last answer will be over the wire
        self._whole_ns = 0  # when all of them will be here
        self._overdue = False  # whether its time was over at the last look

    @property
    def corrupt(self) -> int:
        """How many packets arrived damaged."""
        return self._reader.corrupt

    def ping(self, servo: int) -> Identity | None:
        """Return what `servo` is, None if it does not answer."""
        answer = self._ask(packets.ping(servo), servo, _IDENTITY_BYTES)
        return None if answer is None or not answer.data else identity(answer.data)

    def scan(self) -> dict[int, Identity]:
        """Ask everybody on the bus who they are; takes the 0.8 s that all turns together take."""
        self._settle()
        answers_ns = _IDS * (_PING_TURN_NS + self._byte_ns * (_STATUS_BYTES + _IDENTITY_BYTES))
        request = packets.ping(BROADCAST)
        self._begin(request, answers_ns)
        return {
            packet.id: identity(packet.data)
            for packet in self._statuses(request, _MARGIN_NS)
            if len(packet.data) == _IDENTITY_BYTES
        }

    def read(self, servo: int, register: Register) -> int:
        """Return the value of a register; raises NoAnswerError or RefusedError."""
        return register.unpacked(self.read_span(servo, register, register))

    def read_span(self, servo: int, first: Register, last: Register) -> bytes:
        """Return all bytes from one register to another; raises as `read` does."""
        length = last.address + last.size - first.address
        answer = self._ask(packets.read(servo, first.address, length), servo, length)
        names = first.name if first is last else f"{first.name} to {last.name}"
        return agreed(answer, servo, f"read {names}")

    def write(self, servo: int, register: Register, value: int) -> None:
        """Set a register and wait for the confirmation; raises NoAnswerError or RefusedError."""
        answer = self._ask(packets.write(servo, register.address, register.packed(value)), servo, 0)
        agreed(answer, servo, f"write {value} to {register.name}")

    def reboot(self, servo: int) -> None:
        """Restart a servo: torque off, errors cleared; raises RefusedError.

        Asked once: a servo whose confirmation is late already restarts, mute, and asked again it
        would restart again. Its coming back tells whether it did.
        """
        answer = self._asked_once(packets.reboot(servo), servo, 0, _MARGIN_NS)
        if answer is not None:
            agreed(answer, servo, "reboot")

    def sync_read(
        self,
        address: int,
        length: int,
        servos: Sequence[int],
        judges: Mapping[int, Judge] | None = None,
    ) -> dict[int, Answer]:
        """Return the same `length` bytes of all `servos`; those who do not answer are not in it.

        Args:
            address: of the first byte in the control table.
            length: how many bytes.
            servos: in the order in which they shall answer.
            judges: of each servo's answers, by its id.
        """
        return self._answered(question(address, length, tuple(servos)), judges)

    def fast_sync_read(
        self,
        address: int,
        length: int,
        servos: Sequence[int],
        judges: Mapping[int, Judge] | None = None,
    ) -> dict[int, Answer]:
        """As `sync_read`, in one common answer: a quarter faster, and lost as a whole.

        Needs firmware 45 or later in every servo.
        """
        return self._answered(fast_question(address, length, tuple(servos)), judges)

    def sync_write(self, address: int, values: Mapping[int, bytes]) -> None:
        """Write equally long `values` by servo; nobody confirms it."""
        self._send(packets.sync_write(address, values))

    def ask(self, question: Question | FastQuestion, goals: bytes = b"") -> None:
        """Put a question, in one go with a packet of `goals` before it; `answers` waits for all.

        Where an answer to an earlier question is missing, only who can tell which answers are fresh
        may ask so.
        """
        self._begin(goals + question.request, question.answer_bytes * self._byte_ns)
        self._whole_ns = self._due_ns + _HELD_NS + len(question.servos) * _TURN_NS
        self.open = question

    def answers(self, judges: Mapping[int, Judge] | None = None) -> dict[int, Answer]:
        """Return what the servos answer to the question put last; raises RuntimeError if none was.

        Args:
            judges: as in `sync_read`.
        """
        question, self.open = self.open, None
        if question is None:
            raise RuntimeError("no question is open: call ask() before each answers()")
        answers: dict[int, Answer] = {}
        wanted = len(question.servos)
        # Who can tell late answers need not wait for a kernel that is behind.
        receive = self.port.receive if judges is None else self.port.receive_in_time
        while len(answers) < wanted and (data := self._received(_MARGIN_NS, receive)):
            t_ns = time.monotonic_ns()
            for servo, error, said in question.whole(data) or self._parts(data, question):
                answer = Answer(said, error, t_ns)
                if servo in answers or not (
                    judges is None or judges[servo].is_fresh(answer, self._asked_ns)
                ):
                    self.late += 1
                    continue
                answers[servo] = answer
                if error or self.alerts:
                    self._note_alert(servo, error)
        if len(answers) < wanted:
            self._note_missing(wanted - len(answers))
        return answers

    def _answered(
        self, question: Question | FastQuestion, judges: Mapping[int, Judge] | None
    ) -> dict[int, Answer]:
        if judges is None:
            self._settle()
        self.ask(question)
        return self.answers(judges)

    def _parts(self, data: bytes, question: Question | FastQuestion) -> list[Part]:
        """Return what the next bytes of the line say in answer to a question."""
        parts = []
        for packet in self._packets(data, question.request):
            said = question.parts(packet)
            self.late += not said
            parts += said
        return parts

    def _ask(self, request: bytes, servo: int, length: int) -> Packet | None:
        """Return the status of `servo` with `length` bytes, or without if it refuses."""
        answer = None
        for earlier, margin_ns in enumerate(_MARGINS_NS):
            answer = self._asked_once(request, servo, length, margin_ns)
            if answer is not None and answer.error & ~ALERT != Refusal.CRC:
                if earlier:  # it may be to an earlier question, and the last one's still to come
                    self._unsettle()
                break
        return answer

    def _asked_once(self, request: bytes, servo: int, length: int, margin_ns: int) -> Packet | None:
        self._settle()
        self._begin(request, (_STATUS_BYTES + length) * self._byte_ns)
        for packet in self._statuses(request, margin_ns):
            refused = packet.error & ~ALERT
            if packet.id == servo and (refused or len(packet.data) == length):
                self._note_alert(servo, packet.error)
                return packet
            self.late += 1
        self._note_missing(1)
        return None

    def _begin(self, request: bytes, answers_ns: int) -> None:
        """Send `request`, whose answers will take `answers_ns` on the line."""
        _sleep_until(self._due_ns)  # an answer that nobody waited for would collide with it
        self.port.discard()
        self._reader.clear()
        self.open = None
        self._overdue = False
        self._asked_ns = self._send(request)
        self._due_ns = self._sent_ns + answers_ns
        self._whole_ns = self._due_ns + _HELD_NS + _TURN_NS

    def _statuses(self, request: bytes, margin_ns: int) -> Iterator[Packet]:
        """Yield status packets as they arrive, until they are due no more."""
        while data := self._received(margin_ns, self.port.receive):
            yield from self._packets(data, request)

    def _received(self, margin_ns: int, receive: Callable[[float], bytes]) -> bytes:
        """Return what has come, waiting until the answers are due no more; nothing then."""
        # Waking up for each piece would cost more than all the rest of a transaction.
        _sleep_until(self._whole_ns)
        left_ns = self._due_ns + margin_ns - time.monotonic_ns()
        if left_ns > 0:
            return receive(left_ns * 1e-9)
        if self._overdue:
            return b""
        self._overdue = True  # what came while this process slept too long is looked at, once
        return receive(0.0)

    def _packets(self, data: bytes, request: bytes) -> list[Packet]:
        """Return the status packets that the next bytes of the line complete."""
        statuses = []
        for packet in self._reader.feed(data):
            if packet.instruction == Instruction.STATUS:
                statuses.append(packet)
            elif not _is_echo(packet, request):
                self.strangers += 1
        return statuses

    def _send(self, data: bytes) -> int:
        """Send `data`, on the wire behind what was sent before; returns when that was."""
        now_ns = time.monotonic_ns()
        self.port.write(data)
        self.transactions += 1
        self._sent_ns = max(now_ns, self._sent_ns) + len(data) * self._byte_ns
        return now_ns

    def _settle(self) -> None:
        _sleep_until(self._settled_ns)

    def _unsettle(self) -> None:
        self._settled_ns = self._asked_ns + _SETTLED_NS

    def _note_missing(self, count: int) -> None:
        self.missing += count
        self._unsettle()

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
