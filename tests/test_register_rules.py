"""What is demanded of each register: of all of every model, with a reason, as the docs show it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dynamixel_easy_sdk  # type: ignore[import-untyped]
import pytest
from emulated_arm import follower, leader
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel import registers as reg
from drivers.dynamixel.demands import Deviation, Rule
from drivers.dynamixel.deviations import demands, deviations
from drivers.dynamixel.profile import Motor, Profile
from drivers.dynamixel.registers import CONTROL_TABLE, MODELS, Register, applied_offset
from drivers.dynamixel.rules import RULES
from simulation.servos.servo import servos_of

VENDORS_TABLES = Path(dynamixel_easy_sdk.__file__).parent / "control_table"
DOCS = Path(__file__).parents[1] / "docs" / "registers.md"
OF_REGISTER = {register: rule for rule in RULES for register in rule.registers}
ARMS = {"follower": follower("/dev/null"), "leader": leader("/dev/null")}
WAIST = Motor(id=1, model="XM540-W270")
ELBOW = Motor(id=4, shadow=5, model="XM430-W350", reversed=True, ticks=(648, 3094))
WRIST = Motor(id=8, model="XL430-W250")
GRIPPER = Motor(id=9, model="XM430-W350", mode="current_position", current_limit=200)
MOTORS = [(WAIST, 1), (ELBOW, 4), (ELBOW, 5), (WRIST, 8), (GRIPPER, 9)]


def as_demanded(motor: Motor, servo: int) -> dict[Register, int]:
    return dict.fromkeys(CONTROL_TABLE, 0) | {
        register: demand.value for register, demand in demands(motor, servo).items()
    }


def wrong(motor: Motor, servo: int, register: Register, value: int) -> list[Deviation]:
    return deviations(as_demanded(motor, servo) | {register: value}, motor, servo)


# -- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_every_register_of_a_model_is_checked_or_left_for_a_reason(name: str) -> None:
    """By the vendor's own table of the model."""
    text = (VENDORS_TABLES / f"{name.lower().replace('-', '_')}.model").read_text(encoding="utf-8")
    rows = [row.split("\t") for row in text.split("[control table]")[1].strip().splitlines()[1:]]
    places = {(register.address, register.size): register for register in CONTROL_TABLE}
    for address, size, label in rows:
        register = places.get((int(address), int(size)))
        assert register in OF_REGISTER, f"{label.strip()}: no rule says anything of it"
        assert MODELS[name].has(register), label


def test_each_register_has_one_rule_with_a_reason() -> None:
    assert Counter(entry for rule in RULES for entry in rule.registers) == Counter(CONTROL_TABLE)
    assert all(rule.why for rule in RULES)
    for rule in RULES:
        assert bool(rule.must) >= bool(rule.demand), rule.registers


def test_the_docs_show_the_table() -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    shown = lines[lines.index("|---|---|---|---|") + 1 :]
    assert shown == [_row(rule) for rule in RULES]


def _row(rule: Rule) -> str:
    names = [register.name for register in rule.registers]
    name = ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]}"
    return f"| {name} | {rule.must or '-'} | {rule.by or '-'} | {rule.why} |"


# -- what is compared ----------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ARMS.values(), ids=ARMS)
def test_a_lab_s_arm_needs_a_person_for_nothing(profile: Profile) -> None:
    servos = {servo.id: servo.table for servo in servos_of(profile)}
    for motor in profile.motors.values():
        for number in motor.ids:
            said = {register: servos[number][register] for register in CONTROL_TABLE}
            found = deviations(said, motor, number)
            assert all(deviation.settable for deviation in found), found
            assert {d.register for d in found} <= {reg.OPERATING_MODE}


@given(st.sampled_from(MOTORS), st.data())
def test_whatever_a_register_says_what_is_written_into_it_is_right(
    case: tuple[Motor, int], data: st.DataObject
) -> None:
    motor, servo = case
    register = data.draw(st.sampled_from(list(demands(motor, servo))))
    span = 1 << 8 * register.size
    low = -span // 2 if register.signed else 0
    value = data.draw(st.integers(low, low + span - 1))
    for deviation in wrong(motor, servo, register, value):
        assert (deviation.register, deviation.found) == (register, value)
        assert f"{register.name} is {value}, should be" in str(deviation)
        register.packed(deviation.wanted)
        assert not wrong(motor, servo, register, deviation.wanted)


