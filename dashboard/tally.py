"""Episodes as they are heard of: how many of each kind ended how."""

from __future__ import annotations

from collections import Counter

from messaging.messages import EpisodeState

KINDS = ("demo", "auto", "intervention")


class Tally:
    """Counts each episode once, when it is over."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()  # kind and outcome: how often
        self.episode: EpisodeState | None = None  # the newest
        self._commanders: set[str] = set()  # of the episode that runs

    def look(self, commander: str) -> None:
        """Note who commands now."""
        if self.episode and self.episode.phase == "running":
            self._commanders.add(commander)

    def hear(self, state: EpisodeState) -> None:
        """Take in what is told of an episode."""
        before, self.episode = self.episode, state
        began = before is None or before.t_begin_ns != state.t_begin_ns
        if began:
            self._commanders.clear()
        ended = before is not None and before.phase == "running" and state.phase == "over"
        if ended and not began:
            self.counts[self.kind, state.outcome] += 1

    @property
    def kind(self) -> str:
        """One of KINDS: nobody but a person commanded so far, no person did, or both."""
        if "human" not in self._commanders:
            return "auto"
        return "intervention" if "policy" in self._commanders else "demo"
