from benchmarks.ticks import LATENESS, TARGETS, targets


def test_only_lateness_is_excused_where_real_time_is_refused() -> None:
    assert targets(realtime=True) == (LATENESS, *TARGETS)
    assert targets(realtime=False) == TARGETS
    assert {target.key for target in TARGETS} == {"start_s", "frame_p50_ms"}
