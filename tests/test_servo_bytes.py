"""Byte for byte: the example packets of the e-manual, and stuffing."""

from __future__ import annotations

import struct

import pytest
from servo_bench import MS, Host, one

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import PacketReader, read
from simulation.servos.first_order import Shaft
from simulation.servos.line import Line
from simulation.servos.plant import Drive, Motion


def of_the_manual(positions: dict[int, int]) -> Host:
    """Return XM430-W210s with firmware 38 at these ticks, at 11.9 V and 36 degrees."""
    servos = [one(ID=number, Model_Number=1030, Firmware_Version=38) for number in positions]
    shafts = [
        Shaft({number: 1}, position_rad=(tick - reg.MIDDLE_TICK) * reg.RAD_PER_TICK)
        for number, tick in positions.items()
    ]
    host = Host(servos, shafts)
    for servo in servos:
        servo.volts = 11.9
        servo.motor.strain.temperature_c = 36.0
    return host


PAIR = {1: 166, 2: 2079}


@pytest.mark.parametrize(
    ("positions", "asked", "answered"),
    [
        (  # ping
            PAIR,
            "FF FF FD 00 01 03 00 01 19 4E",
            "FF FF FD 00 01 07 00 55 00 06 04 26 65 5D",
        ),
        (  # ping all
            PAIR,
            "FF FF FD 00 FE 03 00 01 31 42",
            "FF FF FD 00 01 07 00 55 00 06 04 26 65 5D FF FF FD 00 02 07 00 55 00 06 04 26 6F 6D",
        ),
        (  # read Present_Position
            PAIR,
            "FF FF FD 00 01 07 00 02 84 00 04 00 1D 15",
            "FF FF FD 00 01 08 00 55 00 A6 00 00 00 8C C0",
        ),
        (  # write Goal_Position
            PAIR,
            "FF FF FD 00 01 09 00 03 74 00 00 02 00 00 CA 89",
            "FF FF FD 00 01 04 00 55 00 A1 0C",
        ),
        (  # register a Goal_Velocity
            PAIR,
            "FF FF FD 00 01 09 00 04 68 00 C8 00 00 00 AE 8E",
            "FF FF FD 00 01 04 00 55 00 A1 0C",
        ),
        (  # reboot
            PAIR,
            "FF FF FD 00 01 03 00 08 2F 4E",
            "FF FF FD 00 01 04 00 55 00 A1 0C",
        ),
        (  # clear the turns
            PAIR,
            "FF FF FD 00 01 08 00 10 01 44 58 4C 22 B1 DC",
            "FF FF FD 00 01 04 00 55 00 A1 0C",
        ),
        (  # sync read of Present_Position
            PAIR,
            "FF FF FD 00 FE 09 00 82 84 00 04 00 01 02 CE FA",
            (
                "FF FF FD 00 01 08 00 55 00 A6 00 00 00 8C C0"
                "FF FF FD 00 02 08 00 55 00 1F 08 00 00 BA BE"
            ),
        ),
        (  # bulk read of voltage and temperature
            PAIR,
            "FF FF FD 00 FE 0D 00 92 01 90 00 02 00 02 92 00 01 00 1A 05",
            "FF FF FD 00 01 06 00 55 00 77 00 C3 69 FF FF FD 00 02 05 00 55 00 24 8B A9",
        ),
        (  # fast sync read of Present_Position
            {3: 166, 7: 2079, 4: 1023},
            "FF FF FD 00 FE 0A 00 8A 84 00 04 00 03 07 04 20 F2",
            (
                "FF FF FD 00 FE 19 00 55 00 03 A6 00 00 00 84 08"
                "00 07 1F 08 00 00 16 CA 00 04 FF 03 00 00 D1 9E"
            ),
        ),
    ],
)
def test_the_manuals_examples_are_answered_byte_for_byte(
    positions: dict[int, int], asked: str, answered: str
) -> None:
    host = of_the_manual(positions)
    host.line.receive(bytes.fromhex(asked), host.now_ns)
    assert host.line.due(host.now_ns + 9 * MS) == bytes.fromhex(answered)


class StillPlant:
    """Shafts that move all alike, whatever drives them."""

    def __init__(self, motion: Motion) -> None:
        self._motion = motion

    def drive(self, servo: int, drive: Drive) -> None:
        pass

    def motion(self, servo: int, now_ns: int) -> Motion:  # noqa: ARG002 - as Plant asks for it
        return self._motion

    def advance(self, now_ns: int) -> None:
        pass


def test_an_answer_that_looks_like_a_header_is_stuffed() -> None:
    motion = Motion(0.0, -3 * reg.VELOCITY_RAD_S, -1 * reg.CURRENT_A)
    line = Line([one()], StillPlant(motion))
    line.receive(read(1, 126, 10), 0)
    stream = line.due(9 * MS)
    assert bytes.fromhex("55 00 FF FF FD FD FF FF FF 00 08 00 00") in stream
    (answer,) = PacketReader().feed(stream)
    assert struct.unpack("<hii", answer.data) == (-1, -3, 2048)


def test_a_stuffed_instruction_is_understood() -> None:
    host = Host([one(Operating_Mode=4)])
    goal = int.from_bytes(b"\xff\xff\xfd\xff", "little", signed=True)
    assert host.put(reg.GOAL_POSITION, goal) == 0
    assert host.get(reg.GOAL_POSITION) == goal
