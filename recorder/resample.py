"""From streams with stamps of their own to rows at a fixed rate; no image is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from messaging.messages import ActionChunk
from recorder.recorded import Series, Stamps, Values

_LATE: Final = 1.5  # periods after which an image is missed
_FIRST_IMAGES: Final = 15  # by which the grid is laid
_APART_NS: Final = 30_000_000  # ticks further apart than this are not interpolated between


@dataclass(frozen=True, slots=True)
class Shown:
    """Which image of a camera each row shows."""

    index: NDArray[np.int64]  # (n,) -1 where there is none yet
    gap: NDArray[np.bool_]  # (n,) one that should be newer did not come


@dataclass(frozen=True, slots=True)
class Rows:
    """The moments that an episode's rows are of.

    Attributes:
        t_ns: of joints and action: the capture of the main camera's image where it is a new one.
        shown: by camera.
    """

    t_ns: Stamps  # (n,)
    shown: dict[str, Shown]

    @property
    def gap(self) -> NDArray[np.bool_]:
        """Where any camera has a gap."""
        gaps = [shown.gap for shown in self.shown.values()]
        return np.any(gaps, axis=0) if gaps else np.zeros(len(self.t_ns), bool)


def rows(cameras: dict[str, Stamps], t_begin_ns: int, t_end_ns: int, fps: int) -> Rows:
    """Return the rows of an episode; the first camera is the main one.

    The grid runs half a period behind the main camera's images, so that at equal rates each row
    finds the next one, however the camera jitters. A row is of the moment at which its image was
    taken, or 1 / fps after its predecessor where there is no new one; it is never further than half
    of that from where the grid has it.
    """
    step_ns = 1e9 / fps
    main = next(iter(cameras.values()), np.empty(0, np.int64))
    period = period_ns(main, step_ns)
    beat = min(period, step_ns)
    begin_ns = _begin(main[main >= t_begin_ns], t_begin_ns, beat)
    count = max(0, int((t_end_ns - begin_ns) // step_ns) + 1)
    beats = begin_ns + (np.arange(count) * step_ns).astype(np.int64)
    latest = beats + int(beat / 2)
    seen = _shown(main, latest, period, t_end_ns)
    seen = Shown(seen.index, seen.gap | _overdue(main, latest, period, seen.index))
    moments = _moments(main, seen.index, beats, step_ns)
    found = {}
    for camera, stamps in cameras.items():
        own = period_ns(stamps, step_ns)
        found[camera] = _shown(stamps, moments + int(own / 2), own, t_end_ns)
    return Rows(moments, found | dict.fromkeys(list(cameras)[:1], seen))


def _begin(main: Stamps, t_begin_ns: int, beat: float) -> int:
    """Return the moment of the first row: where the first image would be without jitter."""
    if not len(main):
        return t_begin_ns
    since = main[:_FIRST_IMAGES] - main[0]
    early = float(np.median(since - np.round(since / beat) * beat))
    return int(main[0]) + max(int(early), -int(beat / 2))  # or the first row had none


def _shown(stamps: Stamps, latest: Stamps, period: float, t_end_ns: int) -> Shown:
    """Return the newest of a camera's images at the latest moment that each row allows."""
    index = np.searchsorted(stamps, latest, side="right") - 1
    if not len(stamps):
        return Shown(index, np.ones(len(latest), bool))
    period = _best_ns(stamps, period)
    following = np.append(stamps[1:], max(t_end_ns, int(stamps[-1])))
    is_late = (latest - stamps[index] > period) & (
        following[index] - stamps[index] > _LATE * period
    )
    return Shown(index, is_late | (index < 0))


def _overdue(
    main: Stamps, latest: Stamps, period: float, index: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return where an image is shown again since the next was too late, by however little."""
    if not len(main):
        return np.ones(len(latest), bool)
    again = np.diff(index, prepend=-2) == 0
    return np.asarray(again & (latest - main[index] > _best_ns(main, period)), np.bool_)


def _best_ns(stamps: Stamps, period: float) -> float:
    """Return the period that a camera keeps when it does not fall behind."""
    return min(period, float(np.percentile(np.diff(stamps), 25))) if len(stamps) > 1 else period


def period_ns(stamps: Stamps, otherwise: float) -> float:
    """Return how far apart images usually are; `otherwise` where too few say so."""
    return float(np.median(np.diff(stamps))) if len(stamps) > 1 else otherwise


def at(series: Series, moments: Stamps) -> Values:
    """Return a series' vectors (n, J) at `moments`, between the two samples around each.

    Where the two are too far apart for that, the nearer one.
    """
    after = np.clip(np.searchsorted(series.t_ns, moments), 1, max(1, len(series.t_ns) - 1))
    if len(series.t_ns) == 1:
        return np.repeat(series.values, len(moments), axis=0)
    before_ns, after_ns = series.t_ns[after - 1], series.t_ns[after]
    share = np.clip((moments - before_ns) / (after_ns - before_ns), 0.0, 1.0)
    share = np.where(after_ns - before_ns > _APART_NS, np.round(share), share)[:, None]
    return (1 - share) * series.values[after - 1] + share * series.values[after]


def nearest(stamps: Stamps, moments: Stamps) -> NDArray[np.int64]:
    """Return the index (n,) of the stamp nearest to each moment; there must be one."""
    after = np.clip(np.searchsorted(stamps, moments), 0, len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    is_before = np.abs(moments - stamps[before]) <= np.abs(stamps[after] - moments)
    return np.where(is_before, before, after)


def newest(stamps: Stamps, moments: Stamps) -> NDArray[np.int64]:
    """Return the index (n,) of the newest stamp that is not after each moment, -1 if none is."""
    return np.searchsorted(stamps, moments, side="right") - 1


def intended(
    chunks: Sequence[ActionChunk], joints: Sequence[str], moments: Stamps, otherwise: Values
) -> tuple[Values, NDArray[np.bool_]]:
    """Return what the policy meant for each moment, by the newest chunk that was observed before.

    Args:
        chunks: in order of their observation, in force or not.
        joints: names of all joints, in the order of the vectors.
        moments: (n,)
        otherwise: (n, J) to be returned where no chunk speaks of the moment.

    Returns:
        The actions (n, J), and where they are a policy's (n,).
    """
    values, valid = otherwise.copy(), np.zeros(len(moments), bool)
    fitting = [chunk for chunk in chunks if list(chunk.joints) == list(joints)]
    choice = newest(np.array([chunk.t_obs_ns for chunk in fitting], np.int64), moments)
    for number in np.unique(choice[choice >= 0]):
        chunk = fitting[number]
        mine = np.flatnonzero(choice == number)
        step = (moments[mine] - chunk.t_obs_ns) / chunk.dt_ns
        mine, step = mine[step <= len(chunk.actions) - 1], step[step <= len(chunk.actions) - 1]
        low = np.minimum(step.astype(int), max(len(chunk.actions) - 2, 0))
        high = np.minimum(low + 1, len(chunk.actions) - 1)
        share = (step - low)[:, None]
        values[mine] = (1 - share) * chunk.actions[low] + share * chunk.actions[high]
        valid[mine] = True
    return values, valid


def _moments(main: Stamps, index: NDArray[np.int64], beats: Stamps, step_ns: float) -> Stamps:
    moments = beats.copy()
    for row in range(len(beats)):
        if index[row] >= 0 and (row == 0 or index[row] != index[row - 1]):
            moments[row] = main[index[row]]
        elif row:
            moments[row] = moments[row - 1] + int(step_ns)
    return moments
