"""Whether the rows of an episode follow each other as they should: numbers, stamps, rates, gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder import layout
from recorder.columns import ColumnError, conformed, vectors
from recorder.info import Info
from recorder.structure import EpisodeRow, Fault

_ASIDE: Final = "`split` leaves the episode out"
_MADE_ANEW: Final = "`merge` writes the columns anew"
_TIMESTAMP_S: Final = 1e-4  # LeRobot finds images by it, with this tolerance
_SLACK_NS: Final = 5_000_000
_GAP_PERIODS: Final = 1.5  # an image older than this, in periods of its camera, is a gap


def faults(info: Info, row: EpisodeRow, table: pa.Table) -> Iterator[Fault]:
    """Yield what is wrong with the rows of an episode."""
    where = f"episode {row.episode}"
    for what in _others(info, table):
        yield Fault(where, what, _ASIDE)
    for what in _numbering(info, row, table):
        yield Fault(where, what, _MADE_ANEW)
    for what in (*_vectors(info, table), *_stamps(info, table)):
        yield Fault(where, what, _ASIDE)


def _numbering(info: Info, row: EpisodeRow, table: pa.Table) -> Iterator[str]:
    """Yield which of LeRobot's own columns does not count as it should."""
    count = np.arange(row.length)
    for name, expected in (
        ("frame_index", count),
        ("index", count + (row.count("dataset_from_index") or 0)),
        ("episode_index", np.full(row.length, row.episode)),
    ):
        wrong = np.flatnonzero(_column(table, name) != expected)
        if len(wrong):
            got = table[name][int(wrong[0])].as_py()
            yield f"{name} of row {wrong[0]} is {got}, expected {expected[wrong[0]]}"
    off_s = np.abs(_column(table, "timestamp") - count / info.fps)
    # A float of 32 bits keeps a ten-thousandth of a second for a quarter of an hour.
    allowed_s = np.maximum(_TIMESTAMP_S, np.spacing((count / info.fps).astype(np.float32)))
    if not (off_s <= allowed_s).all():  # no number is off too
        at = int(off_s.argmax())
        yield f"timestamp of row {at} is {off_s[at]:.2g} s off frame_index / fps"


def _others(info: Info, table: pa.Table) -> Iterator[str]:
    """Yield which columns that no tool reads are not as `info.json` says."""
    for name in table.column_names:
        try:
            conformed(table[name], info.features[name])
        except ColumnError as error:
            yield f"{name} {error}"


def _vectors(info: Info, table: pa.Table) -> Iterator[str]:
    for name in (layout.STATE, layout.ACTION):
        if info.vector(name) is None:
            continue
        finite = np.isfinite(vectors(table[name])).all(axis=1)
        if not finite.all():
            rows = np.flatnonzero(~finite)
            yield f"{name} is not finite in {len(rows)} rows, first in {rows[0]}"


def _stamps(info: Info, table: pa.Table) -> Iterator[str]:
    """Yield which stamps do not fit: to each other, to the rate, to the images'."""
    name = layout.RECAP + "t_mono_ns"
    if not info.recorded or not len(table):
        return
    moments_ns = _column(table, name)
    even_ns = moments_ns[0] + np.round(np.arange(len(table)) * 1e9 / info.fps).astype(np.int64)
    off_ns = np.abs(moments_ns - even_ns)
    # A row is of the moment at which its image was taken, and cameras keep no exact time.
    if off_ns.max() > 1e9 / info.fps:
        at = int(off_ns.argmax())
        yield f"row {at} is of a moment {off_ns[at] * 1e-6:.1f} ms off the {info.fps} Hz it is said"
    if (np.diff(moments_ns) <= 0).any():
        yield f"time goes backwards after row {int(np.flatnonzero(np.diff(moments_ns) <= 0)[0])}"
    gaps = _column(table, layout.RECAP + "gap").astype(bool)
    for camera in info.cameras:
        stamp = f"{layout.RECAP}t_{camera}_ns"
        yield from _images(camera, moments_ns, _column(table, stamp), gaps)


def _images(
    camera: str,
    moments_ns: NDArray[np.int64],
    captured_ns: NDArray[np.int64],
    gaps: NDArray[np.bool_],
) -> Iterator[str]:
    """Yield images that are not of their row's moment, and lost ones that are not flagged."""
    there = captured_ns > 0
    steps_ns = np.diff(np.unique(captured_ns[there]))
    if not len(steps_ns):
        return
    period_ns = float(np.median(steps_ns))
    ages_ns = moments_ns - captured_ns
    if (ages_ns < -0.5 * period_ns - _SLACK_NS).any():
        at = int(ages_ns.argmin())
        early_ms = -ages_ns[at] * 1e-6
        yield f"{camera}: the image of row {at} was captured {early_ms:.1f} ms after its moment"
    if (np.diff(captured_ns[there]) < 0).any():
        yield f"{camera}: images go backwards"
    silent = np.flatnonzero((ages_ns > _GAP_PERIODS * period_ns + _SLACK_NS) & ~gaps)
    if len(silent):
        yield (
            f"{camera}: {len(silent)} rows show an image of long before, and are not flagged as a"
            f" gap, first row {silent[0]}"
        )


def tick_faults(row: EpisodeRow, ticks: pa.Table) -> Iterator[Fault]:
    """Yield what is wrong with the control ticks that are kept of an episode."""
    where = f"ticks of episode {row.episode}"
    stamps_ns = _column(ticks, "t_ns")
    if len(stamps_ns) < 2:
        yield Fault(where, f"there are {len(stamps_ns)}", _ASIDE)
        return
    steps_ns = np.diff(stamps_ns)
    if (steps_ns <= 0).any():
        yield Fault(where, "time goes backwards", _ASIDE)
    lost = int((np.diff(_column(ticks, "seq")) - 1).clip(0).sum())
    said = row.count("ticks_lost") or 0
    if lost != said:
        yield Fault(where, f"{lost} are missing, said to be {said}", _ASIDE)
    if not np.isfinite(vectors(ticks["command"])).all():
        yield Fault(where, "a command is not finite", _ASIDE)


def _column(table: pa.Table, name: str) -> NDArray[np.int64]:
    values: NDArray[np.int64] = table[name].to_numpy()
    return values
