"""What an arm of Dynamixel servos is made of: motors, caps, gripper geometry. Data, checked."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from drivers.dynamixel.weight import Weight
from runtime.config import Between, Metres, Radians, StrictModel

TICKS = 4096
MOST_ZERO_RAD = 0.2  # beyond that a horn is mounted a tooth off
RAD_PER_TICK = 2.0 * math.pi / TICKS
MIDDLE_TICK = TICKS // 2

ServoId = Annotated[int, Between(0, 252)]
Tick = Annotated[int, Between(0, TICKS - 1)]
MODES = {"position": 3, "current_position": 5}
CURRENT_MODE = 0
CURRENT_A = 2.69e-3  # one unit of Present_Current and Current_Limit
WITHOUT_CURRENT_SENSOR = ("XL430-W250", "XC430-W150")
MOST_CURRENT = {"XM540-W270": 2047, "XM430-W350": 1193}  # that Current_Limit takes
# How hard a motor pushes at 12 V against what stands in its way, and what it draws for that
# (ROBOTIS e-manual).
STALL_NM = {"XM540-W270": 10.6, "XM430-W350": 4.1, "XL430-W250": 1.5, "XC430-W150": 1.6}
STALL_A = {"XM540-W270": 4.4, "XM430-W350": 2.3, "XL430-W250": 1.4, "XC430-W150": 1.4}
_STRAIN = 0.8  # of the greatest current, for long, ends in an overload


class Gains(StrictModel):
    """Position gains in register units: K_P = p / 128, K_I = i / 65536, K_D = d / 16."""

    p: Annotated[int, Between(1, 16_383)] = 800  # without any, an arm with torque on falls
    i: Annotated[int, Between(0, 16_383)] = 0
    d: Annotated[int, Between(0, 16_383)] = 0


class Motor(StrictModel):
    """The motor of one joint, and the one that helps it, if any."""

    id: ServoId
    model: Literal["XM540-W270", "XM430-W350", "XL430-W250", "XC430-W150"]
    shadow: ServoId | None = None  # follows `id` by its Secondary_ID, mounted the other way round
    reversed: bool = False  # sign of the joint: bit 0 of Drive_Mode; a shadow has the opposite
    ticks: tuple[Tick, Tick] = (0, TICKS - 1)  # Min and Max_Position_Limit
    mode: Literal["position", "current_position"] = "position"
    gains: Gains = Gains()
    current_limit: Annotated[int, Between(1, 2047)] | None = None  # 2.69 mA, None: as it is
    step_cap_rad: Annotated[float, Between(0.001, 0.5, "rad")] = 0.1  # that its goal moves at most

    @field_validator("ticks")
    @classmethod
    def _ticks_rise(cls, ticks: tuple[int, int]) -> tuple[int, int]:
        if ticks[0] >= ticks[1]:
            raise ValueError(f"want the lower limit first, got {list(ticks)}")
        return ticks

    @model_validator(mode="after")
    def _model_is_able(self) -> Motor:
        if self.model not in WITHOUT_CURRENT_SENSOR:
            most = MOST_CURRENT[self.model]
            if self.current_limit is not None and self.current_limit > most:
                raise ValueError(f"{self.model} takes a current_limit of at most {most}")
            return self
        if self.mode == "current_position":
            raise ValueError(
                f"{self.model} measures no current, so it has no mode current_position; "
                "use mode position"
            )
        if self.current_limit is not None:
            raise ValueError(f"{self.model} measures no current: leave its current_limit out")
        return self

    @property
    def ids(self) -> tuple[int, ...]:
        """The joint's motors, the commanded one first."""
        return (self.id,) if self.shadow is None else (self.id, self.shadow)

    @property
    def most_current_a(self) -> float:
        """The greatest current that it can draw: stalled, or at its limit."""
        stall_a = STALL_A[self.model]
        if self.current_limit is None:
            return stall_a
        return min(stall_a, self.current_limit * CURRENT_A)

    @property
    def torque_nm_a(self) -> float:
        """The torque that an ampere gives."""
        return STALL_NM[self.model] / STALL_A[self.model]

    @property
    def strain_a(self) -> float:
        """The current that it must not draw for long, inf where that is unknown or meant.

        In mode current_position it may press on something with all that its limit allows.
        """
        senses = self.model not in WITHOUT_CURRENT_SENSOR
        return _STRAIN * self.most_current_a if senses and self.mode == "position" else math.inf

    @property
    def range_rad(self) -> tuple[float, float]:
        """What the register limits allow, in joint angles."""
        low, high = self.ticks
        return (low - MIDDLE_TICK) * RAD_PER_TICK, (high - MIDDLE_TICK) * RAD_PER_TICK


