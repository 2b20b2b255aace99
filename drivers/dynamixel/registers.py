"""The control table of Dynamixel X-series servos: registers, models, units, errors.

All models share the addresses, not every model has every register. Source: ROBOTIS e-manual, the
pages of XM540-W270, XM430-W350, XL430-W250 and XC430-W150.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from drivers.dynamixel.profile import CURRENT_A as CURRENT_A
from drivers.dynamixel.profile import MIDDLE_TICK as MIDDLE_TICK
from drivers.dynamixel.profile import MOST_CURRENT
from drivers.dynamixel.profile import RAD_PER_TICK as RAD_PER_TICK

# One unit of a register in the units of physics.
VELOCITY_RAD_S = 0.229 * 2.0 * math.pi / 60.0  # 0.229 turns a minute
ACCELERATION_RAD_S2 = 214.577 * 2.0 * math.pi / 3600.0  # 214.577 turns per minute squared
VOLTAGE_V = 0.1
FULL_PWM = 885  # all of the voltage
PWM_SHARE = 1.0 / FULL_PWM
LOAD_SHARE = 1e-3  # of the stall torque: Present_Current of a model without has_current
TICK_CYCLE_MS = 32768  # Realtime_Tick counts milliseconds up to one less
POSITION_MODE = 3  # of Operating_Mode: within one turn
MOST_OFFSET = 1024  # of Homing_Offset, that POSITION_MODE heeds; the other modes heed any

BAUDS = {
    0: 9_600,
    1: 57_600,
    2: 115_200,
    3: 1_000_000,
    4: 2_000_000,
    5: 3_000_000,
    6: 4_000_000,
    7: 4_500_000,
}

ALERT = 0x80  # in a status packet's error byte: Hardware_Error_Status is not zero
HARDWARE_ERRORS = {  # by bit of Hardware_Error_Status and of Shutdown
    0: "input voltage out of range",
    2: "overheated",
    3: "encoder fault",
    4: "electrical shock or too little power",
    5: "overload",
}


class Refusal(IntEnum):
    """Why a servo refused: a status packet's error byte without the alert."""

    RESULT = 1
    INSTRUCTION = 2
    CRC = 3
    DATA_RANGE = 4
    DATA_LENGTH = 5
    DATA_LIMIT = 6
    ACCESS = 7


REFUSALS: dict[int, str] = {
    Refusal.RESULT: "it could not process the packet",
    Refusal.INSTRUCTION: "it does not know the instruction",
    Refusal.CRC: "the packet reached it damaged",
    Refusal.DATA_RANGE: "the value is out of the register's range",
    Refusal.DATA_LENGTH: "the data is too short for the register",
    Refusal.DATA_LIMIT: "the value is beyond the limit set in its EEPROM",
    Refusal.ACCESS: "the register is read-only, or locked while torque is on",
}


def applied_offset(operating_mode: int, homing_offset: int) -> int:
    """Return what a motor in this mode really adds to its position, in ticks."""
    ignored = operating_mode == POSITION_MODE and abs(homing_offset) > MOST_OFFSET
    return 0 if ignored else homing_offset


def hardware_errors(status: int) -> tuple[str, ...]:
    """Return in words what the bits of Hardware_Error_Status say."""
    return tuple(
        HARDWARE_ERRORS.get(bit, f"unknown error, bit {bit}")
        for bit in range(8)
        if status & 1 << bit
    )


@dataclass(frozen=True, slots=True)
class Register:
    """One entry of the control table, little-endian."""

    name: str
    address: int
    size: int
    signed: bool = False
    eeprom: bool = False  # survives power off, locked while torque is on
    writable: bool = True

    def packed(self, value: int) -> bytes:
        """Return `value` as the register's bytes; raises ValueError if they cannot hold it."""
        try:
            return value.to_bytes(self.size, "little", signed=self.signed)
        except OverflowError:
            sign = "signed" if self.signed else "unsigned"
            raise ValueError(
                f"{self.name}: {value} does not fit into {self.size} bytes, {sign}"
            ) from None

    def unpacked(self, data: bytes) -> int:
        """Return the value in the register's bytes; raises ValueError for too few or too many."""
        if len(data) != self.size:
            raise ValueError(f"{self.name}: expected {self.size} bytes, got {len(data)}")
        return int.from_bytes(data, "little", signed=self.signed)


