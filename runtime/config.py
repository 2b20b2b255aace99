"""What all configs are made of: strict models, and numbers with bounds.

A number without bounds is a trap: `.inf` or `1e300` as a limit ends a control loop in NaN, and a
window of 1e9 s fills the memory. So each number of a config says between what it must lie, and
refuses what is not finite.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


class StrictModel(BaseModel):
    """A config: nothing is converted, no key is unknown, no number is infinite or not a number."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a number in a config, both allowed: `Annotated[float, Between(0.1, 20.0)]`."""

    low: float
    high: float
    unit: str = ""

    def __str__(self) -> str:
        """Return the bounds as people read them."""
        return f"{self.low:.12g} to {self.high:.12g} {self.unit}".rstrip()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of the number with a check of its bounds; pydantic asks for it."""
        schema = handler(source)
        if schema["type"] == "float":
            # Refused below, by words that say what would be right.
            schema = core_schema.float_schema(strict=True, allow_inf_nan=True)
        return core_schema.no_info_after_validator_function(self._checked, schema)

    def _checked(self, value: float) -> float:
        if not self.low <= value <= self.high:
            raise PydanticCustomError("out_of_bounds", "allowed is {bounds}", {"bounds": str(self)})
        return value


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PydanticCustomError(
            "name", "a name is 1 to 40 letters, digits, `_`, `-` and `.`, the first no mark"
        )
    return name


# What stands in the names of processes, topics and files.
Name = Annotated[str, AfterValidator(_named)]

Seconds = Annotated[float, Between(0.01, 60.0, "s")]  # of patience: until something is too late
Grace = Annotated[float, Between(0.0, 60.0, "s")]  # the same where there may be none
Radians = Annotated[float, Between(-10.0, 10.0, "rad")]
Apart = Annotated[float, Between(0.0001, 6.3, "rad")]  # how far two angles may differ
Metres = Annotated[float, Between(-10.0, 10.0, "m")]
Gap = Annotated[float, Between(0.0001, 0.2, "m")]
Share = Annotated[float, Between(0.0, 1.0)]
Pace = Annotated[float, Between(0.05, 1.0)]  # a share of the usual speed
Celsius = Annotated[float, Between(1.0, 150.0, "degrees Celsius")]
Volts = Annotated[float, Between(1.0, 60.0, "V")]
Count = Annotated[int, Between(1, 1000)]
Pixels = Annotated[int, Between(16, 4096, "pixels")]
FrameRate = Annotated[float, Between(0.1, 240.0, "Hz")]
LoopRate = Annotated[int, Between(1, 1000, "Hz")]
LatencyMs = Annotated[float, Between(0.0, 1000.0, "ms")]
Port = Annotated[int, Between(1024, 65_535)]
Seed = Annotated[int, Between(0, 2**32 - 1)]
