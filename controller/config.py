"""What a station may choose about its controller."""

from __future__ import annotations

from typing import Annotated, Literal

from runtime.config import Apart, Between, Gap, Grace, Pace, Seconds, Share, StrictModel


class ControllerConfig(StrictModel):
    """How chunks become commands; the defaults are those of docs/benchmarks.md."""

    rate_hz: Annotated[int, Between(50, 200, "Hz")] = 100

    # How overlapping chunks are weighed. `act` is ACT's temporal ensembling, `recency` forgets with
    # age in seconds, `newest` believes the newest chunk alone.
    ensemble: Literal["act", "recency", "newest"] = "recency"
    act_m: Annotated[float, Between(0.0, 10.0)] = 0.01
    recency_tau_s: Seconds = 0.2
    taper_s: Grace = 0.2  # a chunk's weight fades over its last stretch
    gripper_hysteresis: Share = 0.02  # newer chunks that differ by less move no gripper

    # A newest chunk that keeps differing from the ensemble by more than `mode_spreads` times the
    # ensemble's own spread is another way to do the task: then switch to it, do not average.
    mode_spreads: Annotated[float, Between(0.1, 1000.0)] = 3.0
    mode_floor_rad: Apart = 0.04
    mode_window_s: Seconds = 0.3

    # How the ensemble joins the motion under way. Smoothness is the weight of squared jerk against
    # squared deviation.
    splice: Literal["minimum_jerk", "none"] = "minimum_jerk"
    smoothness_s6: Annotated[float, Between(1e-12, 1e-05, "s^6")] = 3e-7
    join_s: Seconds = 0.3  # time over which a splice comes to trust the ensemble fully

    max_age_s: Seconds = 3.0  # chunks from older observations are dropped
    # Stretch of plan published with every status.
    upcoming_s: Annotated[float, Between(0.01, 2.0, "s")] = 0.5

    margin_m: Gap = 0.02  # that arms keep from the table, themselves and one another
    touching_m: Gap = 0.002  # that fingers keep from the table and from the other hand

    home_speed: Pace = 0.3  # fraction of the limits, to poses
