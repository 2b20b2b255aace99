"""The report of a run: `summary.json` for programs and one self-contained page for people."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from station.clips import joined_video
from station.journal import RESERVE
from station.record import RunRecord
from station.report.figures import (
    RunData,
    counted,
    guard_holds,
    hops_ms,
    merge_times_ns,
    read_run,
    rows_unheard,
    success_interval,
    tick_figures,
    tracking_rms_rad,
)
from station.report.page import page
from station.report.plots import plots
from station.report.smoothness import brakes, led_jerk

log = logging.getLogger(__name__)

VIDEO_S = 60.0

_MOST_VIDEO_BYTES = 3_200_000  # a third more as text, within a page of less than 6 MB


def write_report(run_directory: Path, record: RunRecord) -> Path:
    """Write `summary.json` and `report.html` from the journal in `run_directory`.

    Returns:
        The page; in a temporary directory where `run_directory` takes nothing any more.

    Raises:
        OSError: neither place takes the page.
    """
    (run_directory / RESERVE).unlink(missing_ok=True)
    data = read_run(run_directory)
    summary = summarised(record, data)
    video = _video(run_directory)
    text = page(summary, plots(data, record.events), video)
    try:
        return _written(run_directory, summary, text)
    except OSError as error:
        spare = Path(tempfile.mkdtemp(prefix="evenhand-report-"))
        log.warning("the report goes to %s, as %s takes none: %s", spare, run_directory, error)
        return _written(spare, summary, text)


def summarised(record: RunRecord, data: RunData) -> dict[str, Any]:
    """Return the figures of a run, ready for JSON."""
    trials = len(record.episodes)
    span_ns = data.span_ns
    merged = merge_times_ns(data)
    jerk_rms, jerk_max = led_jerk(data)
    return {
        "robot": record.robot,
        "policy": record.policy,
        "seed": record.seed,
        "started": record.started,
        "ending": record.ending,
        "duration_s": max(0.0, (span_ns[1] - record.started_ns) * 1e-9) if span_ns else 0.0,
        "first_command_s": record.first_command_s,
        "episodes": [asdict(outcome) for outcome in record.episodes],
        "kinds": _kinds(record),
        "successes": record.successes,
        "success_rate": record.successes / trials if trials else None,
        "success_interval_95": success_interval(record.successes, trials),
        "ticks": tick_figures(data),
        "latency_ms": {
            hop: {"p50": float(np.percentile(took, 50)), "p95": float(np.percentile(took, 95))}
            for hop, took in hops_ms(data).items()
            if len(took)
        },
        "chunks": {
            "received": len(data.chunks),
            "merged": int(np.count_nonzero(merged)),
            "dropped": counted(data, "dropped"),
            "clipped": data.counters.get("clipped", 0),
        },
        "mode_switches": data.counters.get("mode_switch", 0),
        "limit_activations": counted(data, "limit"),
        "guard_holds": guard_holds(data),
        "jerk_rms": jerk_rms,
        "jerk_max": jerk_max,
        "brakes": [asdict(brake) for brake in brakes(data, record.events)],
        "tracking_rms_rad": tracking_rms_rad(data),
        "restarts": dict(record.restarts),
        "events": [asdict(event) for event in record.events],
        "losses": _losses(record, data),
        "started_ns": record.started_ns,
        "machine": machine(),
    }


def _kinds(record: RunRecord) -> dict[str, dict[str, int]]:
    """Return how many attempts of each kind ended how: `{"auto": {"success": 3}}`."""
    kinds: dict[str, dict[str, int]] = {}
    for (kind, outcome), count in sorted(record.tally.items()):
        kinds.setdefault(kind, {})[outcome] = count
    return kinds


def machine() -> dict[str, str | int]:
    """Return what the run's numbers were measured on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _losses(record: RunRecord, data: RunData) -> list[str]:
    """Return all that is missing from the journal, in words."""
    words = [f"{count} {kind} could not be written" for kind, count in sorted(data.lost.items())]
    words += [f"{count} {name} were never heard" for name, count in rows_unheard(data).items()]
    return [*record.losses, *words]


def _video(run_directory: Path) -> bytes:
    """Return the run's video; the clips that it was made of make room."""
    clips, path = run_directory / "video", run_directory / "video.webm"
    seconds = VIDEO_S
    while joined_video(clips, path, seconds) and path.stat().st_size > _MOST_VIDEO_BYTES:
        seconds *= 0.9 * _MOST_VIDEO_BYTES / path.stat().st_size
    try:
        video = path.read_bytes()
    except OSError:
        return b""
    shutil.rmtree(clips, ignore_errors=True)
    return video


def _written(folder: Path, summary: dict[str, Any], text: str) -> Path:
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    (folder / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