MODEL_NUMBER = Register("Model_Number", 0, 2, eeprom=True, writable=False)
MODEL_INFORMATION = Register("Model_Information", 2, 4, eeprom=True, writable=False)
FIRMWARE_VERSION = Register("Firmware_Version", 6, 1, eeprom=True, writable=False)
ID = Register("ID", 7, 1, eeprom=True)
BAUD_RATE = Register("Baud_Rate", 8, 1, eeprom=True)  # a key of BAUDS
RETURN_DELAY_TIME = Register("Return_Delay_Time", 9, 1, eeprom=True)  # 2 us
DRIVE_MODE = Register("Drive_Mode", 10, 1, eeprom=True)
OPERATING_MODE = Register("Operating_Mode", 11, 1, eeprom=True)
SECONDARY_ID = Register("Secondary_ID", 12, 1, eeprom=True)  # 255: none
PROTOCOL_TYPE = Register("Protocol_Type", 13, 1, eeprom=True)
HOMING_OFFSET = Register("Homing_Offset", 20, 4, signed=True, eeprom=True)
MOVING_THRESHOLD = Register("Moving_Threshold", 24, 4, eeprom=True)
TEMPERATURE_LIMIT = Register("Temperature_Limit", 31, 1, eeprom=True)  # deg C
MAX_VOLTAGE_LIMIT = Register("Max_Voltage_Limit", 32, 2, eeprom=True)
MIN_VOLTAGE_LIMIT = Register("Min_Voltage_Limit", 34, 2, eeprom=True)
PWM_LIMIT = Register("PWM_Limit", 36, 2, eeprom=True)
CURRENT_LIMIT = Register("Current_Limit", 38, 2, eeprom=True)
VELOCITY_LIMIT = Register("Velocity_Limit", 44, 4, eeprom=True)
MAX_POSITION_LIMIT = Register("Max_Position_Limit", 48, 4, eeprom=True)
MIN_POSITION_LIMIT = Register("Min_Position_Limit", 52, 4, eeprom=True)
EXTERNAL_PORT_MODE = tuple(
    Register(f"External_Port_Mode_{i + 1}", 56 + i, 1, eeprom=True) for i in range(3)
)
STARTUP_CONFIGURATION = Register("Startup_Configuration", 60, 1, eeprom=True)
SHUTDOWN = Register("Shutdown", 63, 1, eeprom=True)  # which HARDWARE_ERRORS switch torque off

TORQUE_ENABLE = Register("Torque_Enable", 64, 1)
LED = Register("LED", 65, 1)
STATUS_RETURN_LEVEL = Register("Status_Return_Level", 68, 1)
REGISTERED_INSTRUCTION = Register("Registered_Instruction", 69, 1, writable=False)
HARDWARE_ERROR_STATUS = Register("Hardware_Error_Status", 70, 1, writable=False)
VELOCITY_I_GAIN = Register("Velocity_I_Gain", 76, 2)
VELOCITY_P_GAIN = Register("Velocity_P_Gain", 78, 2)
POSITION_D_GAIN = Register("Position_D_Gain", 80, 2)
POSITION_I_GAIN = Register("Position_I_Gain", 82, 2)
POSITION_P_GAIN = Register("Position_P_Gain", 84, 2)
FEEDFORWARD_2ND_GAIN = Register("Feedforward_2nd_Gain", 88, 2)
FEEDFORWARD_1ST_GAIN = Register("Feedforward_1st_Gain", 90, 2)
BUS_WATCHDOG = Register("Bus_Watchdog", 98, 1, signed=True)  # 20 ms, -1: it has tripped
GOAL_PWM = Register("Goal_PWM", 100, 2, signed=True)
GOAL_CURRENT = Register("Goal_Current", 102, 2, signed=True)
GOAL_VELOCITY = Register("Goal_Velocity", 104, 4, signed=True)
PROFILE_ACCELERATION = Register("Profile_Acceleration", 108, 4)
PROFILE_VELOCITY = Register("Profile_Velocity", 112, 4)
GOAL_POSITION = Register("Goal_Position", 116, 4, signed=True)
REALTIME_TICK = Register("Realtime_Tick", 120, 2, writable=False)  # ms
MOVING = Register("Moving", 122, 1, writable=False)
MOVING_STATUS = Register("Moving_Status", 123, 1, writable=False)
PRESENT_PWM = Register("Present_PWM", 124, 2, signed=True, writable=False)
PRESENT_CURRENT = Register("Present_Current", 126, 2, signed=True, writable=False)
PRESENT_VELOCITY = Register("Present_Velocity", 128, 4, signed=True, writable=False)
PRESENT_POSITION = Register("Present_Position", 132, 4, signed=True, writable=False)
VELOCITY_TRAJECTORY = Register("Velocity_Trajectory", 136, 4, signed=True, writable=False)
POSITION_TRAJECTORY = Register("Position_Trajectory", 140, 4, signed=True, writable=False)
PRESENT_INPUT_VOLTAGE = Register("Present_Input_Voltage", 144, 2, writable=False)
PRESENT_TEMPERATURE = Register("Present_Temperature", 146, 1, writable=False)  # deg C
BACKUP_READY = Register("Backup_Ready", 147, 1, writable=False)

