"""`python -m benchmarks.endurance`: whether a long run grows in memory, sockets or lateness."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.live import processes, run_stack
from benchmarks.report import Target, publish
from runtime import program

_MEBIBYTE = 2**20
_PAGE = 4096
_WARM_UP_S = 60.0  # buffers fill, allocators settle; what grows later grows for ever

TARGETS = (
    Target("memory_growth_mib", 5.0, "all processes together, last minute less second minute"),
    Target("descriptor_growth", 0.0, "files and sockets, likewise"),
    Target("late_p99_growth_ms", 0.5, "control tick lateness, last third less first third"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the processes of a run held at one moment."""

    t_s: float
    memory_mib: dict[str, float]  # resident, by process
    descriptors: int


@dataclass
class Watch:
    """Looks at a launch and its children from outside."""

    samples: list[Sample] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    def look(self, launch: int) -> None:
        """Take one sample of the launch and all its children."""
        memory: dict[str, float] = {}
        descriptors = 0
        for name, pid in {"station": launch, **processes(launch)}.items():
            try:
                resident = (
                    int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * _PAGE
                )
                descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            except OSError:
                continue  # it ended while being looked at
            memory[name] = resident / _MEBIBYTE
        self.samples.append(Sample(time.monotonic() - self.started_s, memory, descriptors))

    def minute(self, *, last: bool) -> list[Sample]:
        """Return the samples of the last minute, or of the first after the warm-up."""
        end_s = self.samples[-1].t_s - 10.0 if last else _WARM_UP_S + 60.0
        return [sample for sample in self.samples if end_s - 60.0 <= sample.t_s <= end_s]


def main() -> None:
    """Run the stack for long, print what grew, say whether that is little enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=300.0, metavar="S")
    parser.add_argument("--policy", default="flow", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.duration < 2 * _WARM_UP_S + 60.0:
        parser.error("--duration must be at least 180 s: growth shows only after the warm-up")
    console = Console()
    watch = Watch()
    run = run_stack(
        *("--duration", str(arguments.duration), "--policy", arguments.policy), watch=watch.look
    )
    early, late = watch.minute(last=False), watch.minute(last=True)
    console.print(_table(early, late))
    figures = {
        "memory_growth_mib": _memory(late) - _memory(early),
        "descriptor_growth": float(
            np.median([sample.descriptors for sample in late])
            - np.median([sample.descriptors for sample in early])
        ),
        "late_p99_growth_ms": run.late_p99_ms(2 / 3, 1) - run.late_p99_ms(0, 1 / 3),
        "memory_mib": _memory(late),
    }
    raise SystemExit(0 if publish(console, figures, TARGETS, arguments.json) else 1)


def _memory(samples: list[Sample]) -> float:
    return float(np.median([sum(sample.memory_mib.values()) for sample in samples]))


def _table(early: list[Sample], late: list[Sample]) -> Table:
    table = Table("process", "early MiB", "late MiB", title="Resident memory")
    for name in late[-1].memory_mib:
        before = [sample.memory_mib.get(name, 0.0) for sample in early]
        after = [sample.memory_mib.get(name, 0.0) for sample in late]
        table.add_row(name, f"{np.median(before):.1f}", f"{np.median(after):.1f}")
    return table


if __name__ == "__main__":
    sys.exit(program.run(main))
