"""What a detector found, taken apart."""

from __future__ import annotations

from safety.cause import Cause, Findings
from safety.config import SafetyConfig

MS = 1_000_000
NOW = 1_000_000 * MS
CONFIG = SafetyConfig()


def only(found: Findings) -> Cause:
    (cause,) = found.causes
    return cause


def rows(found: Findings) -> list[int]:
    return [cause.row for cause in found.causes]
