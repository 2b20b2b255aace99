"""`python -m benchmarks.first_minutes`: the default run, with its dashboard open in a browser.

Then the processor time of the whole stack beside that of an older commit of this repository.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Error as BrowserError
from rich.console import Console
from rich.table import Table

from benchmarks.chromium import chromium
from benchmarks.first_minutes.watched_run import Watch, WatchedRun
from benchmarks.report import Target, publish
from runtime import program
from station.config import load, robot_file
from station.views import policy_cameras

BASE: Final = "6ad4fcb"  # drew all views at their full rates, emulated servos behind terminals
TARGETS: Final = (
    Target("stops", 0.0, "latched stops, with the dashboard open in Chromium beside it"),
    Target("success", 0.9, "share of those episodes that succeed", at_least=True),
    Target("camera_hz_min", 8.0, "slowest camera that the policy uses", at_least=True),
    Target("start_s", 20.0, "launch to the policy's first command"),
    Target("stack_cores_ratio", 0.75, f"processor time a second of all processes over {BASE}'s"),
    Target("camera_hz_ratio", 0.98, "the policy's camera beside its own there", at_least=True),
)
_ROOT: Final = Path(__file__).parents[2]
_RETRY_S: Final = 0.5
_RUNS_S: Final = 25.0  # until the policy is under way, for the picture


def main() -> None:
    """Run with a browser, run both trees without, print the figures against their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=20, metavar="N", help="beside the browser")
    parser.add_argument("--compared", type=int, default=5, metavar="N", help="of each commit")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="of the page, as PNG")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    console = Console()
    console.rule(f"{arguments.episodes} episodes with the dashboard open in Chromium")
    watched = _beside_a_browser(arguments.episodes, arguments.picture)
    _show(console, {"now": watched})
    figures: dict[str, float] = {
        "stops": watched.stops,
        "success": watched.success if watched.code == 0 else 0.0,
        "camera_hz_min": _slowest_hz(watched),
        "start_s": watched.start_s,
        "holds": watched.holds,
    }
    if arguments.compared:
        console.rule(f"{arguments.compared} episodes of each commit, without a browser")
        episodes = ("--episodes", str(arguments.compared))
        with _checked_out(BASE) as tree:
            before = Watch(tree, cameras(), *episodes).run()
        now = Watch(_ROOT, cameras(), *episodes).run()
        _show(console, {BASE: before, "now": now})
        figures |= {
            "stack_cores": sum(now.cores().values()),
            "stack_cores_before": sum(before.cores().values()),
            "stack_cores_ratio": sum(now.cores().values()) / sum(before.cores().values()),
            "camera_hz_ratio": _slowest_hz(now) / _slowest_hz(before),
            "start_s_alone": now.start_s,
        }
    raise SystemExit(0 if publish(console, figures, TARGETS, arguments.json) else 1)


def cameras() -> tuple[str, ...]:
    """Return those that the default policy uses."""
    return policy_cameras(load(robot_file("aloha"), []))


def _slowest_hz(run: WatchedRun) -> float:
    return min(run.camera_hz(camera) for camera in cameras())


def _beside_a_browser(episodes: int, picture: Path | None) -> WatchedRun:
    """Launch, and have the page open from the moment that it is served."""
    watch = Watch(_ROOT, cameras(), "--episodes", str(episodes))
    found: list[WatchedRun] = []
    launch = threading.Thread(target=lambda: found.append(watch.run()))
    launch.start()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        while launch.is_alive():
            try:
                page.goto(f"http://127.0.0.1:{watch.port}")
                break
            except BrowserError:  # the dashboard is not up yet
                launch.join(_RETRY_S)
        launch.join(_RUNS_S)
        if picture and launch.is_alive():
            page.screenshot(path=picture)
        launch.join()
    if not found:
        raise RuntimeError("the launch could not be watched; see above")
    return found[0]


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """Yield a folder with the repository as it was at `commit`."""
    with tempfile.TemporaryDirectory(prefix="eh-tree-") as folder:
        tree = Path(folder) / commit
        git = ["git", "-C", str(_ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _show(console: Console, runs: dict[str, WatchedRun]) -> None:
    table = Table(title="Processor time a second", title_justify="left")
    table.add_column("process")
    for name in runs:
        table.add_column(name, justify="right")
    cores = {name: run.cores() for name, run in runs.items()}
    for process in sorted({process for row in cores.values() for process in row}):
        table.add_row(process, *(f"{row.get(process, 0.0):.3f}" for row in cores.values()))
    table.add_section()
    table.add_row("all", *(f"{sum(row.values()):.3f}" for row in cores.values()))
    console.print(table)
    for name, run in runs.items():
        console.print(
            f"{name}: {run.summary['successes']} of {len(run.summary['episodes'])} episodes, "
            f"{run.stops} latched stops, {run.holds} holds, "
            f"first command after {run.start_s:.1f} s, the policy's camera at "
            f"{_slowest_hz(run):.1f} Hz"
        )


if __name__ == "__main__":
    sys.exit(program.run(main))
