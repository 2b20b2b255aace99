"""The page of an episode: videos, joints and who commanded, in one timeline."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder import layout
from recorder.dataset import Dataset, DatasetError, vectors
from recorder.info import Info
from recorder.layout import Source
from recorder.structure import EpisodeRow
from station.recorder_tools.events import events as episode_events
from station.recorder_tools.page_videos import players

_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = ("episode_band.js", "episode_plots.js", "episode_time.js")
_TO_SECONDS: Final = len("2026-01-02T03:04:05")
_DIGITS: Final = 4  # a tenth of a milliradian


@dataclass(frozen=True, slots=True)
class Look:
    """How the page shows a source of commands: title, colour, and lines that need no colour."""

    title: str
    colour: str
    hatch: str = ""  # an SVG path within 8 by 8


_LOOKS: Final = {
    Source.DEMO: Look("person, demonstration", "#c4b5fd", "M0 2h8M0 6h8"),
    Source.AUTO: Look("policy", "#99f6e4"),
    Source.INTERVENTION: Look("person, correction", "#fdba74", "M-2 2l4-4M0 8l8-8M6 10l4-4"),
    Source.PAUSED: Look("nobody, holding", "#cbd5e1", "M2 0v8M6 0v8"),
    Source.HANDOVER: Look("handing back", "#bfdbfe", "M0 4h8M4 0v8"),
    Source.REWIND: Look("rewind", "#f9a8d4", "M-2 6l4 4M0 0l8 8M6-2l4 4"),
    Source.RESET: Look("going home", "#e2e8f0", "M4 3v2M3 4h2"),
}
_UNTOLD: Final = Look("not told who commanded", "#e2e8f0")
_VECTORS: Final = (layout.STATE, layout.ACTION)
_ARM_COLOUR: Final = "#c2410c"
_GAP_COLOUR: Final = "#0f172a"


def page(dataset: Dataset, episode: int) -> tuple[str, list[str]]:
    """Return the page as text, and what it says of videos that are left out of it.

    Raises:
        DatasetError: there is no such episode, or its data cannot be read.
    """
    row = dataset.row(episode)
    table = dataset.table(episode)
    if not len(table):
        raise DatasetError(f"episode {episode} of {dataset.directory} has no frames to show")
    videos, warnings = players(dataset, episode)
    events = episode_events(dataset, row, table)
    outcome = row.text("outcome_label") or "outcome unknown"
    text = Template((_HERE / "episode.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"Episode {episode}: {outcome}"),
        subtitle=escape("; ".join(row.tasks)),
        style=(_HERE / "episode.css").read_text(encoding="utf-8"),
        script="\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        facts="\n".join(_facts(dataset, row)),
        warnings=_warned(warnings),
        videos="\n".join(videos),
        events=_told(events, dataset.info.fps),
        footer=escape(f"{dataset.directory.absolute().name}, {dataset.info.robot}"),
        episode=_json(_contents(dataset, table, events)),
    )
    return text, warnings


def _facts(dataset: Dataset, row: EpisodeRow) -> Iterator[str]:
    facts = {
        "length": f"{row.length / dataset.info.fps:.2f} s, {row.length} frames",
        "type": row.text("data_type"),
        "outcome known at": f"{float(row.raw.get('outcome_s') or 0.0):.2f} s",
        "labelled by": row.text("labelled_by"),
        "operator": row.text("operator"),
        "policy": " ".join(filter(None, (row.text("policy"), row.text("checkpoint")))),
        "corrections": row.text("n_interventions"),
        "seed": row.text("seed"),
        "begun": row.text("t_start_wall")[:_TO_SECONDS].replace("T", " "),
    }
    if not row.raw.get("outcome_s"):
        del facts["outcome known at"]
    for name, text in facts.items():
        if text:
            yield f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>"


def _contents(dataset: Dataset, table: pa.Table, events: list[tuple[int, str]]) -> dict[str, Any]:
    """Return what the page's script draws, frame by frame."""
    return {
        "fps": dataset.info.fps,
        "length": len(table),
        **_curves(dataset.info, table),
        **_sources(dataset.info, table),
        "marks": _marks(table) if dataset.info.recorded else [],
        "events": [{"frame": frame, "text": text} for frame, text in events],
    }


