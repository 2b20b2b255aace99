"""What happened in an episode, and when: who took command, labels, notes, what the ticks tell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import pyarrow as pa

from recorder import layout
from recorder.dataset import Dataset
from recorder.layout import Source
from recorder.structure import EpisodeRow

Event = tuple[int, str]  # the frame at which it happened, and what, in words


def events(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> list[Event]:
    """Return what happened, in order; the same again and again is told once, with its number."""
    found = [*_tick_events(dataset, row, table), *_changes(table), *_labels(dataset, row)]
    return list(_gathered(sorted(found)))


def _labels(dataset: Dataset, row: EpisodeRow) -> Iterator[Event]:
    last = row.length - 1
    if outcome := row.text("outcome_label"):
        known = float(row.raw.get("outcome_s") or row.length / dataset.info.fps) * dataset.info.fps
        by = row.text("labelled_by") or "nobody"
        yield round(known) if 0.0 <= known < last else last, f"{outcome}, by {by}"
    if note := row.text("note"):
        yield last, f"note: {note}"


def _changes(table: pa.Table) -> Iterator[Event]:
    """Yield where somebody else begins to command."""
    name = layout.RECAP + "source"
    if name not in table.column_names:
        return
    sources = table[name].to_numpy()
    for frame in np.flatnonzero(np.diff(sources)) + 1:
        number = int(sources[frame])
        known = number in set(Source)
        yield int(frame), f"now {Source(number).name.lower() if known else f'source {number}'}"


def _tick_events(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> Iterator[Event]:
    ticks = dataset.ticks(row.episode)
    stamps = layout.RECAP + "t_mono_ns"
    if ticks is None or stamps not in table.column_names:
        return
    frames_ns = table[stamps].to_numpy()
    ticks_ns = ticks["t_ns"].to_pylist()
    for t_ns, text in zip(ticks_ns, ticks["events"].to_pylist(), strict=True):
        if text:
            yield int(np.clip(np.searchsorted(frames_ns, t_ns), 0, len(table) - 1)), text


def _gathered(found: list[Event]) -> Iterator[Event]:
    for text, group in groupby(found, key=lambda event: event[1]):
        frames = [frame for frame, _ in group]
        times = f", {len(frames)} times up to frame {frames[-1]}" if len(frames) > 1 else ""
        yield frames[0], text + times
