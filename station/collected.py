"""What the view tells of people's commands and of the data that is collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dashboard.recording import Told
from messaging.messages import ControlStatus, HumanCommand
from station.ending import Finishing
from station.episode import KINDS
from station.keys import Key

_QUIET = "bright_black"
_STYLES = {
    "policy": "bold green",
    "human": "bold magenta",
    "hold": "bold yellow",
    "home": "cyan",
    "rest": "cyan",
}
_SHORT = {"intervention": "interv."}
_MARKS = {
    "success": ("✓", "green"),
    "failure": ("✗", "red"),
    "timeout": ("◷", "yellow"),
    "aborted": ("∅", _QUIET),
}


def commander(status: ControlStatus | None, human: HumanCommand | None) -> str:
    """Return who commands: the policy, a person and by which arms, or nobody."""
    if status is None:
        return "-"
    if status.commander != "human" or human is None:
        return status.commander
    arms = dict.fromkeys(joint.partition("_")[0] for joint in human.joints)
    backing = ", backing up" if human.doing == "rewind" else ""
    return f"human ({', '.join(arms)}{backing})"


def commander_text(status: ControlStatus | None, human: HumanCommand | None) -> Text:
    """Return the same, in a colour of its own."""
    return Text(commander(status, human), _STYLES.get(status.commander if status else "", ""))


def kept(tally: Mapping[tuple[str, str], int]) -> Text:
    """Return how many episodes of each kind ended how: `auto 12✓ 3✗`."""
    text = Text()
    for kind in KINDS:
        counts = {outcome: tally.get((kind, outcome), 0) for outcome in _MARKS}
        if any(counts.values()):
            text.append(f"{_SHORT.get(kind, kind)} ", _QUIET)
        for outcome, count in counts.items():
            if count:
                mark, style = _MARKS[outcome]
                text.append(f"{count}{mark} ", style)
    text.rstrip()
    return text or Text("nothing yet", _QUIET)


def kept_in_words(tally: Counter[tuple[str, str]]) -> str:
    """Return the same in words, empty without episodes: `auto: 12 success, 3 failure`."""
    parts = []
    for kind in KINDS:
        counts = [f"{tally[kind, outcome]} {outcome}" for outcome in _MARKS if tally[kind, outcome]]
        if counts:
            parts.append(f"{kind}: {', '.join(counts)}")
    return "; ".join(parts)


def recorder_text(told: Told) -> Text:
    """Return whether all is recorded and how much disk is left, in a few characters."""
    disk = "" if told.free_gb is None else f" {told.free_gb:.1f} GB"
    if told.troubles:
        return Text(f"▲ {told.troubles[0]}", "bold white on red")
    return Text(f"● REC{disk}", "bold red") if told.work else Text(f"○ rec{disk}", _QUIET)


def recorder_in_words(told: Told) -> str:
    """Return whether it records, and how much disk is left, for a log."""
    disk = "" if told.free_gb is None else f", {told.free_gb:.1f} GB free"
    return f"{'recording' if told.work else 'not recording'}{disk}"


def keys_text(keys: Sequence[Key]) -> Text:
    """Return what the keys of this terminal do, the stop first."""
    text = Text("Space stops", "bold", no_wrap=True, overflow="ellipsis")
    for key in keys:
        text.append(f"  {key.letter}", "bold").append(f" {key.does}", f"not bold {_QUIET}")
    return text


def finishing_bar(finishing: Finishing) -> RenderableType:
    """Return how far the dataset is behind the run."""
    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(finishing.total, 1), completed=finishing.done, width=20)
    line.add_row(bar, Text(finishing_in_words(finishing)))
    hint = "Ctrl-C ends the waiting: what is recorded stays, the next start finishes it"
    return Group(Text("the arms are off; the dataset is being finished", "bold"), line, Text(hint))


def finishing_in_words(finishing: Finishing) -> str:
    """Return the same for a log."""
    note = f": {finishing.note}" if finishing.note else ""
    return f"{finishing.done} of {finishing.total} episodes finished{note}"
