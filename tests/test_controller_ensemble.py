"""What overlapping chunks agree on."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.alignment import Aligned
from controller.config import ControllerConfig
from controller.ensemble import Ensemble

Array = NDArray[np.float64]
JOINTS = ("left_waist", "left_elbow", "left_gripper")
TICK_NS = 10_000_000


def ensemble(**config: Any) -> Ensemble:
    return Ensemble(ControllerConfig(**config), JOINTS)


def constant(first: int, height: float, count: int = 100, grip: float | None = None) -> Aligned:
    rows = np.full((count, 3), height)
    rows[:, 2] = height if grip is None else grip
    return Aligned(first * TICK_NS, first, rows)


def act_by_the_book(chunks: list[Aligned], at: int, m: float) -> Array:
    """Zhao et al. 2023, algorithm 2: all predictions for a step, oldest first, weighted."""
    rows = [c.rows[at - c.first] for c in chunks if c.first <= at < c.stop]
    weights = np.exp(-m * np.arange(len(rows)))
    return np.asarray((weights[:, None] * np.array(rows)).sum(axis=0) / weights.sum())


@pytest.mark.parametrize("m", [0.01, 0.3])
def test_act_is_the_formula_of_its_authors(m: float) -> None:
    random = np.random.default_rng(1)
    joined = ensemble(ensemble="act", act_m=m)
    chunks: list[Aligned] = []
    for tick in range(0, 120, 3):
        chunks.append(Aligned(tick * TICK_NS, tick, random.normal(size=(50, 3))))
        joined.add(chunks[-1], tick)
        reference = joined.reference()
        for ahead in (0, 1, 20, 49):
            expected = act_by_the_book(chunks, tick + ahead, m)
            np.testing.assert_allclose(reference[ahead, :2], expected[:2], atol=1e-12)


def test_recency_forgets_with_time_not_with_the_number_of_chunks() -> None:
    few, many = ensemble(mode_floor_rad=6.3), ensemble(mode_floor_rad=6.3)
    few.add(constant(0, 1.0), 0)
    for tick in range(10):
        many.add(constant(tick, 1.0, 100 - tick), tick)
    for joined in (few, many):
        joined.add(constant(100 - 80, 0.0), 20)
    assert few.reference()[0, 0] == pytest.approx(np.exp(-1.0) / (1.0 + np.exp(-1.0)))
    assert many.reference()[0, 0] > few.reference()[0, 0]


def test_a_chunk_fades_out_before_it_ends() -> None:
    joined = ensemble(mode_floor_rad=6.3)
    joined.add(constant(0, 1.0, 100), 0)
    joined.add(constant(10, 0.0, 200), 10)
    steps = np.abs(np.diff(joined.reference()[:, 0]))
    assert steps.max() < 0.03


def test_newest_replaces_but_does_not_cut_the_end_off() -> None:
    joined = ensemble(ensemble="newest")
    joined.add(constant(0, 1.0, 100), 0)
    joined.add(constant(10, 0.5, 50), 10)
    assert joined.reference()[:50, 0].tolist() == [0.5] * 50
    assert joined.reference()[50:, 0].tolist() == [1.0] * 40


def test_grippers_are_never_averaged() -> None:
    joined = ensemble(gripper_hysteresis=0.0)
    joined.add(constant(0, 0.0, grip=1.0), 0)
    joined.add(constant(1, 0.0, grip=0.0), 1)
    assert joined.reference()[:, 2].tolist() == [0.0] * 100


def test_a_small_change_moves_no_gripper() -> None:
    joined = ensemble(gripper_hysteresis=0.05)
    joined.add(constant(0, 0.0, grip=0.50), 0)
    joined.add(constant(1, 0.0, grip=0.53), 1)
    assert joined.reference()[0, 2] == 0.50
    joined.add(constant(2, 0.0, grip=0.65), 2)
    assert joined.reference()[0, 2] == pytest.approx(0.60)


def test_a_contradiction_is_followed_not_averaged() -> None:
    joined = ensemble()
    for tick in range(0, 30, 10):
        assert not joined.add(constant(tick, 0.05), tick)
    assert joined.add(constant(30, -0.05), 30)
    assert joined.reference()[:, 0].tolist() == [-0.05] * 100


def test_disagreement_within_the_usual_spread_is_averaged() -> None:
    joined = ensemble()
    heights = np.random.default_rng(0).normal(0.0, 0.01, 40)
    switched = [joined.add(constant(10 * i, h), 10 * i) for i, h in enumerate(heights)]
    assert not any(switched)


def test_a_short_contradiction_is_no_other_way() -> None:
    joined = ensemble()
    joined.add(constant(0, 0.0), 0)
    blip = constant(10, 0.0)
    blip.rows[5:10] = 0.3
    assert not joined.add(blip, 10)


def test_act_never_switches() -> None:
    joined = ensemble(ensemble="act")
    joined.add(constant(0, 0.0), 0)
    assert not joined.add(constant(1, 1.0), 1)


def test_after_a_gap_only_the_newest_counts() -> None:
    joined = ensemble()
    joined.add(constant(0, 0.01, 50), 0)
    joined.add(constant(80, 0.02, 50), 90)
    assert joined.reference()[:, 0].tolist() == [0.02] * 40


def test_zero_is_a_target() -> None:
    joined = ensemble(ensemble="act")
    joined.add(constant(0, 0.0), 0)
    joined.add(constant(1, 0.0), 1)
    assert not joined.reference().any()


def test_cleared_it_knows_nothing() -> None:
    joined = ensemble()
    joined.add(constant(0, 1.0), 0)
    joined.clear()
    with pytest.raises(ValueError, match="without chunks"):
        joined.reference()
    joined.add(constant(0, 0.5), 0)
    assert joined.reference()[0, 0] == 0.5


@pytest.mark.parametrize(("kind", "expected"), [("recency", 3), ("act", 3), ("newest", 1)])
def test_it_says_how_many_chunks_it_is_made_of(kind: str, expected: int) -> None:
    joined = ensemble(ensemble=kind)
    assert joined.blended == 0
    for tick in (0, 10, 20):
        joined.add(constant(tick, 0.1), tick)
    assert joined.blended == expected
    joined.add(constant(110, 0.1), 110)
    assert joined.blended == min(expected, 2)
    joined.clear()
    assert joined.blended == 0
