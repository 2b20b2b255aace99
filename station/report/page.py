"""The page of a run's report: one HTML file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from station.report.figures import CAPTURE_TO_MERGE
from station.report.plots import Plot

_TEMPLATE = Path(__file__).parent / "template.html"


def page(summary: dict[str, Any], drawn: Sequence[Plot], video: bytes) -> str:
    """Return the page as text, pictures and video included."""
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"Evenhand run {summary['started']}"),
        headline=escape(_headline(summary)),
        subtitle=escape(_subtitle(summary)),
        losses=_losses(summary["losses"]),
        figures="\n".join(_figure(*figure) for figure in _figures(summary)),
        video=_video(video),
        episodes=_episodes(summary["episodes"]) + _kinds(summary["kinds"]),
        plots="\n".join(_plot(plot) for plot in drawn) or _nothing_drawn(),
        counts=_counts(summary),
        brakes=_brakes(summary["brakes"]),
        events=_events(summary),
        footer=escape(_footer(summary["machine"])),
    )


def _headline(summary: dict[str, Any]) -> str:
    trials = len(summary["episodes"])
    if not trials:
        return "A run without a finished episode"
    if trials == 1:
        return "The episode succeeded" if summary["successes"] else "The episode failed"
    return f"{summary['successes']} of {trials} episodes succeeded"


def _subtitle(summary: dict[str, Any]) -> str:
    parts = [
        f"{summary['robot']}, policy {summary['policy']}, seed {summary['seed']}",
        f"started {summary['started']}",
        _duration(summary["duration_s"]),
        summary["ending"] or "aborted",
    ]
    return " · ".join(parts)


def _figures(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return value, unit and meaning of the key figures."""
    ticks, latency = summary["ticks"], summary["latency_ms"].get(CAPTURE_TO_MERGE, {})
    low, high = summary["success_interval_95"]
    rate = summary["success_rate"]
    success = ("-", "", "success, no episode finished")
    if rate is not None:
        success = (_number(rate, 100), "%", f"success, likely {low:.0%} to {high:.0%}")
    ready = summary["first_command_s"]
    dropped = sum(summary["chunks"]["dropped"].values())
    return [
        success,
        (_number(latency.get("p50")), "ms", f"capture to plan, p95 {_number(latency.get('p95'))}"),
        (_number(ticks.get("late_p999_ms")), "ms", "tick lateness, p99.9"),
        (
            _number(summary["jerk_rms"]),
            "rad/s³",
            f"commanded jerk, RMS; most {_number(summary['jerk_max'])}",
        ),
        (_number(summary["tracking_rms_rad"], 1e3), "mrad", "tracking error, RMS"),
        (f"{summary['chunks']['merged']}", "chunks", f"merged, {dropped} dropped"),
        (f"{ticks.get('missed', 0)}", "ticks", f"missed of {ticks['count']}"),
        (_number(ready), "s", "launch to first command"),
    ]


def _figure(value: str, unit: str, meaning: str) -> str:
    return f"<div><b>{value} <small>{unit}</small></b><span>{escape(meaning)}</span></div>"


def _losses(losses: Sequence[str]) -> str:
    if not losses:
        return ""
    items = "".join(f"<li>{escape(loss)}</li>" for loss in losses)
    return f'<section class="lost"><h2>This report is incomplete</h2><ul>{items}</ul></section>'


def _video(video: bytes) -> str:
    if not video:
        return ""
    source = f"data:video/webm;base64,{base64.b64encode(video).decode()}"
    return (
        "<section><h2>The last minute</h2>"
        f'<video src="{source}" controls muted loop autoplay playsinline></video></section>'
    )


def _plot(plot: Plot) -> str:
    source = f"data:image/png;base64,{base64.b64encode(plot.png).decode()}"
    return (
        f"<section><h2>{escape(plot.title)}</h2><p>{escape(plot.caption)}</p>"
        f'<img src="{source}" alt="{escape(plot.title)}"></section>'
    )


def _nothing_drawn() -> str:
    return "<section><h2>No plots</h2><p>The journal holds no control ticks.</p></section>"


def _kinds(kinds: dict[str, dict[str, int]]) -> str:
    """Return how the attempts ended by who commanded, empty where only the policy ever did."""
    if not set(kinds) - {"auto"}:
        return ""
    words = [
        f"{kind}: {', '.join(f'{count} {outcome}' for outcome, count in outcomes.items())}"
        for kind, outcomes in kinds.items()
    ]
    return f"<p>By who commanded: {escape('; '.join(words))}.</p>"


def _episodes(episodes: Sequence[dict[str, Any]]) -> str:
    rows = (
        (
            str(number),
            '<span class="yes">success</span>'
            if outcome["success"]
            else '<span class="no">failure</span>',
            f"{outcome['duration_s']:.1f} s",
            str(outcome["seed"]),
            escape(outcome["instruction"]),
        )
        for number, outcome in enumerate(episodes, 1)
    )
    return _table(("", "outcome", "took", "seed", "instruction"), rows, "No episode was finished.")


def _counts(summary: dict[str, Any]) -> str:
    groups = {
        "chunk dropped": summary["chunks"]["dropped"],
        "chunk clipped": {"to the joints' range": summary["chunks"]["clipped"]},
        "ensemble": {"switched to the newest chunk": summary["mode_switches"]},
        "limit acted": summary["limit_activations"],
        "guard held": summary["guard_holds"],
        "restarted": summary["restarts"],
    }
    rows = (
        (escape(group), escape(name.replace("_", " ")), f'<div class="number">{count}</div>')
        for group, counts in groups.items()
        for name, count in counts.items()
        if count
    )
    return _table(("what", "which", ""), rows, "Nothing dropped, limited, held or restarted.")


def _brakes(brakes: Sequence[dict[str, Any]]) -> str:
    rows = (
        (
            escape(brake["cause"]),
            f'<div class="number">{brake["count"]}</div>',
            f'<div class="number">{_number(brake["jerk_max"])} rad/s³</div>',
        )
        for brake in brakes
    )
    return _table(("braked", "times", "jerk at most"), rows, "The arms were never braked.")


def _events(summary: dict[str, Any]) -> str:
    rows = (
        (
            f"{(event['t_ns'] - summary['started_ns']) * 1e-9:.2f} s",
            escape(event["source"]),
            escape(event["text"]),
        )
        for event in summary["events"]
    )
    return _table(("at", "source", "event"), rows, "None.")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return f"<p>{escape(empty)}</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _footer(machine: dict[str, Any]) -> str:
    return (
        f"{machine['processor']}, {machine['cores']} cores · {machine['kernel']} · "
        f"Python {machine['python']}"
    )


def _number(value: float | None, scale: float = 1.0) -> str:
    """Return three digits, or a dash where there is no value."""
    if value is None:
        return "-"
    scaled = value * scale
    return f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
