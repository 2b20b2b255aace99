import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.blending.ours import Ours, act_max_error
from benchmarks.blending.rules import (
    PEERS,
    ActAligned,
    ActByArrival,
    AlignedReplace,
    Crossfade,
    LeRobotWeightedAverage,
    ensemble,
)
from benchmarks.blending.stream import (
    HORIZON,
    JOINTS,
    SIGMA_RAD,
    TICK_S,
    Array,
    Chunk,
    Latency,
    Motion,
    disagreement,
)
from benchmarks.blending.sweep import outdone, reaction_s, swept, tables
from benchmarks.blending.trial import measured, play, rms, rms_jerk
from benchmarks.report import Target, publish

STEADY = Latency(0.1, jitter=0.0, spike_every=0)


def constant(value: float) -> Array:
    return np.full((HORIZON, JOINTS), value)


def ramp() -> Array:
    return np.repeat(np.arange(float(HORIZON))[:, None], JOINTS, axis=1)


def exact(tick: int, cursor: float, random: np.random.Generator) -> Array:
    del tick, random
    return Motion.drawn(3).at(cursor + np.arange(HORIZON))


def test_the_motion_is_as_lively_as_the_demonstration_it_stands_for() -> None:
    positions = Motion.drawn(7).at(np.arange(3000))
    assert rms(np.diff(positions, axis=0)) / TICK_S == pytest.approx(0.79, rel=0.05)
    assert rms(np.diff(positions, n=2, axis=0)) / TICK_S**2 == pytest.approx(2.3, rel=0.05)
    assert rms_jerk(positions) == pytest.approx(8.0, rel=0.05)


def test_chunks_disagree_by_sigma_where_they_are_used_and_more_at_their_end() -> None:
    random = np.random.default_rng(0)
    errors = np.stack([disagreement(random) for _ in range(400)])
    assert rms(errors[:, 5:10]) == pytest.approx(SIGMA_RAD, rel=0.05)
    assert rms(errors[:, -1]) > 1.3 * SIGMA_RAD


def test_latencies_jitter_upwards_and_spike_rarely() -> None:
    ticks = Latency(0.3).drawn_ticks(20_000, seed=0)
    assert ticks.min() == 15
    assert np.median(ticks) == pytest.approx(16.5, abs=0.6)
    assert np.mean(ticks > 18) == pytest.approx(0.01)
    assert ticks.max() <= 90


def test_lerobot_averages_the_overlap_and_takes_the_rest() -> None:
    rule = LeRobotWeightedAverage()
    rule.receive(Chunk(constant(0.0), 0, 0.0), 0)
    for tick in range(10):
        rule.command(tick)
    rule.receive(Chunk(constant(1.0), 5, 5.0), 10)
    played = [rule.command(tick) for tick in range(10, 55)]
    values = [float(row[0]) for row in played if row is not None]
    assert values == pytest.approx([0.7] * 40 + [1.0] * 5)
    assert rule.command(55) is None
    assert rule.cursor == 55.0


def test_act_by_arrival_starts_at_the_first_action_and_aligned_at_the_due_one() -> None:
    late, aligned = ActByArrival(), ActAligned()
    for rule in (late, aligned):
        rule.receive(Chunk(ramp(), 3, 3.0), 8)
    first, due = late.command(8), aligned.command(8)
    assert first is not None
    assert due is not None
    assert first[0] == pytest.approx(0.0)
    assert due[0] == pytest.approx(5.0)


def test_the_ensemble_favours_the_oldest_vote() -> None:
    votes = [np.array([0.0]), np.array([1.0])]
    assert ensemble(votes)[0] == pytest.approx(np.exp(-0.01) / (1.0 + np.exp(-0.01)))


