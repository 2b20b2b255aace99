"""What one servo answers and does: its control table, its modes, its protection."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servo_bench import MS, PROFILE, Host, one

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import Instruction, Packet, encoded, ping, read, reboot, write
from drivers.dynamixel.registers import Refusal, Register
from simulation.servos.first_order import FirstOrder, Shaft
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


def torqued(host: Host, **goals: int) -> None:
    host.put_all({reg.TORQUE_ENABLE: 1})
    if "position" in goals:
        host.put_all({reg.GOAL_POSITION: goals["position"]})


def at_tick(tick: int) -> Shaft:
    return Shaft({1: 1}, position_rad=(tick - reg.MIDDLE_TICK) * reg.RAD_PER_TICK)


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
    torqued(host)
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
    torqued(host, position=2500)
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


# -- position, direction, offset -----------------------------------------------------------------


def test_reverse_mode_turns_the_registers_around_the_middle() -> None:
    host = Host([one(Drive_Mode=1)], [at_tick(2148)])
    assert host.get(reg.PRESENT_POSITION) == 1948
    torqued(host, position=2248)
    host.wait(1.0)
    assert host.get(reg.PRESENT_POSITION) == 2248
    assert host.plant.shafts[0].position_rad == pytest.approx(-200 * reg.RAD_PER_TICK, abs=1e-4)


@pytest.mark.parametrize("reverse", [0, 1])
def test_the_homing_offset_adds_to_the_position_whatever_the_direction(reverse: int) -> None:
    host = Host([one(Drive_Mode=reverse, Homing_Offset=50)])
    assert host.get(reg.PRESENT_POSITION) == 2098
    host.put_all({reg.HOMING_OFFSET: -70})
    assert host.get(reg.PRESENT_POSITION) == 1978


def test_position_mode_ignores_an_offset_of_more_than_a_quarter_turn() -> None:
    host = Host([one(Homing_Offset=1025)])
    assert host.get(reg.PRESENT_POSITION) == 2048
    host.put_all({reg.OPERATING_MODE: 4})
    assert host.get(reg.PRESENT_POSITION) == 3073


def test_torque_on_drives_to_the_old_goal() -> None:
    host = Host()
    host.plant.shafts[0].position_rad = 0.5  # somebody moved it meanwhile
    assert host.get(reg.PRESENT_POSITION) == 2374
    torqued(host)
    host.wait(1.0)
    assert host.get(reg.GOAL_POSITION) == 2048
    assert host.get(reg.PRESENT_POSITION) == 2048


# -- modes and profiles --------------------------------------------------------------------------


def test_a_change_of_mode_resets_gains_profile_and_goals() -> None:
    host = Host([one(Current_Limit=300, PWM_Limit=700)])
    host.put_all(
        {
            reg.POSITION_P_GAIN: 100,
            reg.PROFILE_VELOCITY: 20,
            reg.PROFILE_ACCELERATION: 5,
            reg.GOAL_PWM: 10,
            reg.GOAL_CURRENT: 20,
        }
    )
    host.put_all({reg.OPERATING_MODE: 3})
    assert host.get(reg.POSITION_P_GAIN) == 100
    host.put_all({reg.OPERATING_MODE: 5})
    assert host.get(reg.POSITION_P_GAIN) == 800
    assert host.get(reg.PROFILE_VELOCITY) == host.get(reg.PROFILE_ACCELERATION) == 0
    assert host.get(reg.GOAL_PWM) == 700
    assert host.get(reg.GOAL_CURRENT) == 300


def test_the_profile_bounds_velocity_and_acceleration() -> None:
    host = Host()
    host.put_all({reg.PROFILE_VELOCITY: 20, reg.PROFILE_ACCELERATION: 2})
    torqued(host, position=2048 + 700)
    ramp_s = 20 * reg.VELOCITY_RAD_S / (2 * reg.ACCELERATION_RAD_S2)
    host.wait(ramp_s / 2)
    assert host.get(reg.VELOCITY_TRAJECTORY) == pytest.approx(10, abs=1)
    host.wait(ramp_s / 2 + 0.2)
    assert host.get(reg.PRESENT_VELOCITY) == pytest.approx(20, abs=1)
    assert host.get(reg.MOVING) == 1
    assert host.get(reg.MOVING_STATUS) & 0x03 == 0x02
    host.wait(4.0)
    assert host.get(reg.PRESENT_POSITION) == 2748
    assert host.get(reg.MOVING) == 0
    assert host.get(reg.MOVING_STATUS) == 0x01


def test_a_timed_profile_arrives_on_time() -> None:
    host = Host([one(Drive_Mode=4)])
    host.put_all({reg.PROFILE_VELOCITY: 1000, reg.PROFILE_ACCELERATION: 300})
    torqued(host, position=2448)
    host.wait(0.8)
    assert 2100 < host.get(reg.POSITION_TRAJECTORY) < 2440
    host.wait(0.25)
    assert host.get(reg.POSITION_TRAJECTORY) == 2448


def test_torque_on_by_goal_update() -> None:
    host = Host([one(Drive_Mode=8)])
    host.put_all({reg.GOAL_POSITION: 2100})
    assert host.get(reg.TORQUE_ENABLE) == 1
    host.wait(0.5)
    assert host.get(reg.PRESENT_POSITION) == 2100


@pytest.mark.parametrize(
    ("mode", "register", "goal"),
    [(1, reg.GOAL_VELOCITY, -50), (16, reg.GOAL_PWM, -300), (0, reg.GOAL_CURRENT, -200)],
)
@pytest.mark.parametrize("reverse", [0, 1])
def test_velocity_pwm_and_current_modes_turn_the_way_of_their_goal(
    mode: int, register: Register, goal: int, reverse: int
) -> None:
    host = Host([one(Drive_Mode=reverse)])
    host.put_all({reg.OPERATING_MODE: mode, reg.TORQUE_ENABLE: 1, register: goal})
    host.wait(0.3)
    assert host.get(reg.PRESENT_VELOCITY) < -20
    assert (host.plant.shafts[0].velocity_rad_s > 0.0) == bool(reverse)


def test_the_goal_current_bounds_what_a_current_based_position_spends() -> None:
    shaft = Shaft({1: 1}, range_rad=(-0.1, 0.1))
    host = Host([one()], [shaft])
    host.put_all({reg.OPERATING_MODE: 5, reg.GOAL_CURRENT: 100, reg.TORQUE_ENABLE: 1})
    host.put_all({reg.GOAL_POSITION: 3000})
    host.wait(5.0)
    assert host.get(reg.PRESENT_CURRENT) == pytest.approx(100, abs=1)
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 0


def test_without_a_current_sensor_the_load_is_shown() -> None:
    shaft = Shaft({1: 1}, range_rad=(-0.1, 0.1))
    host = Host([one("XL430-W250")], [shaft])
    torqued(host, position=3000)
    host.wait(0.5)
    assert host.get(reg.PRESENT_CURRENT) == 1000


# -- protection ----------------------------------------------------------------------------------


def test_an_overload_latches_and_only_a_reboot_gives_torque_back() -> None:
    host = Host([one()], [Shaft({1: 1}, range_rad=(-0.1, 0.1))])
    torqued(host, position=3000)
    host.wait(3.0)
    (answer,) = host.ask(read(1, reg.TORQUE_ENABLE.address, 1))
    assert (answer.error, answer.data) == (reg.ALERT, b"\0")
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 1 << 5
    assert host.put(reg.TORQUE_ENABLE, 1) == reg.ALERT
    assert host.get(reg.TORQUE_ENABLE) == 0
    host.ask(reboot(1))
    host.wait(0.25)
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 0
    assert host.put(reg.TORQUE_ENABLE, 1) == 0
    assert host.get(reg.TORQUE_ENABLE) == 1


def test_an_error_that_shutdown_does_not_mask_keeps_the_torque() -> None:
    host = Host([one(Shutdown=0)])
    torqued(host)
    host.line.faults.happen("overload", 1)
    host.wait(0.02)
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 1 << 5
    assert host.get(reg.TORQUE_ENABLE) == 1


def test_hard_work_heats_the_motor_until_it_shuts_down() -> None:
    shaft = Shaft({1: 1}, range_rad=(-0.1, 0.1))
    host = Host([one(Current_Limit=640, Temperature_Limit=40)], [shaft])
    torqued(host, position=3000)
    host.wait(10.0)
    assert 27 <= host.get(reg.PRESENT_TEMPERATURE) <= 39
    host.wait(40.0)
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 1 << 2
    assert host.get(reg.TORQUE_ENABLE) == 0


def test_the_voltage_sags_with_the_current_of_all() -> None:
    servos = [one("XM540-W270", ID=number) for number in (1, 2, 3)]
    shafts = [Shaft({number: 1}, range_rad=(-0.1, 0.1)) for number in (1, 2, 3)]
    host = Host(servos, shafts)
    assert host.get(reg.PRESENT_INPUT_VOLTAGE) == 120
    for number in (1, 2, 3):
        host.put_all({reg.TORQUE_ENABLE: 1, reg.GOAL_POSITION: 3000}, number)
    host.wait(0.5)
    assert host.get(reg.PRESENT_INPUT_VOLTAGE) == pytest.approx(120 - 0.8 * 13.2, abs=1)


def test_a_voltage_below_the_limit_raises_the_alert_and_keeps_the_torque() -> None:
    host = Host([one(Min_Voltage_Limit=130)])
    torqued(host)
    host.wait(0.02)
    (answer,) = host.ask(ping(1))
    assert answer.error == reg.ALERT
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 1
    assert host.get(reg.TORQUE_ENABLE) == 1


def test_the_bus_watchdog_takes_the_voltage_away() -> None:
    host = Host()
    host.put_all({reg.OPERATING_MODE: 16, reg.TORQUE_ENABLE: 1, reg.GOAL_PWM: 200})
    host.put_all({reg.BUS_WATCHDOG: 5})
    host.wait(0.5)
    assert host.get(reg.GOAL_PWM) == 0
    assert host.get(reg.PRESENT_VELOCITY) == 0


def test_the_bus_watchdog_stops_the_servo_until_it_is_cleared() -> None:
    host = Host()
    host.put_all({reg.OPERATING_MODE: 1, reg.TORQUE_ENABLE: 1, reg.GOAL_VELOCITY: 50})
    host.put_all({reg.BUS_WATCHDOG: 5})
    host.wait(0.08)
    assert host.get(reg.PRESENT_VELOCITY) > 40
    host.wait(0.3)
    assert host.get(reg.BUS_WATCHDOG) == -1
    assert host.get(reg.PRESENT_VELOCITY) == 0
    assert host.put(reg.GOAL_VELOCITY, 10) == Refusal.DATA_RANGE
    assert host.put(reg.BUS_WATCHDOG, 0) == 0
    assert host.put(reg.GOAL_VELOCITY, 10) == 0


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
