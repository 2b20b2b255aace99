"""From an ended journal to an episode of the dataset, by steps that can be repeated.

The order is tasks, data, videos, ticks, the row in `meta/episodes`, statistics, `info.json`, and
then the journal is deleted. With its row an episode is part of the dataset. Whatever is cut off
before it is written again under the same names; what is cut off after it is caught up with.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from recorder import advice, edits, files, frames_table, labels, recorded, statistics
from recorder import ticks as tick_columns
from recorder.catalogue import Catalogue, DamagedError, write_table
from recorder.edits import Opinion
from recorder.films import Films, filmed
from recorder.frames_table import Numbers
from recorder.journal import Header, Journal, JournalError, journals
from recorder.labels import Codes, Flags
from recorder.layout import JOURNALS, Robot, Success, data_path, ticks_path, video_path
from recorder.recorded import EmptyEpisodeError, Recorded
from recorder.resample import Rows, rows
from recorder.statistics import Statistics
from recorder.ticks import Ticks
from recorder.video import size_of

log = logging.getLogger(__name__)

_DONE: Final = "done_"  # begins the name of a journal that is about to be deleted
_ABORTED: Final = "aborted"
_READING: Final = 0.1  # of the work
_SUCCESSES: Final = {
    "success": Success.SUCCESS,
    "failure": Success.FAILURE,
    "timeout": Success.FAILURE,
}

Told = Callable[[float], None]  # is told how much is done, 0..1


class FinishError(RuntimeError):
    """A journal of which no episode can be made; it is kept, and why is said."""


@dataclass(frozen=True, slots=True)
class _Episode:
    """An episode on its way into the dataset."""

    recorded: Recorded
    ticks: Ticks
    rows: Rows
    numbers: Numbers
    opinion: Opinion
    robot: Robot

    @property
    def outcome(self) -> str:
        """How it ended, by the last word on it."""
        if self.opinion.outcome is not None:
            return self.opinion.outcome or "unknown"
        return self.recorded.end.outcome if self.recorded.end else _ABORTED

    @property
    def success(self) -> Success:
        """The same, for value functions."""
        return _SUCCESSES.get(self.outcome, Success.UNKNOWN)


def ready(directory: Path) -> list[Journal]:
    """Return the journals at `directory` that nobody will write to any more, oldest first."""
    return [journal for journal in journals(directory) if journal.sealed]


def finished(catalogue: Catalogue, journal: Journal, told: Told = lambda _: None) -> int:
    """Make an episode of a journal and delete it; returns the episode's number in the dataset.

    Called again after it was cut off anywhere, it ends as if it had not been.

    Args:
        catalogue: of the dataset.
        journal: one of those that are ready.
        told: told how far it got.

    Raises:
        FinishError: no episode can be made of it; it is kept.
        OSError: something cannot be written; it is kept.
    """
    directory = catalogue.directory
    known = _known(catalogue, journal)
    _sweep(directory)
    header = _header(journal)
    index = next((row["episode_index"] for row in known if row["journal"] == journal.name), None)
    if index is None:
        index = len(known)
        first_index = known[-1]["dataset_to_index"] if known else 0
        _add(journal, catalogue, index, first_index, told)
    sizes = {camera: size_of(directory / video_path(camera, index)) for camera in header.cameras}
    catalogue.update(_robot(header, sizes))
    _delete(directory, journal)
    told(1.0)
    return int(index)


def _known(catalogue: Catalogue, journal: Journal) -> list[dict[str, Any]]:
    """Return the rows of the episodes that are there; raises FinishError if they need a repair."""
    try:
        known, trouble = catalogue.episodes(), catalogue.trouble()
    except DamagedError as error:
        known, trouble = [], str(error)
    if trouble:
        raise FinishError(
            f"{journal.name}: {trouble}: once the run is over,"
            f" {advice.repair(catalogue.directory)} mends it"
        )
    return known


def _robot(header: Header, sizes: dict[str, tuple[int, int]]) -> Robot:
    return Robot(header.robot, header.rate_hz, header.arms, sizes, header.twin)


def _header(journal: Journal) -> Header:
    try:
        return journal.header()
    except JournalError as error:
        raise FinishError(str(error)) from error


def _add(journal: Journal, catalogue: Catalogue, index: int, first_index: int, told: Told) -> None:
    """Write all files of an episode, its row in `meta/episodes` last."""
    directory = catalogue.directory
    try:
        kept = recorded.read(journal, lambda share: told(share * _READING))
        moments = rows(kept.frames, kept.t_begin_ns, kept.t_end_ns, kept.header.rate_hz)
        if not len(moments.t_ns):
            raise EmptyEpisodeError("it is too short for a single row")
        films = filmed(
            directory,
            journal,
            kept,
            moments,
            index,
            catalogue.cameras(),
            lambda share: told(_READING + share * (1 - _READING)),
        )
    except (JournalError, EmptyEpisodeError, ValueError) as error:
        raise FinishError(f"{journal.name}: {error}") from error
    header = kept.header
    episode = _Episode(
        recorded=kept,
        ticks=tick_columns.ticks(kept),
        rows=moments,
        numbers=Numbers(
            index,
            first_index,
            catalogue.task(header.instruction),
            catalogue.policy(header.policy, header.checkpoint) if header.policy else 0,
        ),
        opinion=edits.opinion(edits.read(directory), journal.name),
        robot=_robot(header, films.sizes),
    )
    found = _write_tables(directory, episode, films, _subtasks(catalogue, episode))
    catalogue.add_episode(
        episode.robot,
        {
            "episode_index": index,
            "length": len(moments.t_ns),
            "dataset_from_index": first_index,
        },
        header.instruction,
        _told_of(journal, episode),
        found,
    )


def _write_tables(
    directory: Path, episode: _Episode, films: Films, subtasks: Codes
) -> dict[str, Statistics]:
    """Write data and ticks of an episode; returns the statistics of every feature."""
    unreadable: Flags = np.zeros(len(episode.rows.t_ns), bool)
    unreadable[sorted(films.unreadable)] = True
    columns = frames_table.columns(
        episode.recorded,
        episode.ticks,
        episode.rows,
        episode.numbers,
        episode.success,
        subtasks,
        unreadable,
    )
    robot, index = episode.robot, episode.numbers.episode
    data = frames_table.table(columns, robot)
    write_table(directory / data_path(index), data)
    kept = tick_columns.table(episode.ticks, episode.recorded, robot)
    write_table(directory / ticks_path(index), kept)
    return films.statistics | {
        name: statistics.of_rows(np.asarray(values, np.float64)) for name, values in columns.items()
    }


def _subtasks(catalogue: Catalogue, episode: _Episode) -> Codes:
    catalogue.subtask("")
    begun = [(t_ns, catalogue.subtask(text)) for t_ns, text in episode.opinion.subtasks]
    return frames_table.subtask_numbers(episode.rows.t_ns, begun)


def _told_of(journal: Journal, episode: _Episode) -> dict[str, Any]:
    """Return the values of EPISODE_COLUMNS."""
    kept, header, end = episode.recorded, episode.recorded.header, episode.recorded.end
    tick_of_row = np.searchsorted(episode.ticks.t_ns, episode.rows.t_ns)
    source = episode.ticks.source[np.minimum(tick_of_row, len(episode.ticks.source) - 1)]
    return {
        "episode_success": int(episode.success),
        "outcome_label": episode.outcome,
        "outcome_s": (kept.t_end_ns - kept.t_begin_ns) * 1e-9,
        "labelled_by": episode.opinion.labelled_by or (end.judge if end else ""),
        "data_type": labels.data_type(episode.ticks.source),
        "operator": header.operator,
        "policy": header.policy,
        "checkpoint": header.checkpoint,
        "policy_version": episode.numbers.policy_version,
        "seed": header.seed,
        "note": episode.opinion.note,
        "n_interventions": frames_table.correction_count(episode.ticks),
        "intervention_frac": frames_table.intervention_share(source),
        "aborted": episode.outcome == _ABORTED,
        "t_start_wall": header.wall_begin,
        "t_begin_ns": header.t_begin_ns,
        "journal": journal.name,
        "frames_lost": kept.frames_lost,
        "ticks_lost": kept.ticks_lost,
        "records_damaged": kept.damaged,
    }


def _delete(directory: Path, journal: Journal) -> None:
    done = directory / JOURNALS / f"{_DONE}{journal.name}"
    files.moved(journal.folder, done)
    _sweep(directory)


def _sweep(directory: Path) -> None:
    """Delete the journals that episodes were made of."""
    for folder in _done(directory):
        shutil.rmtree(folder)


def _done(directory: Path) -> Iterator[Path]:
    return (directory / JOURNALS).glob(f"{_DONE}*")
