"""What a detector found, taken apart."""

from __future__ import annotations

from safety.cause import Cause, Findings
from safety.config import SafetyConfig
from safety.stall import Stalls

MS = 1_000_000
NOW = 1_000_000 * MS
CONFIG = SafetyConfig()
REAL = Stalls(0.0)  # nothing explains a silence of real arms


def only(found: Findings) -> Cause:
    (cause,) = found.causes
    return cause


def rows(found: Findings) -> list[int]:
    return [cause.row for cause in found.causes]
