"""What each register of a motor must say, and why.

One table, RULES, says it of every register. The checks of a launch and of `drivers check`, what
attaching writes and what `calibrate registers` offers to write follow from it; docs/registers.md
shows it.
"""

from __future__ import annotations

from typing import Final

from drivers.dynamixel import registers as reg
from drivers.dynamixel.demands import Demand, Rule, always, by_attaching, exactly
from drivers.dynamixel.profile import MODES, Motor
from drivers.dynamixel.registers import MODELS, Register

PERSON: Final = "`calibrate registers`"
ATTACHING: Final = "attaching"

_NO_SECONDARY: Final = 255
_LAST_ID: Final = 252  # a Secondary_ID above it is none
_REVERSED, _TIMED_PROFILE = 0b0001, 0b0100  # bits of Drive_Mode
_SWITCH_OFF, _STAY_ON = 0b110100, 0b000001  # bits of Shutdown: overload, shock and heat; voltage
_COOLEST_LIMIT: Final = 60  # deg C; working motors become as warm as that
_HIGHEST_MIN_VOLTAGE, _LOWEST_MAX_VOLTAGE = 100, 130  # 0.1 V: what a 12 V supply may come to


def _factory(motor: Motor, register: Register) -> int:
    return MODELS[motor.model].defaults.get(register, 0)


def _drive_mode(motor: Motor, shadow: bool) -> Demand:
    return exactly(_REVERSED * (motor.reversed != shadow), settable=_TIMED_PROFILE)


def _secondary_id(motor: Motor, shadow: bool) -> Demand:
    return exactly(motor.id) if shadow else Demand(_NO_SECONDARY, _LAST_ID + 1, _NO_SECONDARY)


def _homing_offset(_: Motor, shadow: bool) -> Demand:
    return Demand(0, -reg.MOST_OFFSET, reg.MOST_OFFSET) if shadow else exactly(0)


def _temperature_limit(motor: Motor, _: bool) -> Demand:
    factory = _factory(motor, reg.TEMPERATURE_LIMIT)
    return Demand(factory, _COOLEST_LIMIT, factory)


def _max_voltage(motor: Motor, _: bool) -> Demand:
    return Demand(_factory(motor, reg.MAX_VOLTAGE_LIMIT), _LOWEST_MAX_VOLTAGE, 160)


def _min_voltage(motor: Motor, _: bool) -> Demand:
    return Demand(_factory(motor, reg.MIN_VOLTAGE_LIMIT), 0, _HIGHEST_MIN_VOLTAGE)


def _most_current(motor: Motor) -> int:
    limit = motor.current_limit
    return _factory(motor, reg.CURRENT_LIMIT) if limit is None else limit


def _current_limit(motor: Motor, _: bool) -> Demand:
    most = _most_current(motor)
    # A limit that the config does not know may protect something: it is not lifted by itself.
    return exactly(most) if motor.current_limit is None else by_attaching(most)


def _goal_current(motor: Motor, _: bool) -> Demand | None:
    return by_attaching(_most_current(motor)) if motor.mode == "current_position" else None


def _shutdown(*_: object) -> Demand:
    return exactly(_SWITCH_OFF, bits=_SWITCH_OFF | _STAY_ON)


_MEASURED: Final = "measured, not set"
_VELOCITY_MODE: Final = "acts in velocity mode only"
_STEP: Final = "goals come smooth and often already: with a profile the joint would lag behind them"

