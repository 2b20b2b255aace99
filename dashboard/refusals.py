"""What was refused: counted, and told to the log once a second at most."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

_TOLD_EVERY_NS = 1_000_000_000


class Refusals:
    """Who floods the page must not flood the log, too."""

    def __init__(self) -> None:
        self.count = 0
        self._told_ns = -_TOLD_EVERY_NS

    def note(self, whom: str, why: str) -> None:
        """Count a refusal, and log it unless another was logged just now."""
        self.count += 1
        now_ns = time.monotonic_ns()
        if now_ns - self._told_ns >= _TOLD_EVERY_NS:
            self._told_ns = now_ns
            log.warning("refused %s: %s (%d so far)", whom, why, self.count)
