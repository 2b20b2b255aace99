"""`view`: one page of an episode, which needs no other file."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from runtime.files import atomic_write_text
from station.recorder_tools.page import page
from station.recorder_tools.task import Task, add_directory

_LARGE_BYTES = 300_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this command takes."""
    add_directory(parser)
    parser.add_argument("episode", type=int, metavar="N", help="number of the episode")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: episode_N.html in the present folder"
    )
    parser.add_argument("--open", action="store_true", help="show it in the browser")


def run(task: Task) -> int:
    """Write the page; returns 0, or 1 if images cannot be read."""
    options = task.options
    dataset = task.dataset()
    out: Path = options.out or Path(f"episode_{options.episode}.html")
    text, left_out = page(dataset, options.episode)
    for warning in left_out:
        task.say(f"left out: {warning}", style="yellow")
    atomic_write_text(out, text)
    size = out.stat().st_size
    task.say(f"wrote {out}, {size / 1e6:.1f} MB")
    if size > _LARGE_BYTES:
        task.say("a browser may be slow with a page of that size", style="yellow")
    if options.open:
        webbrowser.open(out.absolute().as_uri())
    return int(len(left_out) > len(dataset.info.depth_cameras))
