"""When the safety process finds fault: every threshold, by its row in docs/safety.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    model_validator,
)

from runtime.config import Apart, Between, Celsius, Count, Pace, Seconds, StrictModel, Volts


class SafetyConfig(StrictModel):
    """What is too slow, too hot, too far or too quiet; numbers in comments are rows of the table.

    Robots differ in what they stand; the defaults are those of ALOHA's arms.
    """

    directory: Path | None = None  # of the latch and the audit; None for the user's state directory
    deadman: bool = False  # 7: whether arms may move only while somebody has the page open

    # How many times as late as said below everybody may be; above 1 only for a robot whose motors
    # and cameras are played by a machine that has other things to do.
    patience: Annotated[float, Between(1.0, 100.0)] = 1.0
    # How long a silence only holds the arms, until those who stood still could say so; above 0 only
    # for such a robot. No more than the station gives a process before it takes it for dead.
    stall_s: Annotated[float, Between(0.0, 1.5, "s")] = 0.0

    starved_s: Seconds = 0.5  # 2: a policy's plan at its end
    controller_silent_s: Seconds = 0.1  # 4
    arm_silent_s: Seconds = 0.06  # 5
    dashboard_silent_s: Seconds = 1.5  # 7
    sample_age_s: Seconds = 0.03  # 8: a joint that missed three readings
    temperature_warn: Celsius = 60.0  # 11: degrees Celsius, like those below
    temperature_slow: Celsius = 65.0
    temperature_rest: Celsius = 70.0
    temperature_cool: Celsius = 55.0  # what was too hot stays so until it is below
    hot_speed: Pace = 0.5  # of the usual, above temperature_slow
    voltage_warn: Volts = 11.0  # 12
    voltage_hold: Volts = 10.2
    voltage_s: Seconds = 0.1
    tracking_rad: Apart = 0.35  # 14: between what a joint is told and where it is
    tracking_s: Seconds = 0.2
    refused_commands: Count = 3  # 16: in a row, by a driver's guard
    outside_rad: Apart = 0.1  # 17: measured beyond a joint's range
    blocked_s: Seconds = 1.0  # 20: arms kept from going on by what they would touch
    camera_age_s: Seconds = 0.15  # 22
    overruns: Count = 3  # 24: ticks in a row that began more than a period late
    # 24: of a period, 99th percentile of the lateness
    overrun_share: Annotated[float, Between(0.01, 10.0)] = 0.2
    overrun_window_s: Annotated[float, Between(0.1, 60.0, "s")] = 10.0

    self_test_s: Seconds = 0.5  # what each arm has to answer each half of the self-test
    request_age_s: Annotated[float, Between(0.1, 60.0, "s")] = 2.0  # an older one is refused
    cut_code_s: Seconds = 10.0  # how long a cut can be confirmed
    off_s: Seconds = 1.0  # how long arms at rest are told to let go

    @model_validator(mode="after")
    def _thresholds_ascend(self) -> SafetyConfig:
        heat = (
            self.temperature_cool,
            self.temperature_warn,
            self.temperature_slow,
            self.temperature_rest,
        )
        if sorted(set(heat)) != list(heat):
            raise ValueError(
                "temperatures must ascend from cool over warn and slow to rest, "
                f"got {', '.join(f'{degrees:g}' for degrees in heat)}"
            )
        if self.voltage_hold >= self.voltage_warn:
            raise ValueError(
                f"voltage_hold must be below voltage_warn, got {self.voltage_hold:g} and "
                f"{self.voltage_warn:g}"
            )
        return self

    def patient(self) -> SafetyConfig:
        """Return the same with its patience worked into how late anybody may be."""
        times = ("starved_s", "controller_silent_s", "arm_silent_s", "sample_age_s", "camera_age_s")
        later: dict[str, float] = {name: getattr(self, name) * self.patience for name in times}
        overruns = {"overruns": round(self.overruns * self.patience), "patience": 1.0}
        return self.model_copy(update={**later, **overruns})
