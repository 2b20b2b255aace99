"""What a station may choose about its controller."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat


class ControllerConfig(BaseModel):
    """How chunks become commands; the defaults are those of docs/benchmarks.md."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    rate_hz: Annotated[int, Field(ge=50, le=200)] = 100

    # How overlapping chunks are weighed. `act` is ACT's temporal ensembling, `recency` forgets with
    # age in seconds, `newest` believes the newest chunk alone.
    ensemble: Literal["act", "recency", "newest"] = "recency"
    act_m: NonNegativeFloat = 0.01
    recency_tau_s: PositiveFloat = 0.2
    taper_s: NonNegativeFloat = 0.2  # a chunk's weight fades over its last stretch
    gripper_hysteresis: NonNegativeFloat = 0.02  # newer chunks that differ by less move no gripper

    # A newest chunk that keeps differing from the ensemble by more than `mode_spreads` times the
    # ensemble's own spread is another way to do the task: then switch to it, do not average.
    mode_spreads: PositiveFloat = 3.0
    mode_floor_rad: PositiveFloat = 0.04
    mode_window_s: PositiveFloat = 0.3

    # How the ensemble joins the motion under way. Smoothness is the weight of squared jerk against
    # squared deviation.
    splice: Literal["minimum_jerk", "none"] = "minimum_jerk"
    smoothness_s6: PositiveFloat = 3e-7
    join_s: PositiveFloat = 0.3  # time over which a splice comes to trust the ensemble fully

    max_age_s: PositiveFloat = 3.0  # chunks from older observations are dropped
    upcoming_s: PositiveFloat = 0.5  # stretch of plan published with every status

    margin_m: PositiveFloat = 0.02  # that arms keep from the table, themselves and one another
    touching_m: PositiveFloat = 0.002  # that fingers keep from the table and from the other hand

    home_speed: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3  # fraction of the limits, to poses
