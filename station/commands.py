"""What launch.py can be asked to do, apart from reading the command line."""

from __future__ import annotations

import math
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from messaging.curve import create_keys
from messaging.topics import TOPICS
from messaging.transport import Bus
from recorder.files import sole
from recorder.layout import RECORDER_LOCK
from runtime import program
from runtime.folders import expanded
from runtime.plugins import UnknownNameError, available
from runtime.shell import command
from runtime.supervisor import Phase, Supervisor
from station.address import dashboard_address, with_free_port
from station.display import LOST_OUTPUT, ExpendableDisplay, LiveView
from station.ending import last_lines
from station.exit_code import ExitCode
from station.lines import Lines
from station.lock import bus_directory
from station.patience import STOP_WAIT_S
from station.processes import Table as ProcessTable
from station.processes import process_table
from station.remedy import latched_in_words
from station.robot import RecorderConfig, StationConfig
from station.rows import network
from station.station import Options, Station

_PLUGINS = (
    "drivers.arms",
    "perception.cameras",
    "policy_worker.policies",
    "safety.buttons",
    "teleop.devices",
)
_POLL_S = 0.2


def run(
    config: StationConfig,
    *,
    seed: int,
    episodes: int | None,
    duration_s: float | None,
    stop_wait_s: float | None,
    headless: bool,
    launched_ns: int,
) -> ExitCode:
    """Run the robot; says in its last line how that ended."""
    console = Console()
    config = with_free_port(config)
    if config.recorder:
        _require(config, config.recorder)
    live = not headless and sys.stdout.isatty()
    with suppress(*LOST_OUTPUT):
        _introduce(config, console)
    keyboard = sys.stdin.fileno() if live and sys.stdin.isatty() else None
    if stop_wait_s is None:
        unattended = keyboard is None and (episodes or duration_s)
        stop_wait_s = STOP_WAIT_S if unattended else math.inf
    options = Options(
        *(seed, episodes, duration_s, launched_ns, keyboard),
        stop_wait_s=stop_wait_s if math.isfinite(stop_wait_s) else None,
    )
    station = Station(config, options)
    shown_by = LiveView(console) if live else Lines(console)
    with ExpendableDisplay(shown_by, station.record.losses.append) as display:
        code = station.run(display)
    with suppress(*LOST_OUTPUT):
        _print_whole(console, _torque(config, station.energised))
        for loss in station.record.losses:
            _print_whole(console, loss, style="bold")
        for line in last_lines(station.record, station.report):
            _print_whole(console, line)
    return code


def _require(config: StationConfig, recorder: RecorderConfig) -> None:
    """Make the folder of the dataset.

    Raises:
        RuntimeError: nobody can write there, or another launch does.
        ValueError: the dataset there is of another robot, or needs a repair; says which.
    """
    from recorder import compatibility  # reads tables, whose library takes a tenth of a second

    directory = recorder.place
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise RuntimeError(
            f"cannot record to {directory} ({error.strerror}): make room, or choose another place "
            "with `--record DIR`"
        ) from error
    with sole(directory / RECORDER_LOCK, f"launch of {config.robot}"):
        compatibility.require(
            directory,
            config.robot,
            recorder.rate_hz,
            list(config.ranges),
            list(config.cameras),
            twin=config.is_twin,
        )


def _introduce(config: StationConfig, console: Console) -> None:
    """Print what is about to move, where its page is, and the stop that is in force, if any."""
    lines = [config.title]
    if config.dashboard.enabled:
        address = dashboard_address(config, with_token=sys.stdout.isatty())
        lines.append(f"dashboard: {address}")
    if config.teleop.device:
        lines.append(f"people take over by {config.teleop.device}")
    if config.recorder:
        lines.append(f"recording to {config.recorder.place}")
    latched = latched_in_words(config.state_directory, config.robot)
    if config.has_real_arms:
        lines += latched
    elif latched:
        lines.append(f"of the real arms, which this launch does not move: {latched[0]}")
    for line in lines:
        _print_whole(console, line)


