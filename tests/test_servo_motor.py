"""How a servo turns its shaft: direction, modes, profile, protection."""

from __future__ import annotations

import pytest
from servo_bench import Host, one

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import ping, read, reboot
from drivers.dynamixel.registers import Refusal, Register
from simulation.servos.first_order import Shaft


def at_tick(tick: int) -> Shaft:
    return Shaft({1: 1}, position_rad=(tick - reg.MIDDLE_TICK) * reg.RAD_PER_TICK)


# -- position, direction, offset -----------------------------------------------------------------


def test_reverse_mode_turns_the_registers_around_the_middle() -> None:
    host = Host([one(Drive_Mode=1)], [at_tick(2148)])
    assert host.get(reg.PRESENT_POSITION) == 1948
    host.turn_on(2248)
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
    host.turn_on()
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
    host.turn_on(2048 + 700)
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
    host.turn_on(2448)
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


@pytest.mark.parametrize("mode", [0, 3, 5])
def test_the_goal_pwm_bounds_what_a_motor_spends_in_every_mode(mode: int) -> None:
    host = Host([one()], [Shaft({1: 1}, range_rad=(-0.1, 0.1))])
    host.put_all({reg.OPERATING_MODE: mode, reg.GOAL_PWM: 177, reg.TORQUE_ENABLE: 1})
    host.put_all({reg.GOAL_CURRENT: 1193, reg.GOAL_POSITION: 3000})
    host.wait(0.3)
    fifth = 0.2 * 2.3 / reg.CURRENT_A  # of what it draws when stalled
    assert host.get(reg.PRESENT_CURRENT) == pytest.approx(fifth, rel=0.02)


def test_without_a_current_sensor_the_load_is_shown() -> None:
    shaft = Shaft({1: 1}, range_rad=(-0.1, 0.1))
    host = Host([one("XL430-W250")], [shaft])
    host.turn_on(3000)
    host.wait(0.5)
    assert host.get(reg.PRESENT_CURRENT) == 1000


# -- protection ----------------------------------------------------------------------------------


def test_an_overload_latches_and_only_a_reboot_gives_torque_back() -> None:
    host = Host([one()], [Shaft({1: 1}, range_rad=(-0.1, 0.1))])
    host.turn_on(3000)
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
    host.turn_on()
    host.line.faults.happen("overload", 1)
    host.wait(0.02)
    assert host.get(reg.HARDWARE_ERROR_STATUS) == 1 << 5
    assert host.get(reg.TORQUE_ENABLE) == 1


def test_hard_work_heats_the_motor_until_it_shuts_down() -> None:
    shaft = Shaft({1: 1}, range_rad=(-0.1, 0.1))
    host = Host([one(Current_Limit=640, Temperature_Limit=40)], [shaft])
    host.turn_on(3000)
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
    host.turn_on()
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
