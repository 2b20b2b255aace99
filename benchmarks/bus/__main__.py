"""`python -m benchmarks.bus`: what four buses cost and how faults are taken, against the SDK."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bus.emulators import Emulators
from benchmarks.bus.faults import alert_cycles, fresh_around_late, silent_motor
from benchmarks.bus.loop import Measured
from benchmarks.bus.processor import ProcessorWatch
from benchmarks.live import run_stack, stolen_s
from benchmarks.report import Target, publish
from benchmarks.stalls import Stalls
from runtime import program
from runtime.realtime import cores_awake, realtime_permitted

_PRIORITY = 70
_BUSY_LOOPS = 4
_SDK_S = 20.0
_FIRST_SEED = 2000

TARGETS = (
    Target(
        "core_share", 0.10, "four buses at 100 Hz, writing and reading: processor time, in cores"
    ),
    Target("late_cycles", 0, "cycles begun more than 5 ms late, idle"),
    Target("late_share_loaded", 0.001, "the same with four busy loops beside it"),
    Target("silent_motor_ms", 6.0, "a cycle with one motor silent, the others fresh"),
    Target("fresh_after_late", 1.0, "reads after one 40 ms late that are fresh", at_least=True),
    Target("alert_cycles", 1, "cycles until a set alert bit is reported"),
    Target("success_lost", 0.10, "the policy: direct twin less emulated bus"),
)


def main() -> None:
    """Measure both clients, print them side by side, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, metavar="S", help="of the loops")
    parser.add_argument("--episodes", type=int, default=20, metavar="N", help="0: leave them out")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    console = Console()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="eh-") as folder:
        for name, duration_s in (("ours", arguments.duration), ("sdk", _SDK_S)):
            console.print(f"{name}: four buses for {duration_s:g} s, idle and loaded")
            figures |= _renamed(name, _loops(name, duration_s, Path(folder)))
            console.print(f"{name}: faults")
            figures |= _renamed(name, _faults(name, Path(folder)))
    if arguments.episodes:
        figures |= _success(arguments.episodes)
    console.print(_side_by_side(figures))
    raise SystemExit(0 if publish(console, figures, _targets(figures), arguments.json) else 1)


def _loops(name: str, duration_s: float, folder: Path) -> dict[str, float]:
    # Spinning at real-time priority, the SDK would take the machine away.
    priority = _PRIORITY if name == "ours" else 0
    stolen = stolen_s()
    with cores_awake(), Stalls() as stalls:
        idle = _four(name, duration_s, folder, priority)
    cycles = sum(arm.cycles for arm in idle)
    results = {
        "core_share": sum(arm.processor_s / arm.elapsed_s for arm in idle),
        "cycle_us": sum(arm.processor_s for arm in idle) / cycles * 1e6,
        "late_cycles": sum(len(arm.late) for arm in idle),
        "late_cycles_in_stalls": sum(sum(stalls.explain(arm.late)) for arm in idle),
        "stalls": len(stalls.found),
        "incomplete_share": sum(arm.incomplete for arm in idle) / cycles,
        "stolen_s": stolen_s() - stolen,
    }
    if name == "sdk":
        return results
    busy = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(_BUSY_LOOPS)]
    for process in busy:
        process.start()
    try:
        loaded = _four(name, duration_s, folder, priority)
    finally:
        for process in busy:
            process.terminate()
    cycles = sum(arm.cycles for arm in loaded)
    return results | {
        "late_share_loaded": sum(len(arm.late) for arm in loaded) / cycles,
        "incomplete_share_loaded": sum(arm.incomplete for arm in loaded) / cycles,
    }


def _four(name: str, duration_s: float, folder: Path, priority: int) -> list[Measured]:
    """Return what four loops cost, each in a process of its own as a driver is."""
    granted = priority if realtime_permitted(priority or 1) else 0
    program = [sys.executable, "-m", "benchmarks.bus.loop", name]
    with Emulators(folder) as emulators:
        loops = [
            subprocess.Popen(
                [*program, profile.model_dump_json(), str(duration_s), str(granted)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                encoding="utf-8",
            )
            for profile in emulators.profiles.values()
        ]
        for loop in loops:  # none is measured while another one starts
            _await_ready(loop)
        for loop in loops:
            _begin(loop)
        return [_result(loop) for loop in loops]


def _await_ready(loop: subprocess.Popen[str]) -> None:
    if loop.stdout is None or not loop.stdout.readline():
        raise RuntimeError(f"a loop ended with exit code {loop.wait()}")


def _begin(loop: subprocess.Popen[str]) -> None:
    if loop.stdin is not None:
        loop.stdin.write("\n")
        loop.stdin.flush()


def _result(loop: subprocess.Popen[str]) -> Measured:
    output, _ = loop.communicate()
    if loop.returncode != 0:
        raise RuntimeError(f"a loop ended with exit code {loop.returncode}")
    return Measured.of(output)


def _faults(name: str, folder: Path) -> dict[str, float]:
    results: dict[str, float] = {}
    for how in ("silent", "broken"):
        with Emulators(folder) as emulators:
            cost = silent_motor(name, emulators, how)
        results |= {f"{how}_motor_{key}": value for key, value in cost.items()}
    with Emulators(folder) as emulators:
        results |= fresh_around_late(name, emulators)
    with Emulators(folder) as emulators:
        results["alert_cycles"] = alert_cycles(name, emulators)
    return results


def _success(episodes: int) -> dict[str, float]:
    figures = {}
    for hardware in ("emulated", "twin"):
        watch = ProcessorWatch()
        run = run_stack(
            *("--set", f"hardware={hardware}"),
            *("--episodes", str(episodes), "--seed", str(_FIRST_SEED)),
            watch=watch.look,
        )
        figures[f"{hardware}_success"] = run.summary["successes"] / len(run.summary["episodes"])
        figures |= {f"{hardware}_{name}_share": watch.share(name) for name in ("arm.left", "twin")}
    return figures | {"success_lost": figures["twin_success"] - figures["emulated_success"]}


def _renamed(name: str, figures: dict[str, float]) -> dict[str, float]:
    return figures if name == "ours" else {f"{name}_{key}": v for key, v in figures.items()}


def _side_by_side(figures: dict[str, float]) -> Table:
    table = Table("figure", "ours", "dynamixel-sdk", title="Beside each other")
    for key, value in figures.items():
        if (theirs := figures.get(f"sdk_{key}")) is not None:
            table.add_row(key, f"{value:.3g}", f"{theirs:.3g}")
    return table


def _targets(figures: dict[str, float]) -> tuple[Target, ...]:
    """Return the targets of what was measured."""
    left_out = () if "success_lost" in figures else ("success_lost",)
    return tuple(target for target in TARGETS if target.key not in left_out)


def _spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    sys.exit(program.run(main))
