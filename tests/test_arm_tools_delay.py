from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.arm_tools.delay import LONGEST_S, Trace, chirp, delay_s
from station.arm_tools.delay_plot import save_plot

pytestmark = pytest.mark.alone

RATE_HZ = 100.0


def trace(delay: float, scale: float = 1.0, offset: float = 0.0, step: float = 0.0) -> Trace:
    """Return a joint that does what it is told `delay` seconds later, sampled between commands."""
    command = 0.05 * chirp(RATE_HZ)
    sent = 7.0 + np.arange(len(command)) / RATE_HZ
    sampled = sent + 0.0037
    sample = offset + scale * np.interp(sampled - delay, sent, command)
    if step:
        sample = np.round(sample / step) * step
    return Trace(sent, command, sampled, sample)


@given(st.floats(0.002, 0.35), st.floats(0.3, 2.0), st.floats(-1.0, 1.0))
def test_a_delay_is_found_whatever_the_scale_and_the_offset(
    delay: float, scale: float, offset: float
) -> None:
    found, fit = delay_s(trace(delay, scale, offset))
    assert found == pytest.approx(delay, abs=2e-4)
    assert fit > 0.999


def test_a_delay_is_found_through_an_encoders_steps() -> None:
    found, fit = delay_s(trace(0.0437, step=2 * np.pi / 4096))
    assert found == pytest.approx(0.0437, abs=5e-4)
    assert fit > 0.99


def test_a_joint_that_does_not_move_correlates_with_nothing() -> None:
    _, fit = delay_s(trace(0.05, scale=0.0))
    assert abs(fit) < 0.5


def test_a_chirp_starts_and_ends_at_rest_within_one() -> None:
    wave = chirp(RATE_HZ)
    assert np.abs(wave).max() <= 1.0
    assert wave[0] == 0.0
    assert (wave[-round(LONGEST_S * RATE_HZ) :] == 0.0).all()
    assert np.abs(np.diff(wave)[[0, -1]]).max() < 1e-3


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "latency.png"
    assert save_plot(path, {"waist": (trace(0.05), 0.05), "elbow": (trace(0.03), 0.03)}) == path
    assert path.read_bytes().startswith(b"\x89PNG")