EXTERNAL_PORT_DATA = tuple(
    Register(f"External_Port_Data_{i + 1}", 152 + 2 * i, 2) for i in range(3)
)

# The byte at INDIRECT_DATA[i] is the one whose address stands in INDIRECT_ADDRESS[i].
INDIRECT_ADDRESS = tuple(
    Register(f"Indirect_Address_{i + 1}", 168 + 2 * i if i < 28 else 578 + 2 * (i - 28), 2)
    for i in range(56)
)
INDIRECT_DATA = tuple(
    Register(f"Indirect_Data_{i + 1}", 224 + i if i < 28 else 634 + (i - 28), 1) for i in range(56)
)

CONTROL_TABLE = tuple(
    sorted(
        [entry for entry in list(globals().values()) if isinstance(entry, Register)]
        + [*EXTERNAL_PORT_MODE, *EXTERNAL_PORT_DATA, *INDIRECT_ADDRESS, *INDIRECT_DATA],
        key=lambda register: register.address,
    )
)
TABLE_BYTES = CONTROL_TABLE[-1].address + CONTROL_TABLE[-1].size


@dataclass(frozen=True, slots=True)
class Model:
    """What tells one model of the X series from another."""

    name: str
    number: int
    modes: frozenset[
        int
    ]  # of Operating_Mode: 0 current, 1 velocity, 3 position, 4 turns, 5, 16 PWM
    has_current: bool  # else Present_Current is a load, and limit and goal do not exist
    has_external_ports: bool
    defaults: dict[Register, int]  # as it leaves the factory; a register not in it starts at 0

    def has(self, register: Register) -> bool:
        """Return whether it has this register."""
        if register in (CURRENT_LIMIT, GOAL_CURRENT):
            return self.has_current
        if register in EXTERNAL_PORT_MODE or register in EXTERNAL_PORT_DATA:
            return self.has_external_ports
        return True


_COMMON_DEFAULTS = {
    ID: 1,
    BAUD_RATE: 1,
    RETURN_DELAY_TIME: 250,
    OPERATING_MODE: POSITION_MODE,
    SECONDARY_ID: 255,
    PROTOCOL_TYPE: 2,
    MOVING_THRESHOLD: 10,
    TEMPERATURE_LIMIT: 80,
    MAX_VOLTAGE_LIMIT: 160,
    MIN_VOLTAGE_LIMIT: 95,
    PWM_LIMIT: FULL_PWM,
    MAX_POSITION_LIMIT: 4095,
    SHUTDOWN: 0x34,
    STATUS_RETURN_LEVEL: 2,
    VELOCITY_I_GAIN: 1920,
    VELOCITY_P_GAIN: 100,
    POSITION_P_GAIN: 800,
    GOAL_PWM: FULL_PWM,
    **{entry: data.address for entry, data in zip(INDIRECT_ADDRESS, INDIRECT_DATA, strict=True)},
}
_VOLTAGE_MODES = frozenset({1, 3, 4, 16})
_CURRENT_MODES = _VOLTAGE_MODES | {0, 5}


def _model(
    name: str,
    number: int,
    changed: dict[Register, int],
    *,
    has_external_ports: bool = False,
) -> Model:
    defaults = {MODEL_NUMBER: number, **_COMMON_DEFAULTS, **changed}
    current_limit = MOST_CURRENT.get(name)
    if current_limit is None:
        return Model(name, number, _VOLTAGE_MODES, False, has_external_ports, defaults)
    current = {CURRENT_LIMIT: current_limit, GOAL_CURRENT: current_limit}
    return Model(name, number, _CURRENT_MODES, True, has_external_ports, defaults | current)


MODELS = {
    model.name: model
    for model in (
        _model("XM540-W270", 1120, {VELOCITY_LIMIT: 128}, has_external_ports=True),
        _model("XM430-W350", 1020, {VELOCITY_LIMIT: 200}),
        _model(
            "XL430-W250",
            1060,
            {
                VELOCITY_LIMIT: 265,
                TEMPERATURE_LIMIT: 72,
                MAX_VOLTAGE_LIMIT: 140,
                MIN_VOLTAGE_LIMIT: 60,
                VELOCITY_I_GAIN: 1000,
                POSITION_D_GAIN: 4000,
                POSITION_P_GAIN: 640,
            },
        ),
        _model(
            "XC430-W150",
            1070,
            {
                VELOCITY_LIMIT: 460,
                MOVING_THRESHOLD: 20,
                MIN_VOLTAGE_LIMIT: 60,
                POSITION_P_GAIN: 460,
            },
        ),
    )
}