def test_replace_jumps_and_the_crossfade_does_not() -> None:
    steps = {}
    for rule in (AlignedReplace(), Crossfade()):
        rule.receive(Chunk(constant(0.0), 0, 0.0), 0)
        rule.command(0)
        rule.receive(Chunk(constant(1.0), 1, 1.0), 1)
        played = [rule.command(tick) for tick in range(1, 17)]
        values = [0.0, *(float(row[0]) for row in played if row is not None)]
        assert values[-1] == pytest.approx(1.0)
        steps[rule.name] = np.diff(values).max()
    assert steps["aligned replace"] == pytest.approx(1.0)
    assert steps["crossfade 0.3 s"] < 0.11


@pytest.mark.parametrize("name", [name for name in PEERS if name != "ACT by arrival"])
def test_an_aligned_rule_repeats_a_policy_that_agrees_with_itself(name: str) -> None:
    motion = Motion.drawn(3)
    start = motion.at(np.zeros(1))[0]
    trace = play(PEERS[name](start), exact, STEADY, 400, start, seed=0)
    numbers = measured(trace, motion)
    assert numbers.rmse_mrad < 1e-6
    assert numbers.standing_percent == 0.0
    assert numbers.progress_percent == pytest.approx(100.0)
    assert numbers.jerk_ratio == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("name", PEERS)
def test_a_rule_without_chunks_has_nothing_to_play(name: str) -> None:
    assert PEERS[name](np.zeros(JOINTS)).command(0) is None


def test_past_the_runway_one_counts_and_stands_the_other_jumps() -> None:
    motion = Motion.drawn(3)
    latency = Latency(0.8, jitter=0.0, spike_every=0)
    start = motion.at(np.zeros(1))[0]
    numbers = {
        make.name: measured(play(make(), exact, latency, 800, start, seed=0), motion)
        for make in (LeRobotWeightedAverage, AlignedReplace)
    }
    assert numbers["LeRobot 0.3/0.7"].progress_percent < 70.0
    assert numbers["aligned replace"].standing_percent > 70.0
    assert numbers["aligned replace"].step_mrad > 300.0


def test_ours_is_smooth_and_near_while_inference_keeps_up() -> None:
    result = swept(Ours, (0.1,), 15.0)[0.1]
    assert result.numbers.jerk_ratio <= 1.5
    assert result.numbers.rmse_mrad <= 6.5
    assert result.reaction_s <= 0.7


def test_ours_slows_down_past_the_runway_without_a_jump() -> None:
    result = swept(Ours, (0.8,), 15.0)[0.8]
    assert 20.0 < result.numbers.progress_percent < 70.0
    assert result.numbers.step_mrad < 45.0
    assert result.numbers.jerk_ratio < 5.0


def test_ours_in_act_mode_is_acts_formula() -> None:
    assert act_max_error() <= 1e-6


def test_reaction_counts_from_the_worst_moment() -> None:
    assert reaction_s(PEERS["aligned replace"], 0.1) == pytest.approx(0.2)


def test_a_rule_with_less_jerk_at_a_like_error_is_named() -> None:
    results = {
        (name, latency): result
        for name in ("aligned replace", "crossfade 0.3 s")
        for latency, result in swept(PEERS[name], (0.1,), 6.0).items()
    }
    assert outdone(results, "aligned replace") == ["crossfade 0.3 s at 100 ms"]
    assert outdone(results, "crossfade 0.3 s") == []
    assert all(table.row_count == 2 for table in tables(results, "aligned replace"))


def test_a_report_says_which_targets_are_missed_and_writes_figures_and_machine(
    tmp_path: Path,
) -> None:
    file = tmp_path / "figures" / "blending.json"
    targets = (Target("low", 1.0, "small is good"), Target("high", 1.0, "big is good", True))
    console = Console(
        record=True, width=100, quiet=False, file=(tmp_path / "log").open("w", encoding="utf-8")
    )
    assert not publish(console, {"low": 0.5, "high": 0.5}, targets, file)
    console.file.close()
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["figures"] == {"low": 0.5, "high": 0.5}
    assert {"cpu", "cores", "kernel", "python", "numpy"} <= set(written["machine"])
    assert "missed" in console.export_text()


def test_a_target_without_a_figure_is_missed(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        assert not publish(Console(file=log), {}, (Target("absent", 1.0, "never measured"),))