RULES: Final = (
    Rule((reg.MODEL_NUMBER,), "the config's model", "units, limits and gains are a model's"),
    Rule((reg.MODEL_INFORMATION,), "", "the vendor's own"),
    Rule((reg.FIRMWARE_VERSION,), "in a pair the same", "two firmwares may follow differently"),
    Rule((reg.ID,), "the config's ids, all of them", "goals go to ids"),
    Rule((reg.BAUD_RATE,), "", "a motor that answers has the right one"),
    Rule(
        (reg.RETURN_DELAY_TIME,),
        "0",
        "each motor's answer would come later, and a cycle would not fit into its time",
        ATTACHING,
        always(by_attaching(0)),
    ),
    Rule(
        (reg.DRIVE_MODE,),
        "bit 0 by `reversed`, a shadow's the opposite; all other bits 0",
        "bit 0 is the sense of every angle; bit 1 makes a slave of it; bit 2 makes times of the "
        "profile's velocities; with bit 3 a goal switches torque on",
        f"{PERSON}; bit 2 {ATTACHING}",
        _drive_mode,
    ),
    Rule(
        (reg.OPERATING_MODE,),
        "the config's `mode`",
        "says which goal counts, and whether angles go beyond a turn",
        ATTACHING,
        lambda motor, _: by_attaching(MODES[motor.mode]),
    ),
    Rule(
        (reg.SECONDARY_ID,),
        "of a shadow its partner's id, else none (253 to 255)",
        "whose goals it obeys besides its own",
        PERSON,
        _secondary_id,
    ),
    Rule((reg.PROTOCOL_TYPE,), "", "a motor that answers speaks Protocol 2.0"),
    Rule(
        (reg.HOMING_OFFSET,),
        "0; of a shadow -1024 to 1024, as `calibrate shadows` finds it",
        "is added to the position, so the joint is not where it says; beyond 1024 only in some "
        "modes. What is mounted a little askew is corrected by the config's `zero_rad`",
        PERSON,
        _homing_offset,
    ),
    Rule((reg.MOVING_THRESHOLD,), "", "changes only what Moving says, which nobody reads"),
    Rule(
        (reg.TEMPERATURE_LIMIT,),
        "60 degrees to the factory's",
        "below, a motor that works lets go; above, it burns",
        PERSON,
        _temperature_limit,
    ),
    Rule(
        (reg.MAX_VOLTAGE_LIMIT,),
        "at least 13 V",
        "else a good 12 V supply is an error",
        PERSON,
        _max_voltage,
    ),
    Rule(
        (reg.MIN_VOLTAGE_LIMIT,),
        "at most 10 V",
        "else a supply that sags under load is an error",
        PERSON,
        _min_voltage,
    ),
    Rule(
        (reg.PWM_LIMIT,),
        "885, all of it",
        "less makes a weak motor, which falls behind or drops what it holds",
        PERSON,
        always(exactly(reg.FULL_PWM)),
    ),
    Rule(
        (reg.CURRENT_LIMIT,),
        "the config's `current_limit`, else the factory's",
        "how hard it pushes. A limit that the config does not know is not lifted without asking",
        f"{ATTACHING}; {PERSON} where the config says none",
        _current_limit,
    ),
    Rule((reg.VELOCITY_LIMIT,), "", "bounds Goal_Velocity, which acts in velocity mode only"),
    Rule(
        (reg.MAX_POSITION_LIMIT,),
        "the config's `ticks`",
        "a goal beyond it is refused, and the joint stays behind",
        PERSON,
        lambda motor, _: exactly(motor.ticks[1]),
    ),
    Rule(
        (reg.MIN_POSITION_LIMIT,),
        "the config's `ticks`",
        "a goal beyond it is refused, and the joint stays behind",
        PERSON,
        lambda motor, _: exactly(motor.ticks[0]),
    ),
    Rule(reg.EXTERNAL_PORT_MODE, "", "nothing is on the pins of an XM540"),
    Rule(
        (reg.STARTUP_CONFIGURATION,),
        "0",
        "torque would come on by itself after a dip of the supply, and old settings come back",
        PERSON,
        always(exactly(0)),
    ),
    Rule(
        (reg.SHUTDOWN,),
        "overload, electrical shock and overheating set, input voltage not",
        "what would burn lets go; a dip of the supply must not drop the arm",
        PERSON,
        _shutdown,
    ),
    Rule((reg.TORQUE_ENABLE,), "on while it holds", "attaching makes a limp arm hold", ATTACHING),
    Rule((reg.LED,), "", "a light"),
    Rule(
        (reg.STATUS_RETURN_LEVEL,),
        "2",
        "a motor that answers nothing but pings seems to be gone; it changes no motion, so it is "
        "set in motors that hold, too",
        f"{ATTACHING}; {PERSON}",
    ),
    Rule(
        (reg.REGISTERED_INSTRUCTION,),
        "",
        "a goal that another program left waiting waits for its Action, which is never sent",
    ),
    Rule(
        (reg.HARDWARE_ERROR_STATUS,),
        "0",
        "a latched error keeps torque off until the motor restarts",
        "`reboot`",
    ),
    Rule((reg.VELOCITY_I_GAIN, reg.VELOCITY_P_GAIN), "", _VELOCITY_MODE),
    Rule(
        (reg.POSITION_D_GAIN,),
        "the config's `gains`",
        "how stiffly it follows",
        ATTACHING,
        lambda motor, _: by_attaching(motor.gains.d),
    ),
    Rule(
        (reg.POSITION_I_GAIN,),
        "the config's `gains`",
        "how stiffly it follows",
        ATTACHING,
        lambda motor, _: by_attaching(motor.gains.i),
    ),
    Rule(
        (reg.POSITION_P_GAIN,),
        "the config's `gains`",
        "how stiffly it follows",
        ATTACHING,
        lambda motor, _: by_attaching(motor.gains.p),
    ),
    Rule(
        (reg.FEEDFORWARD_2ND_GAIN, reg.FEEDFORWARD_1ST_GAIN),
        "0",
        "it would overshoot goals that come in steps",
        ATTACHING,
        always(by_attaching(0)),
    ),
    Rule(
        (reg.BUS_WATCHDOG,),
        "0",
        "in position mode a silent bus means hold, which is what we want; one that has tripped "
        "takes no goals",
        ATTACHING,
        always(by_attaching(0)),
    ),
    Rule(
        (reg.GOAL_PWM,),
        "885, all of it",
        "less makes a weak motor; another program may have left it so",
        ATTACHING,
        always(by_attaching(reg.FULL_PWM)),
    ),
    Rule(
        (reg.GOAL_CURRENT,),
        "as Current_Limit must",
        "in mode current_position how hard it pushes; position mode does not heed it",
        ATTACHING,
        _goal_current,
    ),
    Rule((reg.GOAL_VELOCITY,), "", _VELOCITY_MODE),
    Rule(
        (reg.PROFILE_ACCELERATION, reg.PROFILE_VELOCITY),
        "0, no profile",
        _STEP,
        ATTACHING,
        always(by_attaching(0)),
    ),
    Rule(
        (reg.GOAL_POSITION,),
        "where the joint stands",
        "written and read back before torque comes on, else it would jump",
        ATTACHING,
    ),
    Rule((reg.REALTIME_TICK,), "", f"{_MEASURED}: tells fresh answers from old ones"),
    Rule((reg.MOVING, reg.MOVING_STATUS, reg.PRESENT_PWM), "", _MEASURED),
    Rule(
        (reg.PRESENT_CURRENT, reg.PRESENT_VELOCITY),
        "",
        f"{_MEASURED}: watched while the arm runs",
    ),
    Rule(
        (reg.PRESENT_POSITION,),
        "within the limits; of a pair the same within 30 ticks",
        "torque on elsewhere would send a joint round; motors that disagree fight",
        "a hand; `calibrate shadows`",
    ),
    Rule((reg.VELOCITY_TRAJECTORY, reg.POSITION_TRAJECTORY), "", _MEASURED),
    Rule(
        (reg.PRESENT_INPUT_VOLTAGE, reg.PRESENT_TEMPERATURE),
        "",
        f"{_MEASURED}: watched while the arm runs",
    ),
    Rule((reg.BACKUP_READY,), "", _MEASURED),
    Rule(reg.EXTERNAL_PORT_DATA, "", "nothing is on the pins of an XM540"),
    Rule(
        reg.INDIRECT_ADDRESS,
        "as many as a sample takes: its bytes in one piece",
        "what a cycle reads would be something else",
        ATTACHING,
    ),
    Rule(reg.INDIRECT_DATA, "", "what stands at these addresses"),
)