def _print_whole(console: Console, line: str, style: str = "") -> None:
    """Print a line that people may copy from, and so is not broken."""
    console.print(line, style=style, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _torque(config: StationConfig, energised: Sequence[str]) -> str:
    """Return in words which arms the end of the run leaves with torque on, and the leaders."""
    if not energised:
        said = "all arms are at rest, torque off"
    elif config.plays_all_arms:
        said = f"torque stays on: {', '.join(energised)} (of the twin, which ends too)"
    else:
        arms = ", ".join(energised)
        said = f"torque stays on: {arms}; the arms hold, `python -m drivers rest` lets them go"
    if not config.leading:
        return said
    leaders = [word for name in config.leading for word in ("--arm", f"leader_{name}")]
    resting = command("python -m drivers rest", *leaders)
    return f"{said}; leaders stay as they are, {resting} lets them go"


def listing(config: StationConfig) -> int:
    """Print the process table, the topics with their rates, and the plugins found."""
    console = Console()
    directory = bus_directory(config.robot)
    processes = Table("process", "module", "on death", "after", "priority", title="Processes")
    for spec in process_table(config, directory, Path("runs")):
        priority = f"real-time {spec.realtime_priority}" if spec.realtime_priority else "ordinary"
        processes.add_row(
            spec.name, spec.module, spec.on_death.value, ", ".join(spec.needs), priority
        )
    topics = Table("topic", "message", "rate", "kept", "stale after", "writer", title="Topics")
    for topic in TOPICS:
        topics.add_row(
            topic.name,
            topic.message.__name__,
            f"{topic.rate_hz:g} Hz",
            topic.keep.value,
            f"{topic.stale_after_ns * 1e-6:.0f} ms",
            topic.writer,
        )
    plugins = Table("folder", "plugins", title="Plugins")
    for package in _PLUGINS:
        plugins.add_row(package.replace(".", "/"), ", ".join(available(package)))
    for table in (processes, topics, plugins):
        console.print(table)
    return 0


def make_keys(config: StationConfig) -> int:
    """Make this machine's key pair and say what to do with its public part."""
    if config.network is None:
        raise ValueError(
            f"{config.robot} has no other machines: keys need a `network:` section in its config"
        )
    public = create_keys(expanded(config.network.keys))
    Console().print(
        f"public key: {public}\ncopy it to every other machine as allowed/<this machine's "
        "address>.key in its keys directory"
    )
    return 0


def join(config: StationConfig, name: str) -> int:
    """Run one process of a station whose other processes live on another machine, until Ctrl-C."""
    elsewhere = config.network.elsewhere if config.network else {}
    if name not in elsewhere:
        raise UnknownNameError("process of another machine", name, elsewhere)
    here = network(config, here=elsewhere[name])
    with tempfile.TemporaryDirectory(prefix="evenhand-") as path:
        directory = Path(path)
        row = ProcessTable(config, directory, directory).policy_worker()
        with Bus(directory, here) as bus:
            spec = row.model_copy(update={"network": here})
            _look_after(Supervisor([spec], bus, directory), name)
    return 0


def _look_after(supervisor: Supervisor, name: str) -> None:
    asked_to_stop: list[int] = []
    for number in program.interrupts():
        signal.signal(number, lambda number, _frame: asked_to_stop.append(number))
    console = Console()
    was_ready = False
    try:
        while not asked_to_stop:
            for event in supervisor.poll(_POLL_S):
                console.print(f"{name}: {event.phase.value} {event.detail}", highlight=False)
                was_ready = was_ready or event.phase is Phase.READY
                if event.phase is Phase.DEAD and not was_ready:
                    raise RuntimeError(f"{name} did not start: {event.detail}")
    finally:
        supervisor.stopping = True
        supervisor.stop([name])
