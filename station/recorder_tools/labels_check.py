"""Whether the labels of an episode agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout
from recorder.dataset import SUCCESS_OF
from recorder.layout import Source, Success
from recorder.structure import EpisodeRow, Fault

_LEARN_NOT: Final = "`split` leaves it out of what is learnt from"
_CORRECTING: Final = (Source.INTERVENTION, Source.REWIND)  # a correction begins with going back
_BY_A_PERSON: Final = (Source.DEMO, Source.INTERVENTION)


def faults(row: EpisodeRow, table: pa.Table) -> Iterator[Fault]:
    """Yield contradictions between the labels of an episode and those of its frames."""
    labels = _Labels(table)
    for what in (*_sources(labels), *_corrections(row, labels), *_kind(row, labels)):
        yield Fault(f"episode {row.episode}", what, _LEARN_NOT)
    ends = () if row.relabelled else _ends(row, table)
    for what in (*_outcome(row), *ends, *_chunks(labels)):
        yield Fault(f"episode {row.episode}", what, _LEARN_NOT)


class _Labels:
    """The columns of RECAP, by their short names."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        arm = layout.RECAP + "intervention_"
        self.arms = [
            name.removeprefix(arm)
            for name in table.column_names
            if name.startswith(arm) and name != arm + "id"
        ]
        self.source = self["source"]
        self.by_a_person = np.isin(self.source, [int(source) for source in _BY_A_PERSON])

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        values: NDArray[np.int64] = self._table[layout.RECAP + name].to_numpy()
        return values


def _sources(labels: _Labels) -> Iterator[str]:
    unknown = sorted(set(labels.source.tolist()) - {int(source) for source in Source})
    if unknown:
        yield f"source has the values {unknown}; there are 0 to {max(Source)}"
    marked = labels["is_intervention"].astype(bool)
    wrong = np.flatnonzero(marked != (labels.source == Source.INTERVENTION))
    if len(wrong):
        yield f"is_intervention contradicts source in {len(wrong)} rows, first in {wrong[0]}"


def _corrections(row: EpisodeRow, labels: _Labels) -> Iterator[str]:
    for arm in labels.arms:
        moved = labels[f"intervention_{arm}"].astype(bool)
        if (moved & ~labels.by_a_person).any():
            at = int(np.flatnonzero(moved & ~labels.by_a_person)[0])
            yield f"a person moves arm {arm} in row {at}, where {_name(labels.source[at])} commands"
    numbers = labels["intervention_id"]
    if ((numbers >= 0) != np.isin(labels.source, _CORRECTING)).any():
        yield "intervention_id is not set in just those rows that are corrections"
    counted = len(np.unique(numbers[numbers >= 0]))
    said = int(row.raw.get("n_interventions") or 0)
    if counted > said:  # one may be too short for a row
        yield f"{counted} corrections, said to be {said}"
    if (np.diff(labels["segment_id"]) < 0).any():
        yield "segment_id goes down"


def _kind(row: EpisodeRow, labels: _Labels) -> Iterator[str]:
    """Yield who commanded although the episode's type rules it out."""
    kind = row.text("data_type")
    ruled_out = {
        "demo": (Source.AUTO, Source.INTERVENTION),
        "auto": (Source.DEMO, Source.INTERVENTION),
        "intervention": (Source.DEMO,),
    }.get(kind)
    if ruled_out is None:
        yield f"its type is {kind or 'empty'!r}; there are demo, auto, intervention"
        return
    for source in ruled_out:
        if (labels.source == source).any():
            yield f"its type is {kind}, and {source.name.lower()} commands in it"
    if kind == "intervention" and not row.raw.get("n_interventions"):
        yield "its type is intervention, and there is none in it"


def _outcome(row: EpisodeRow) -> Iterator[str]:
    outcome = row.text("outcome_label")
    success = row.raw.get("episode_success")
    if outcome not in SUCCESS_OF:
        yield f"its outcome is {outcome or 'empty'!r}; there are {', '.join(SUCCESS_OF)}"
    elif success != SUCCESS_OF[outcome]:
        yield f"its outcome is {outcome}, and episode_success is {success}"


def _ends(row: EpisodeRow, table: pa.Table) -> Iterator[str]:
    """Yield an end before the last row, or a success that the episode's label denies."""
    done = table["next.done"].to_numpy().astype(bool)
    if not len(done):
        return
    if done[:-1].any() or not done[-1]:
        yield "next.done is not true in just the last row"
    won = table["next.success"].to_numpy().astype(bool)
    if won[:-1].any():
        yield "next.success is true before the last row"
    elif bool(won[-1]) != (row.raw.get("episode_success") == Success.SUCCESS):
        said = row.raw.get("episode_success")
        yield f"next.success ends {bool(won[-1])}, and episode_success is {said}"


def _chunks(labels: _Labels) -> Iterator[str]:
    """Yield chunks that were inferred from what had not been seen yet."""
    seen = labels["chunk_obs_index"]
    ahead = np.flatnonzero(seen > np.arange(len(seen)))
    if len(ahead):
        yield f"row {ahead[0]} follows a chunk of row {seen[ahead[0]]}, which comes after it"


def _name(source: np.int64) -> str:
    return Source(int(source)).name.lower() if int(source) in set(Source) else f"source {source}"
