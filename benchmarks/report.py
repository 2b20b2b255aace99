"""What every benchmark prints and writes: its figures against their targets, and the machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

PACKAGES = ("numpy", "scipy", "torch", "mujoco", "pyzmq")


@dataclass(frozen=True)
class Target:
    """What a figure must reach, and what it means in a few words."""

    key: str
    limit: float
    meaning: str
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Say whether `value` reaches the target; a value that is not a number does not."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"


def machine() -> dict[str, str | int]:
    """Describe what the numbers were measured on: processor, cores, kernel and versions."""
    return {
        "cpu": _processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def publish(
    console: Console,
    figures: Mapping[str, float],
    targets: Sequence[Target],
    json_file: Path | None = None,
) -> bool:
    """Print the figures against their targets and the machine, and write both as JSON.

    Args:
        console: where the tables go.
        figures: measured values by key.
        targets: what they must reach; a target without a figure counts as missed.
        json_file: where to write `{"figures": ..., "machine": ...}`; nowhere if None.

    Returns:
        Whether every target is met.
    """
    table = Table(title="Targets", title_justify="left")
    for heading in ("figure", "measured", "must", "", "meaning"):
        table.add_column(heading, justify="right" if heading in ("measured", "must") else "left")
    met = []
    for target in targets:
        value = figures.get(target.key, float("nan"))
        met.append(target.met(value))
        verdict = "[green]met[/]" if met[-1] else "[bold red]missed[/]"
        table.add_row(target.key, f"{value:.3g}", str(target), verdict, target.meaning)
    console.print(table)
    facts = machine()
    console.print(" · ".join(f"{name} {value}" for name, value in facts.items()), highlight=False)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"figures": dict(figures), "machine": facts}, indent=2)
        json_file.write_text(text + "\n", encoding="utf-8")
    return all(met)


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
