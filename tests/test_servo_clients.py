"""Programs of others, unchanged, talk to emulated servos through a pseudo-terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servo_bench import PROFILE

from drivers.dynamixel import registers as reg
from simulation.servos.first_order import FirstOrder
from simulation.servos.line import Line
from simulation.servos.ports import Ports
from simulation.servos.servo import servos_of

pytestmark = pytest.mark.alone

sdk = pytest.importorskip("dynamixel_sdk")
rustypot = pytest.importorskip("rustypot")

IDS = (1, 2, 7, 9)
MIDDLE = 2048
OK = 0  # the SDK's result of a transaction
POSITION = reg.PRESENT_POSITION
GOAL = reg.GOAL_POSITION


@pytest.fixture
def line() -> Line:
    return Line(servos_of(PROFILE), FirstOrder.of(PROFILE))


@pytest.fixture
def port(line: Line, tmp_path: Path) -> Iterator[str]:
    stop = threading.Event()
    with Ports({"arm": line}, {"arm": str(tmp_path / "arm")}) as ports:
        thread = threading.Thread(target=ports.run, args=(stop,))
        thread.start()
        yield ports.addresses["arm"]
        stop.set()
        thread.join()


@pytest.fixture
def handler(port: str) -> Iterator[Any]:
    handler = sdk.PortHandler(port)
    assert handler.openPort()
    assert handler.setBaudRate(1_000_000)
    yield handler
    handler.closePort()


@pytest.fixture
def packets() -> Any:
    return sdk.PacketHandler(2.0)


def eventually(reached: Callable[[], bool], tries: int = 200) -> bool:
    """Ask again and again.

    Motors need their time; and the SDK gives up after 34 ms, which a busy machine may take.
    """
    return any(reached() for _ in range(tries))


# -- dynamixel-sdk -------------------------------------------------------------------------------


def test_the_sdk_finds_all_servos(handler: Any, packets: Any) -> None:
    found = {1: [1120, 47], 2: [1120, 47], 3: [1120, 47], 7: [1060, 47], 9: [1020, 47]}
    assert eventually(lambda: packets.ping(handler, 7) == (1060, OK, 0))
    assert eventually(lambda: packets.broadcastPing(handler) == (found, OK), tries=4)


def test_the_sdk_reads_and_writes_registers(handler: Any, packets: Any) -> None:
    assert eventually(lambda: packets.read4ByteTxRx(handler, 1, 132) == (MIDDLE, OK, 0))
    assert eventually(lambda: packets.write1ByteTxRx(handler, 1, reg.LED.address, 1) == (OK, 0))
    assert eventually(lambda: packets.read1ByteTxRx(handler, 1, reg.LED.address) == (1, OK, 0))
    refusal = (OK, reg.Refusal.DATA_LIMIT)
    assert eventually(lambda: packets.write4ByteTxRx(handler, 1, GOAL.address, 4096) == refusal)


def test_the_sdk_moves_motors_and_their_shadows(handler: Any, packets: Any) -> None:
    assert eventually(lambda: packets.write1ByteTxRx(handler, 2, 64, 1) == (OK, 0))
    writer = sdk.GroupSyncWrite(handler, packets, GOAL.address, GOAL.size)
    writer.addParam(2, GOAL.packed(MIDDLE + 30))
    assert writer.txPacket() == OK

    def at_goal() -> bool:
        asked = [packets.read4ByteTxRx(handler, number, POSITION.address) for number in (2, 3)]
        return asked == [(MIDDLE + 30, OK, 0)] * 2

    assert eventually(at_goal)


@pytest.mark.parametrize("fast", [False, True])
def test_the_sdk_reads_many_at_once(handler: Any, packets: Any, fast: bool) -> None:
    reader = sdk.GroupSyncRead(handler, packets, reg.PRESENT_CURRENT.address, 10)
    for number in IDS:
        assert reader.addParam(number)
    ask = reader.fastSyncRead if fast else reader.txRxPacket
    assert eventually(lambda: ask() == OK)
    for number in IDS:
        assert reader.isAvailable(number, POSITION.address, POSITION.size)
        assert reader.getData(number, POSITION.address, POSITION.size) == MIDDLE


def test_the_sdk_reads_different_registers_at_once(handler: Any, packets: Any) -> None:
    reader = sdk.GroupBulkRead(handler, packets)
    reader.addParam(1, reg.PRESENT_INPUT_VOLTAGE.address, 2)
    reader.addParam(9, reg.PRESENT_TEMPERATURE.address, 1)
    assert eventually(lambda: reader.txRxPacket() == OK)
    assert reader.getData(1, reg.PRESENT_INPUT_VOLTAGE.address, 2) == 120
    assert reader.getData(9, reg.PRESENT_TEMPERATURE.address, 1) == 25


def test_the_sdk_reboots_a_servo(handler: Any, packets: Any, line: Line) -> None:
    line.faults.happen("overload", 9)
    assert eventually(lambda: bool(packets.ping(handler, 9)[2] & reg.ALERT))
    assert eventually(lambda: packets.reboot(handler, 9)[0] == OK)
    assert eventually(lambda: packets.ping(handler, 9) == (1020, OK, 0))


# -- rustypot, in Rust ---------------------------------------------------------------------------


@pytest.fixture
def rust(port: str) -> Any:
    return rustypot.Xl430PyController(port, 1_000_000, 0.2)


def test_rustypot_finds_the_servos(rust: Any) -> None:
    assert [number for number in range(1, 10) if rust.ping(number)] == [1, 2, 3, 7, 9]
    assert rust.read_model_number(1) == [1120]


def test_rustypot_moves_motors(rust: Any) -> None:
    ids = list(IDS)
    rust.sync_write_torque_enable(ids, [True] * 4)
    rust.sync_write_goal_position(ids, [MIDDLE + 30] * 4)
    assert eventually(lambda: rust.sync_read_present_position(ids) == [MIDDLE + 30] * 4)


def test_rustypot_writes_and_reads_registers(rust: Any) -> None:
    rust.write_position_p_gain(7, 321)
    assert rust.read_position_p_gain(7) == [321]
    assert rust.sync_read_present_temperature(list(IDS)) == [25] * 4
