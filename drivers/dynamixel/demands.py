"""What may be demanded of a register of a motor, and how what it says is compared with that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.dynamixel.profile import Motor
from drivers.dynamixel.registers import Register

ALL_BITS: Final = ~0
Demanding = Callable[[Motor, bool], "Demand | None"]  # of a motor, and whether it is a shadow


@dataclass(frozen=True, slots=True)
class Demand:
    """What a register of one motor must say.

    Attributes:
        value: what is written if it says something else.
        least: the lowest value that is good.
        most: the highest.
        bits: those that count.
        settable: those that attaching sets by itself in a limp motor; others are for a person.
    """

    value: int
    least: int
    most: int
    bits: int = ALL_BITS
    settable: int = 0

    def is_met(self, said: int) -> bool:
        """Return whether what a register says is good."""
        return self.least <= said & self.bits <= self.most


@dataclass(frozen=True, slots=True)
class Deviation:
    """A register that does not say what it must."""

    register: Register
    found: int
    demand: Demand

    @property
    def wanted(self) -> int:
        """What is to be written."""
        return self.found & ~self.demand.bits | self.demand.value

    @property
    def settable(self) -> bool:
        """Whether attaching sets it by itself, if the motor is limp."""
        return not (self.found ^ self.wanted) & ~self.demand.settable

    @property
    def change(self) -> str:
        """What would be written, in words."""
        return f"{self.register.name} {self.found} -> {self.wanted}"

    def __str__(self) -> str:
        """Return what is wrong, in words."""
        demand, should = self.demand, str(self.wanted)
        if demand.least < demand.most:
            should = f"{demand.least} to {demand.most}"
        return f"{self.register.name} is {self.found}, should be {should}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is demanded of a register, or of several alike.

    Attributes:
        registers: those.
        must: what they must say, in words; empty if they may say anything.
        why: the reason, of that or of why they may say anything.
        by: who sets them right, empty if nobody does.
        demand: what is demanded of a motor, None if other code looks after it.
    """

    registers: tuple[Register, ...]
    must: str
    why: str
    by: str = ""
    demand: Demanding | None = None


def exactly(value: int, *, bits: int = ALL_BITS, settable: int = 0) -> Demand:
    """Return the demand for one value, of some bits."""
    return Demand(value, value, value, bits, settable)


def by_attaching(value: int) -> Demand:
    """Return the demand for one value that attaching sets by itself."""
    return exactly(value, settable=ALL_BITS)


def always(demand: Demand) -> Demanding:
    """Return what demands the same of every motor."""
    return lambda *_: demand