def _sources(info: Info, table: pa.Table) -> dict[str, Any]:
    """Return who commanded each frame, and how each of them looks."""
    looks = {source.name.lower(): look for source, look in sorted(_LOOKS.items())}
    if info.recorded:
        given = table[layout.RECAP + "source"].to_pylist()
        source = [number if number in _LOOKS else int(Source.PAUSED) for number in given]
    else:
        looks, source = {"untold": _UNTOLD}, [0] * len(table)
    return {"source": source, "sources": [{"name": name, **asdict(looks[name])} for name in looks]}


def _curves(info: Info, table: pa.Table) -> dict[str, Any]:
    """Return what is drawn: a plot for each name, and its values, null where there is none.

    State and action share plots where they have the same names.
    """
    found = {key: feature.names for key in _VECTORS if (feature := info.vector(key))}
    together = len(set(found.values())) <= 1
    plots = {
        (key if not together else "", name): None for key, names in found.items() for name in names
    }
    nothing: list[float | None] = [None] * len(plots)
    drawn = {key: [list(nothing) for _ in range(len(table))] for key in _VECTORS}
    for key, names in found.items():
        first = 0 if together else [plot for plot, _ in plots].index(key)
        for row, values in zip(drawn[key], _rounded(table[key]), strict=True):
            row[first : first + len(names)] = values
    return {
        "joints": [name if together else f"{key}: {name}" for key, name in plots],
        "state": drawn[layout.STATE],
        "action": drawn[layout.ACTION],
        "proposed": _proposed(info, table, nothing),
    }


def _proposed(info: Info, table: pa.Table, nothing: list[float | None]) -> list[list[float | None]]:
    """Return what the policy wanted, nothing where it wanted nothing."""
    if not info.recorded:
        return [nothing] * len(table)
    name = layout.RECAP + "policy_action"
    valid = table[name + "_valid"].to_pylist()
    wanted = zip(_rounded(table[name]), valid, strict=True)
    return [row if good else nothing for row, good in wanted]


def _marks(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of the timeline that are on or off: arms that a person moved, and gaps."""
    arms = layout.RECAP + "intervention_"
    marks = [
        {"name": f"{name.removeprefix(arms)} arm", "colour": _ARM_COLOUR}
        | {"on": [int(on) for on in table[name].to_pylist()]}
        for name in table.column_names
        if name.startswith(arms) and name != arms + "id"
    ]
    gap = layout.RECAP + "gap"
    if gap in table.column_names and pc.any(table[gap]).as_py():
        on = [int(each) for each in table[gap].to_pylist()]
        marks.append({"name": "gap", "colour": _GAP_COLOUR, "on": on})
    return marks


def _told(events: list[tuple[int, str]], fps: float) -> str:
    if not events:
        return "<p>Nothing.</p>"
    rows = "\n".join(
        f'<tr><td><button type="button" data-frame="{frame}">{frame / fps:.2f} s</button></td>'
        f"<td>{escape(text)}</td></tr>"
        for frame, text in events
    )
    return f"<table>{rows}</table>"


def _warned(warnings: list[str]) -> str:
    if not warnings:
        return ""
    lines = "".join(f"<li>{escape(text)}</li>" for text in warnings)
    return f'<section class="warnings"><ul>{lines}</ul></section>'


def _rounded(column: pa.ChunkedArray) -> list[list[float | None]]:
    """Return vectors for JSON, which knows no infinity."""
    rows = np.round(vectors(column).astype(np.float64), _DIGITS).tolist()
    return [[value if math.isfinite(value) else None for value in row] for row in rows]


def _json(contents: dict[str, Any]) -> str:
    """Return JSON that no text in it can end the script's element with."""
    return json.dumps(contents, separators=(",", ":")).replace("</", "<\\/")
