"""What one servo answers: its control table and its instructions."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servo_bench import MS, PROFILE, Host, one

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import Instruction, Packet, encoded, ping, read, reboot, write
from drivers.dynamixel.registers import Refusal, Register
from simulation.servos.first_order import FirstOrder
from simulation.servos.servo import servos_of

RANGED = {
    reg.ID: (0, 252),
    reg.OPERATING_MODE: (0, 16),
    reg.PWM_LIMIT: (0, 885),
    reg.VELOCITY_LIMIT: (0, 1023),
    reg.MAX_POSITION_LIMIT: (0, 4095),
    reg.MIN_POSITION_LIMIT: (0, 4095),
    reg.TORQUE_ENABLE: (0, 1),
    reg.STATUS_RETURN_LEVEL: (0, 2),
    reg.POSITION_P_GAIN: (0, 16383),
    reg.GOAL_PWM: (-885, 885),
    reg.PROFILE_VELOCITY: (0, 32767),
    reg.GOAL_POSITION: (-1_048_575, 1_048_575),
}


# -- the control table ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", sorted(reg.MODELS))
def test_a_new_servo_has_its_models_factory_settings(model: str) -> None:
    host = Host([one(model)])
    assert host.get(reg.MODEL_NUMBER) == reg.MODELS[model].number
    assert host.get(reg.VELOCITY_LIMIT) == reg.MODELS[model].defaults[reg.VELOCITY_LIMIT]
    assert host.get(reg.POSITION_P_GAIN) == reg.MODELS[model].defaults[reg.POSITION_P_GAIN]
    assert host.get(reg.GOAL_CURRENT) == reg.MODELS[model].defaults.get(reg.CURRENT_LIMIT, 0)


def test_eeprom_is_locked_while_torque_is_on() -> None:
    host = Host()
    assert host.put(reg.HOMING_OFFSET, 5) == 0
    host.turn_on()
    assert host.put(reg.HOMING_OFFSET, 6) == Refusal.ACCESS
    assert host.get(reg.HOMING_OFFSET) == 5


@pytest.mark.parametrize(
    ("register", "value", "refusal"),
    [
        (reg.PRESENT_POSITION, 0, Refusal.ACCESS),
        (reg.MODEL_NUMBER, 7, Refusal.ACCESS),
        (reg.OPERATING_MODE, 2, Refusal.DATA_RANGE),
        (reg.VELOCITY_LIMIT, 1024, Refusal.DATA_RANGE),
        (reg.CURRENT_LIMIT, 1194, Refusal.DATA_RANGE),
        (reg.POSITION_P_GAIN, 16384, Refusal.DATA_RANGE),
        (reg.GOAL_CURRENT, -1194, Refusal.DATA_LIMIT),
        (reg.GOAL_VELOCITY, 201, Refusal.DATA_LIMIT),
        (reg.GOAL_POSITION, 4096, Refusal.DATA_LIMIT),
        (reg.INDIRECT_ADDRESS[0], 63, Refusal.DATA_RANGE),
    ],
)
def test_what_may_not_be_written_is_refused(
    register: Register, value: int, refusal: Refusal
) -> None:
    host = Host()
    before = host.get(register)
    assert host.put(register, value) == refusal
    assert host.get(register) == before


def test_a_write_is_accepted_wholly_or_not_at_all() -> None:
    host = Host()
    (answer,) = host.ask(write(1, 112, struct.pack("<Ii", 50, 9999)))
    assert answer.error == Refusal.DATA_LIMIT
    assert host.get(reg.PROFILE_VELOCITY) == 0


@pytest.mark.parametrize(
    ("address", "data", "refusal"),
    [
        (116, b"\1\2", Refusal.DATA_LENGTH),
        (117, b"\1\2\3", Refusal.DATA_LENGTH),
        (66, b"\1", Refusal.ACCESS),
        (900, b"\1", Refusal.ACCESS),
    ],
)
def test_parts_of_registers_and_places_that_are_none_cannot_be_written(
    address: int, data: bytes, refusal: Refusal
) -> None:
    (answer,) = Host().ask(write(1, address, data))
    assert answer.error == refusal


def test_position_limits_hold_in_position_mode_only() -> None:
    host = Host([one(Min_Position_Limit=1000, Max_Position_Limit=3000)])
    assert host.put(reg.GOAL_POSITION, 999) == Refusal.DATA_LIMIT
    host.put_all({reg.OPERATING_MODE: 4})
    assert host.put(reg.GOAL_POSITION, -9999) == 0


def test_servos_without_a_current_sensor_have_no_current_modes() -> None:
    host = Host([one("XL430-W250")])
    assert host.put(reg.OPERATING_MODE, 5) == Refusal.DATA_RANGE
    assert host.put(reg.CURRENT_LIMIT, 100) == Refusal.ACCESS
    assert host.put(reg.GOAL_CURRENT, 100) == Refusal.ACCESS


def test_indirect_data_reads_and_writes_what_it_points_at() -> None:
    host = Host()
    for index in range(4):
        host.put_all({reg.INDIRECT_ADDRESS[28 + index]: reg.GOAL_POSITION.address + index})
    host.put_all({reg.INDIRECT_ADDRESS[0]: reg.PRESENT_TEMPERATURE.address})
    (answer,) = host.ask(write(1, reg.INDIRECT_DATA[28].address, (1234).to_bytes(4, "little")))
    assert answer.error == 0
    assert host.get(reg.GOAL_POSITION) == 1234
    (answer,) = host.ask(read(1, reg.INDIRECT_DATA[0].address, 2))
    assert answer.data == bytes((25, 0))
    (answer,) = host.ask(write(1, reg.INDIRECT_DATA[0].address, b"\1"))
    assert answer.error == Refusal.ACCESS


# -- instructions --------------------------------------------------------------------------------


def test_ping_tells_model_and_firmware() -> None:
    host = Host([one(Firmware_Version=47)])
    (answer,) = host.ask(ping(1))
    assert answer.data == struct.pack("<HB", 1020, 47)


def test_a_registered_write_waits_for_action() -> None:
    host = Host()
    action = encoded(Packet(1, Instruction.ACTION, b""))
    assert host.ask(action)[0].error == Refusal.INSTRUCTION
    registered = Packet(1, Instruction.REG_WRITE, struct.pack("<Hi", 116, 3000))
    assert host.ask(encoded(registered))[0].error == 0
    assert host.get(reg.REGISTERED_INSTRUCTION) == 1
    assert host.get(reg.GOAL_POSITION) == 2048
    assert host.ask(action)[0].error == 0
    assert host.get(reg.GOAL_POSITION) == 3000
    assert host.get(reg.REGISTERED_INSTRUCTION) == 0


@pytest.mark.parametrize(
    ("instruction", "refusal"),
    [(Instruction.FACTORY_RESET, Refusal.RESULT), (0x77, Refusal.INSTRUCTION)],
)
def test_a_factory_reset_and_unknown_instructions_are_refused(
    instruction: int, refusal: Refusal
) -> None:
    host = Host([one(Homing_Offset=7)])
    (answer,) = host.ask(encoded(Packet(1, instruction, b"\1")))
    assert answer.error == refusal
    assert host.get(reg.HOMING_OFFSET) == 7


@pytest.mark.parametrize(("level", "answered"), [(0, (1, 0, 0)), (1, (1, 1, 0)), (2, (1, 1, 1))])
def test_the_status_return_level_says_what_is_answered(
    level: int, answered: tuple[int, ...]
) -> None:
    host = Host()
    host.put_all({reg.STATUS_RETURN_LEVEL: level})
    asked = (ping(1), read(1, 64, 1), write(1, 65, b"\1"))
    assert tuple(len(host.ask(instruction)) for instruction in asked) == answered
    host.line.servos[1].table[reg.STATUS_RETURN_LEVEL] = 2
    assert host.get(reg.LED) == 1


def test_clear_brings_the_position_back_into_one_turn() -> None:
    host = Host()
    host.put_all({reg.OPERATING_MODE: 4, reg.TORQUE_ENABLE: 1, reg.GOAL_POSITION: 2048 + 2 * 4096})
    clear = encoded(Packet(1, Instruction.CLEAR, bytes((1, 0x44, 0x58, 0x4C, 0x22))))
    host.wait(0.5)
    assert host.ask(clear)[0].error == Refusal.RESULT
    host.wait(7.0)
    assert host.get(reg.PRESENT_POSITION) == 2048 + 2 * 4096
    assert host.ask(clear)[0].error == 0
    assert host.get(reg.PRESENT_POSITION) == 2048
    host.wait(0.5)
    assert host.get(reg.PRESENT_POSITION) == 2048


def test_a_reboot_answers_then_is_silent_and_forgets_the_ram() -> None:
    host = Host()
    host.turn_on(2500)
    host.put_all({reg.POSITION_P_GAIN: 100, reg.INDIRECT_ADDRESS[3]: 146})
    host.wait(1.0)
    assert len(host.ask(reboot(1))) == 1
    assert host.ask(ping(1)) == []
    host.wait(0.25)
    assert host.get(reg.TORQUE_ENABLE) == 0
    assert host.get(reg.POSITION_P_GAIN) == 800
    assert host.get(reg.INDIRECT_ADDRESS[3]) == reg.INDIRECT_DATA[3].address
    assert host.get(reg.REALTIME_TICK) < 300
    assert host.get(reg.GOAL_POSITION) == host.get(reg.PRESENT_POSITION) == 2500


def test_the_realtime_tick_counts_milliseconds_and_starts_again_after_32767() -> None:
    host = Host()
    before = host.get(reg.REALTIME_TICK)
    host.wait(1.0)
    assert host.get(reg.REALTIME_TICK) - before == pytest.approx(1009, abs=2)
    host.wait(32.0)
    assert host.get(reg.REALTIME_TICK) < 1300


# -- an arm as a lab has set it up ---------------------------------------------------------------


def test_the_servos_of_a_profile_are_set_up_and_limp() -> None:
    servos = {servo.id: servo for servo in servos_of(PROFILE)}
    assert sorted(servos) == [1, 2, 3, 7, 9]
    shoulder, shadow = servos[2].table, servos[3].table
    assert (shoulder[reg.DRIVE_MODE], shadow[reg.DRIVE_MODE]) == (1, 0)
    assert (shoulder[reg.SECONDARY_ID], shadow[reg.SECONDARY_ID]) == (255, 2)
    assert shadow[reg.MIN_POSITION_LIMIT] == 841
    assert servos[9].table[reg.CURRENT_LIMIT] == 200
    for servo in servos.values():
        assert servo.table[reg.BAUD_RATE] == 3
        assert servo.table[reg.RETURN_DELAY_TIME] == 0
        assert servo.table[reg.VELOCITY_LIMIT] == 131
        assert servo.table[reg.TORQUE_ENABLE] == 0
        assert servo.table[reg.FIRMWARE_VERSION] == 47


def test_a_shadow_shows_the_position_of_its_master() -> None:
    host = Host(servos_of(PROFILE), plant=FirstOrder.of(PROFILE, {"shoulder": 0.3}))
    tick = round(2048 + 0.3 / reg.RAD_PER_TICK)
    assert host.get(reg.PRESENT_POSITION, 2) == host.get(reg.PRESENT_POSITION, 3) == tick


# -- whatever comes ------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0, 1, 2, 3, 0xFE)),
            st.sampled_from((*Instruction, 0x42)),
            st.one_of(
                st.binary(max_size=12),
                st.builds(
                    lambda address, rest: struct.pack("<H", address) + rest,
                    st.sampled_from([register.address for register in reg.CONTROL_TABLE]),
                    st.binary(max_size=12),
                ),
            ),
        ),
        max_size=12,
    )
)
def test_no_instruction_raises_or_puts_a_register_out_of_range(
    packets: list[tuple[int, int, bytes]],
) -> None:
    host = Host([one(), one("XL430-W250", ID=2), one(ID=3, Secondary_ID=1)])
    for number, instruction, params in packets:
        host.line.receive(encoded(Packet(number, instruction, params)), host.now_ns)
        host.now_ns += 15 * MS
        host.line.due(host.now_ns)
    for servo in host.servos:
        for register, (least, most) in RANGED.items():
            assert least <= servo.table[register] <= most, register


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_raise(chunks: list[bytes]) -> None:
    host = Host()
    for chunk in chunks:
        host.line.receive(chunk, host.now_ns)
    assert host.ask(ping(1))[-1:] or host.ask(ping(1))
