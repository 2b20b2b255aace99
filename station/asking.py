"""Requests to the services of a station, as the launch and the command line make them."""

from __future__ import annotations

import time
import uuid

from messaging.messages import Request

LAUNCH = "launch"  # who asks, where the launch does so by itself


def new_request(
    kind: str, who: str, *, event: str = "", value: float = 0.0, reason: str = ""
) -> Request:
    """Return a request that was never made before, stamped now."""
    return Request(
        id=uuid.uuid4().hex,
        kind=kind,
        who=who,
        t_ns=time.monotonic_ns(),
        event=event,
        value=value,
        reason=reason,
    )
