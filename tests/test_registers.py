"""The control table: addresses, bytes, models and words as the vendor's manual has them."""

from itertools import pairwise
from pathlib import Path

import dynamixel_easy_sdk  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.registers import (
    CONTROL_TABLE,
    CURRENT_LIMIT,
    GOAL_CURRENT,
    GOAL_POSITION,
    HARDWARE_ERROR_STATUS,
    INDIRECT_ADDRESS,
    INDIRECT_DATA,
    MODELS,
    REFUSALS,
    TABLE_BYTES,
    TORQUE_ENABLE,
    VELOCITY_RAD_S,
    Refusal,
    Register,
    hardware_errors,
)

VENDORS_TABLES = Path(dynamixel_easy_sdk.__file__).parent / "control_table"


@pytest.mark.parametrize("name", MODELS)
def test_addresses_and_sizes_are_those_of_the_vendors_own_table(name: str) -> None:
    file = VENDORS_TABLES / f"{name.lower().replace('-', '_')}.model"
    text = file.read_text(encoding="utf-8").split("[control table]")[1]
    rows = [line.split("\t") for line in text.strip().splitlines()[1:]]
    theirs = {label.strip(): (int(address), int(size)) for address, size, label in rows}
    compared = 0
    for register in CONTROL_TABLE:
        if place := theirs.get(register.name.replace("_", " ")):
            assert (register.address, register.size) == place, register.name
            compared += 1
    assert compared > 40


def test_no_two_registers_overlap() -> None:
    for one, next_one in pairwise(CONTROL_TABLE):
        assert one.address + one.size <= next_one.address, next_one.name
    assert CONTROL_TABLE[-1].address + CONTROL_TABLE[-1].size == TABLE_BYTES == 662


def test_eeprom_ends_where_torque_enable_begins() -> None:
    for register in CONTROL_TABLE:
        assert register.eeprom == (register.address < TORQUE_ENABLE.address), register.name


def test_indirect_registers_come_in_two_blocks() -> None:
    assert [INDIRECT_ADDRESS[i].address for i in (0, 27, 28, 55)] == [168, 222, 578, 632]
    assert [INDIRECT_DATA[i].address for i in (0, 27, 28, 55)] == [224, 251, 634, 661]


@given(st.sampled_from(CONTROL_TABLE), st.data())
def test_every_value_survives_its_bytes(register: Register, data: st.DataObject) -> None:
    span = 1 << 8 * register.size
    low = -span // 2 if register.signed else 0
    value = data.draw(st.integers(low, low + span - 1))
    assert len(register.packed(value)) == register.size
    assert register.unpacked(register.packed(value)) == value


def test_a_value_that_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Torque_Enable: 256 does not fit into 1 bytes, unsigned"):
        TORQUE_ENABLE.packed(256)


def test_bytes_of_another_length_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Goal_Position: expected 4 bytes, got 2"):
        GOAL_POSITION.unpacked(b"\x00\x08")


@pytest.mark.parametrize("name", MODELS)
def test_a_models_defaults_fit_their_registers(name: str) -> None:
    for register, value in MODELS[name].defaults.items():
        assert register.unpacked(register.packed(value)) == value


@pytest.mark.parametrize("name", ["XL430-W250", "XC430-W150"])
def test_models_without_a_current_sensor_know_no_current_modes(name: str) -> None:
    model = MODELS[name]
    assert not model.has_current
    assert not model.modes & {0, 5}
    assert not model.defaults.keys() & {CURRENT_LIMIT, GOAL_CURRENT}


def test_a_velocity_limit_of_131_is_half_a_turn_per_second() -> None:
    assert pytest.approx(3.1415, abs=1e-3) == 131 * VELOCITY_RAD_S


def test_latched_errors_are_told_in_words() -> None:
    overload_and_heat = HARDWARE_ERROR_STATUS.unpacked(b"\x24")
    assert hardware_errors(overload_and_heat) == ("overheated", "overload")
    assert hardware_errors(0) == ()
    assert hardware_errors(0x02) == ("unknown error, bit 1",)


def test_every_refusal_has_words() -> None:
    assert set(REFUSALS) == set(Refusal)
