"""What hard work does to a motor: heat, and the end of its overload protection's patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AMBIENT_C: Final = 25.0
STALLED_C: Final = 145.0  # where a stalled motor's temperature would end
COOLING_S: Final = 150.0  # time constant of the case
OVERLOAD_SHARE: Final = 0.8  # of the stall current: more for long is an overload
OVERLOAD_S: Final = 2.0

INPUT_VOLTAGE: Final = 1 << 0
OVERHEATED: Final = 1 << 2
OVERLOAD: Final = 1 << 5


@dataclass(slots=True)
class Strain:
    """A thermal model of first order with the copper losses as its source, and a load timer."""

    stall_a: float
    temperature_c: float = AMBIENT_C
    overloaded_s: float = 0.0

    def advance(self, current_a: float, dt_s: float) -> None:
        """Spend `current_a` for `dt_s`."""
        load = abs(current_a) / self.stall_a
        end_c = AMBIENT_C + (STALLED_C - AMBIENT_C) * load * load
        self.temperature_c += (end_c - self.temperature_c) * min(1.0, dt_s / COOLING_S)
        self.overloaded_s = self.overloaded_s + dt_s if load >= OVERLOAD_SHARE else 0.0

    def errors(self, most_c: int, supplied: bool) -> int:
        """Return the bits of Hardware_Error_Status that this is; is the voltage as it should be?"""
        errors = OVERLOAD if self.overloaded_s >= OVERLOAD_S else 0
        if self.temperature_c > most_c:
            errors |= OVERHEATED
        return errors if supplied else errors | INPUT_VOLTAGE
