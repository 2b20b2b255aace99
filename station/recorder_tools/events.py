"""What was said in an episode, and when: labels, notes, and what changed between two ticks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from recorder import layout
from recorder.dataset import Dataset
from recorder.structure import EpisodeRow


def events(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> list[tuple[int, str]]:
    """Return what was said when: frame and text, in order."""
    fps = dataset.info.fps
    found = list(_tick_events(dataset, row, table))
    if outcome := row.text("outcome_label"):
        known_s = float(row.raw.get("outcome_s") or row.length / fps)
        by = row.text("labelled_by")
        found.append((min(round(known_s * fps), row.length - 1), f"{outcome}, by {by or 'nobody'}"))
    if note := row.text("note"):
        found.append((row.length - 1, f"note: {note}"))
    return sorted(found)


def _tick_events(dataset: Dataset, row: EpisodeRow, table: pa.Table) -> Iterator[tuple[int, str]]:
    ticks = dataset.ticks(row.episode)
    stamps = layout.RECAP + "t_mono_ns"
    if ticks is None or stamps not in table.column_names:
        return
    frames_ns = table[stamps].to_numpy()
    ticks_ns = ticks["t_ns"].to_pylist()
    for t_ns, text in zip(ticks_ns, ticks["events"].to_pylist(), strict=True):
        if text:
            yield int(np.clip(np.searchsorted(frames_ns, t_ns), 0, len(table) - 1)), text
