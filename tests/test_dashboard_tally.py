"""How the page counts the episodes that it hears of."""

from __future__ import annotations

from dashboard.tally import Tally
from messaging.messages import EpisodeState


def state(begin: int, outcome: str = "") -> EpisodeState:
    phase = "over" if outcome else "running"
    return EpisodeState(0, begin, 0, "lift", phase, t_begin_ns=begin, outcome=outcome)


def test_an_episode_is_counted_once_however_often_its_end_is_told() -> None:
    tally = Tally()
    for begin, commanders in ((1, ["policy"]), (2, ["hold", "human"]), (3, ["policy", "human"])):
        tally.hear(state(begin))
        for commander in commanders:
            tally.look(commander)
        tally.hear(state(begin))
        for _ in range(3):
            tally.hear(state(begin, "timeout"))
            tally.look("human")
    assert tally.counts == {
        ("auto", "timeout"): 1,
        ("demo", "timeout"): 1,
        ("intervention", "timeout"): 1,
    }


def test_an_episode_whose_begin_nobody_heard_is_not_counted() -> None:
    tally = Tally()
    tally.hear(state(4, "success"))
    assert not tally.counts
