"""The page for browsers without scripts: the state in words, and the button."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard import telling
from dashboard.observed import Observed
from messaging.messages import CUT, SafetyState

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
{refresh}<title>{title}</title>
<link rel="stylesheet" href="/page/plain.css">
<form method="post" action="/stop">{token}<button id="stop">STOP</button></form>
<h1>{title}</h1>
{lines}
<p class="law">A software stop is no ISO 13850 emergency stop: use the 12 V switch.</p>
<p>This page has no scripts{again}. <a href="/">To the full page</a>
"""
_LABEL = (
    "<label>Token, from another machine than the robot's: "
    '<input name="token" type="password" autocomplete="off"></label>'
)
_SILENT_MS = 1000.0
_PRESS_MS = 2000.0  # for so long a press is told of


def page(robot: str, observed: Observed, since_press_ms: float, now_ns: int) -> str:
    """Return the page, which looks again every second.

    Args:
        robot: its name.
        observed: what is known of it.
        since_press_ms: how long ago somebody pressed stop last, here or elsewhere.
        now_ns: the present.
    """
    said = observed.safety
    if said is None or (now_ns - said.t_ns) * 1e-6 > _SILENT_MS:
        lines = _silent()
    elif said.event:
        lines = _stopped(said, telling.overdue(said, observed, now_ns))
    elif since_press_ms < _PRESS_MS:
        lines = _pressed(since_press_ms)
    else:
        speed = f"at most {said.speed:.0%} of the usual speed"
        lines = [said.phase.upper(), f"Motion allowed: {said.motion}, {speed}.", said.note]
        lines += [f"Holds: {why}" for why in said.holds]
        lines += [f"The policy waits: {why}" for why in said.waits]
    return _PAGE.format(
        title=escape(f"{robot}: {lines[0]}"),
        refresh='<meta http-equiv="refresh" content="1">\n',
        again=" and looks again every second",
        token="",
        lines="\n".join(f"<p>{escape(line)}</p>" for line in lines[1:]),
    )


def locked(robot: str) -> str:
    """Return the page for who has not said a token."""
    return _PAGE.format(
        title=escape(robot),
        refresh="",  # it would wipe a half-typed token away
        again="",
        token=_LABEL,
        lines="<p>From another machine, seeing and stopping need a token.</p>",
    )


def _silent() -> list[str]:
    return [
        "NO WORD FROM SAFETY",
        "Without its permit the arms stop by themselves. If anything moves, use the 12 V switch.",
    ]


def _pressed(since_press_ms: float) -> list[str]:
    if since_press_ms < telling.CONFIRM_MS:
        return ["STOP SENT", "Waiting for its confirmation."]
    return ["NOT CONFIRMED", "USE THE 12 V SWITCH"]


def _stopped(said: SafetyState, overdue: Sequence[str]) -> list[str]:
    return [
        f"STOPPED, event {said.event}",
        _confirmation(said, overdue),
        f"Since {said.stopped_at}, by {said.by}.",
        *(f"Cause: {cause}" for cause in said.causes),
        *(f"Still there: {cause}" for cause in said.persisting),
    ]


def _confirmation(said: SafetyState, overdue: Sequence[str]) -> str:
    if overdue:
        return f"NOT CONFIRMED by {' and '.join(overdue)} arm: USE THE 12 V SWITCH"
    if said.awaited:
        return f"Waiting for {' and '.join(said.awaited)} arm."
    if said.motion != "none":
        return "Going to rest."
    done = "Torque off" if said.stop == CUT else "Holding"
    if not said.confirmed_ms:
        return f"{done}."
    took_ms = max(said.confirmed_ms.values())
    return f"{done}, confirmed by {' and '.join(sorted(said.confirmed_ms))} arm, {took_ms:.0f} ms."