class Gripper(StrictModel):
    """How the gripper's crank moves its fingers, and where both stand open and closed.

    The finger stands `horn sin(a) + sqrt(rod^2 - (horn cos(a))^2)` from the middle at the crank's
    angle a (Interbotix's xs_driver).
    """

    horn_m: Metres
    rod_m: Metres
    closed_m: Metres
    open_m: Metres
    closed_rad: Radians
    open_rad: Radians

    @model_validator(mode="after")
    def _is_possible(self) -> Gripper:
        if not 0.0 < self.horn_m <= self.rod_m:
            raise ValueError(f"want 0 < horn_m <= rod_m, got {self.horn_m} and {self.rod_m}")
        if not self.closed_m < self.open_m or not self.closed_rad < self.open_rad:
            raise ValueError("want closed_m < open_m and closed_rad < open_rad")
        return self


class Profile(StrictModel):
    """An arm: where it is plugged in, its motors by joint, its gripper's geometry."""

    port: str  # the path of a serial port, or `unix:` and that of a socket
    baud: Literal[1000000, 2000000, 3000000, 4000000] = 1000000  # below, a cycle takes too long
    motors: dict[str, Motor]  # joint -> motor, in the order of the joints, the gripper last
    gripper: Gripper
    zero_rad: dict[str, Radians] = Field(default_factory=dict)  # added to what a joint's motor says
    weight: Weight | None = None  # of its links, so that a hand that has the arm need not carry it

    @field_validator("motors")
    @classmethod
    def _ids_are_unique(cls, motors: dict[str, Motor]) -> dict[str, Motor]:
        owners: dict[int, str] = {}
        for joint, motor in motors.items():
            for servo in motor.ids:
                if servo in owners:
                    raise ValueError(
                        f"id {servo} belongs to {owners[servo]} and to {joint}; give each motor of "
                        "a bus an id of its own"
                    )
                owners[servo] = joint
        if list(motors)[-1:] != ["gripper"]:
            raise ValueError(f"want the gripper as the last motor, got {', '.join(motors)}")
        return motors

    @model_validator(mode="after")
    def _zeros_are_corrections(self) -> Profile:
        for joint, zero in self.zero_rad.items():
            if joint not in self.motors or joint == "gripper":
                arm = ", ".join(list(self.motors)[:-1])
                raise ValueError(f"zero_rad: no joint {joint!r}, the arm has {arm}")
            if not abs(zero) <= MOST_ZERO_RAD:
                raise ValueError(
                    f"zero_rad: {joint} is {zero:g} rad, at most {MOST_ZERO_RAD} is a correction: "
                    "mount its horn right"
                )
        return self

    @model_validator(mode="after")
    def _links_are_joints(self) -> Profile:
        links = list(self.weight.links) if self.weight else []
        arm = list(self.motors)[:-1]
        if links != arm[: len(links)]:
            raise ValueError(
                f"weight: want the links of {', '.join(arm)} in this order, or of the first of "
                f"them, got {', '.join(links)}"
            )
        return self

    @property
    def carried(self) -> tuple[str, ...]:
        """The joints whose motors can carry what they turn, while a hand has the arm."""
        if self.weight is None or self.weight.share == 0.0:
            return ()
        able = (j for j in self.weight.links if self.motors[j].model not in WITHOUT_CURRENT_SENSOR)
        return tuple(able)

    def check_joints(self, joints: dict[str, tuple[float, float]]) -> None:
        """Raise ValueError unless the motors are those of `joints` (name -> range in rad)."""
        if list(joints) != list(self.motors):
            raise ValueError(
                f"joints and motors must have the same names in the same order, got joints "
                f"{', '.join(joints)} and motors {', '.join(self.motors)}"
            )
        for joint, (low, high) in joints.items():
            # As built: what is measured moves the ends a little, and goals end at `ticks` anyway.
            least, most = self.motors[joint].range_rad
            if joint == "gripper":
                low, high = self.gripper.closed_rad, self.gripper.open_rad
            if low < least - RAD_PER_TICK or high > most + RAD_PER_TICK:
                raise ValueError(
                    f"{joint} ranges from {low:g} to {high:g} rad, its motor's position limits "
                    f"from {least:.4f} to {most:.4f} rad: narrow the one or widen `ticks`"
                )

    @property
    def ids(self) -> tuple[int, ...]:
        """All motors of the arm, in ascending order."""
        return tuple(sorted(servo for motor in self.motors.values() for servo in motor.ids))