FOR_A_PERSON = [
    (WAIST, 1, reg.HOMING_OFFSET, 1, "should be 0"),
    (ELBOW, 4, reg.HOMING_OFFSET, -700, "should be 0"),
    (ELBOW, 5, reg.HOMING_OFFSET, 1025, "should be -1024 to 1024"),
    (ELBOW, 5, reg.SECONDARY_ID, 255, "should be 4"),
    (ELBOW, 4, reg.SECONDARY_ID, 5, "should be 253 to 255"),
    (ELBOW, 4, reg.DRIVE_MODE, 0, "should be 1"),
    (ELBOW, 5, reg.DRIVE_MODE, 1, "should be 0"),
    (ELBOW, 4, reg.DRIVE_MODE, 0b1101, "should be 1"),
    (WAIST, 1, reg.DRIVE_MODE, 0b0010, "should be 0"),
    (WAIST, 1, reg.STARTUP_CONFIGURATION, 2, "should be 0"),
    (WAIST, 1, reg.PWM_LIMIT, 500, "should be 885"),
    (WAIST, 1, reg.CURRENT_LIMIT, 100, "should be 2047"),
    (WAIST, 1, reg.TEMPERATURE_LIMIT, 90, "should be 60 to 80"),
    (WRIST, 8, reg.TEMPERATURE_LIMIT, 40, "should be 60 to 72"),
    (WAIST, 1, reg.MIN_VOLTAGE_LIMIT, 125, "should be 0 to 100"),
    (WAIST, 1, reg.MAX_VOLTAGE_LIMIT, 115, "should be 130 to 160"),
    (WAIST, 1, reg.SHUTDOWN, 0b010100, "should be 52"),
    (WAIST, 1, reg.SHUTDOWN, 0b110101, "should be 52"),
    (ELBOW, 5, reg.MAX_POSITION_LIMIT, 4095, "should be 3094"),
    (ELBOW, 4, reg.MIN_POSITION_LIMIT, 0, "should be 648"),
]
SET_BY_ATTACHING = [
    (ELBOW, 4, reg.DRIVE_MODE, 0b0101, "should be 1"),
    (GRIPPER, 9, reg.OPERATING_MODE, 3, "should be 5"),
    (GRIPPER, 9, reg.CURRENT_LIMIT, 1193, "should be 200"),
    (GRIPPER, 9, reg.GOAL_CURRENT, 1193, "should be 200"),
    (WAIST, 1, reg.RETURN_DELAY_TIME, 250, "should be 0"),
    (WAIST, 1, reg.GOAL_PWM, 884, "should be 885"),
    (ELBOW, 5, reg.GOAL_PWM, -885, "should be 885"),
    (WRIST, 8, reg.PROFILE_VELOCITY, 131, "should be 0"),
    (WRIST, 8, reg.PROFILE_ACCELERATION, 15, "should be 0"),
    (WAIST, 1, reg.FEEDFORWARD_1ST_GAIN, 100, "should be 0"),
    (WAIST, 1, reg.POSITION_I_GAIN, 100, "should be 0"),
    (WAIST, 1, reg.BUS_WATCHDOG, -1, "should be 0"),
]


@pytest.mark.parametrize(
    ("motor", "servo", "register", "value", "words", "settable"),
    [(*case, False) for case in FOR_A_PERSON] + [(*case, True) for case in SET_BY_ATTACHING],
)
def test_what_changes_the_meaning_or_the_force_of_a_number_is_found(
    motor: Motor, servo: int, register: Register, value: int, words: str, settable: bool
) -> None:
    (found,) = wrong(motor, servo, register, value)
    assert words in str(found)
    assert found.settable is settable


GOOD = [
    (ELBOW, 5, reg.HOMING_OFFSET, -1024),
    (WAIST, 1, reg.SECONDARY_ID, 253),
    (WAIST, 1, reg.SHUTDOWN, 0b111100),
    (WAIST, 1, reg.TEMPERATURE_LIMIT, 70),
    (WRIST, 8, reg.CURRENT_LIMIT, 1),  # it has none
    (WAIST, 1, reg.GOAL_CURRENT, 1),  # position mode does not heed it
]


@pytest.mark.parametrize(("motor", "servo", "register", "value"), GOOD)
def test_what_changes_nothing_is_no_deviation(
    motor: Motor, servo: int, register: Register, value: int
) -> None:
    assert not wrong(motor, servo, register, value)


@pytest.mark.parametrize(
    ("mode", "offset", "applied"),
    [(3, 1024, 1024), (3, -1025, 0), (3, 1500, 0), (0, 1500, 1500), (5, -1500, -1500), (4, 7, 7)],
)
def test_position_mode_alone_ignores_a_large_offset(mode: int, offset: int, applied: int) -> None:
    assert applied_offset(mode, offset) == applied
