"""Servos on the far end of a line that answer at once, or as a test wants them to."""

from __future__ import annotations

from serial_peer import Peer

from drivers.dynamixel.packets import BROADCAST, Instruction, Packet, fast_status, status
from drivers.dynamixel.registers import ALERT

SERVOS = (1, 2, 4, 6, 7, 8, 9)


class Servos:
    """Servos of which the test can say what they answer."""

    def __init__(self) -> None:
        self.memory = {servo: bytearray(662) for servo in SERVOS}
        self.error = dict.fromkeys(SERVOS, 0)
        self.silent: set[int] = set()
        self.late_s = 0.0  # of the next answer
        self.lost = 0  # of the next answers
        self.line: Peer

    def __call__(self, packet: Packet) -> bytes:
        answer = self._answer(packet)
        if self.lost:
            self.lost -= 1
            return b""
        if answer and self.late_s:
            self.line.say_later(answer, self.late_s)
            self.late_s = 0.0
            return b""
        return answer

    def _answer(self, packet: Packet) -> bytes:
        at = int.from_bytes(packet.params[:2], "little")
        end = at + int.from_bytes(packet.params[2:4], "little")
        match packet.instruction:
            case Instruction.SYNC_READ:
                return b"".join(
                    self._status(servo, bytes(self.memory[servo][at:end]))
                    for servo in packet.params[4:]
                )
            case Instruction.FAST_SYNC_READ:
                return fast_status(
                    [
                        (servo, self.error[servo], bytes(self.memory[servo][at:end]))
                        for servo in packet.params[4:]
                    ]
                )
            case Instruction.PING:
                asked = SERVOS if packet.id == BROADCAST else (packet.id,)
                return b"".join(self._status(servo, b"\x60\x04\x2f") for servo in asked)
            case Instruction.READ if packet.id in self.memory:
                return self._status(packet.id, bytes(self.memory[packet.id][at:end]))
            case Instruction.WRITE if packet.id in self.memory:
                data = packet.params[2:]
                self.memory[packet.id][at : at + len(data)] = data
                return self._status(packet.id, b"")
            case Instruction.REBOOT:
                return self._status(packet.id, b"")
        return b""

    def _status(self, servo: int, data: bytes) -> bytes:
        if servo in self.silent or servo not in self.memory:
            return b""
        error = self.error[servo]
        return status(servo, error, b"" if error & ~ALERT else data)
