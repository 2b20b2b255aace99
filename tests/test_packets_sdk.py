"""The vendor's own client reads what our codec answers, and our codec what it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dynamixel_sdk import (
    COMM_SUCCESS,
    GroupSyncRead,
    PacketHandler,
    PortHandler,
)
from serial_peer import peer

from drivers.dynamixel.packets import (
    Packet,
    PacketReader,
    fast_status,
    fast_sync_read,
    read,
    status,
    sync_read,
    write,
)


def test_the_vendors_client_reads_what_we_answer_and_we_read_what_it_asks() -> None:
    data = bytes.fromhex("FFFF FDFFFFFF A6000000")
    with peer(lambda packet: status(packet.id, 0x80, data)) as line, sdk(line.path) as port:
        assert PacketHandler(2.0).readTxRx(port, 5, 126, 10) == (list(data), COMM_SUCCESS, 0x80)
        assert line.heard == PacketReader().feed(read(5, 126, 10))


def test_the_vendors_client_writes_and_we_confirm() -> None:
    with peer(lambda packet: status(packet.id, 0)) as line, sdk(line.path) as port:
        assert PacketHandler(2.0).write4ByteTxRx(port, 5, 116, 2048) == (COMM_SUCCESS, 0)
        assert line.heard == PacketReader().feed(write(5, 116, (2048).to_bytes(4, "little")))


@pytest.mark.parametrize("fast", [False, True])
def test_the_vendors_sync_read_takes_our_answers(fast: bool) -> None:
    def answered(packet: Packet) -> bytes:
        answers = [(servo, 0, bytes((servo, 0xFF, 0xFF, 0xFD))) for servo in packet.params[4:]]
        return fast_status(answers) if fast else b"".join(status(*each) for each in answers)

    with peer(answered) as line, sdk(line.path) as port:
        group = GroupSyncRead(port, PacketHandler(2.0), 132, 4)
        for servo in (3, 7, 4):
            group.addParam(servo)
        done = group.fastSyncRead() if fast else group.txRxPacket()
        assert done == COMM_SUCCESS
        for servo in (3, 7, 4):
            assert group.getData(servo, 132, 4) == 0xFDFFFF00 | servo
        asked = fast_sync_read if fast else sync_read
        assert line.heard == PacketReader().feed(asked(132, 4, (3, 7, 4)))


class PatientPort(PortHandler):  # type: ignore[misc] # it comes without types
    """The vendor's port, for busy machines: it gives up after seconds, not milliseconds."""

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: ARG002, N802
        self.setPacketTimeoutMillis(5000)


@contextmanager
def sdk(path: str) -> Iterator[PortHandler]:
    port = PatientPort(path)
    assert port.openPort()
    assert port.setBaudRate(1_000_000)
    try:
        yield port
    finally:
        port.closePort()
