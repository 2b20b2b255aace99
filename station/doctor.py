"""Examines the machine: can it run a robot, how well, and what to do about it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from messaging.curve import Network
from runtime.folders import NoHomeError, user_name
from runtime.realtime import memory_may_be_locked, realtime_permitted
from runtime.shell import command
from runtime.supervisor import CHILD_ENVIRONMENT
from station.config import ConfigError, load, robot_file, robots
from station.kernel_workers import delayed_workers
from station.lock import LOCK, bus_directory, is_held
from station.probes import Answer, Probes
from station.remedy import latched_in_words
from station.robot import StationConfig
from station.rows import network

Level = Literal["ok", "warning", "problem"]

_STYLES: dict[Level, str] = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_PRIORITY = 80  # of the controller
_GOOD_FREE_GB, _LEAST_FREE_GB = 5.0, 0.5
_SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies")
_CLOCK_FILE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_SERIAL_PORTS = ("ttyDXL*", "ttyUSB*", "ttyACM*")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it unless all is well."""

    name: str
    level: Level
    text: str
    remedy: str = ""


def examine(config: StationConfig | None = None) -> int:
    """Print all findings; returns 1 if one of them keeps a robot from running, else 0.

    Args:
        config: of the robot that the machine shall run; all shipped ones if None.
    """
    found = findings(config)
    print_findings(found, Console())
    return int(any(finding.level == "problem" for finding in found))


def findings(config: StationConfig | None = None) -> list[Finding]:
    """Run all checks, for a robot or for all shipped ones; takes a few seconds."""
    with Probes() as probes:
        stations = check_station(config) if config else check_configs()
        answers = probes.answers()
    ports = [port for kind in _SERIAL_PORTS for port in Path("/dev").glob(kind)]
    return [
        check_realtime(realtime_permitted),
        check_locked_memory(memory_may_be_locked),
        check_cores(len(os.sched_getaffinity(0))),
        check_clock(_CLOCK_FILE),
        check_opengl(answers["OpenGL"]),
        check_torch(answers["torch"]),
        *stations,
        check_serial_ports(ports),
        check_kernel_workers(ports, delayed_workers),
        check_leftovers(bus_directory("any").parent),
    ]


def print_findings(found: Sequence[Finding], console: Console) -> None:
    """Print findings as a table, and below it what to do, in lines that can be copied whole."""
    table = Table(box=None, header_style="bright_black", padding=(0, 2, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("finding")
    for finding in found:
        style = _STYLES[finding.level]
        table.add_row(finding.name, f"[{style}]{finding.level}[/]", _escaped(finding.text))
    console.print(table)
    for finding in found:
        if finding.remedy:
            line = f"{finding.name}: {finding.remedy}"
            console.print(line, style="cyan", markup=False, highlight=False, soft_wrap=True)


def check_realtime(permitted: Callable[[int], bool]) -> Finding:
    """Check that control loops may run before everything else."""
    if permitted(_PRIORITY):
        return Finding("real time", "ok", f"SCHED_FIFO up to priority {_PRIORITY} is permitted")
    return Finding(
        "real time",
        "warning",
        "SCHED_FIFO is refused: other programs will make control ticks late",
        f"put `{user_name()} - rtprio 90` into /etc/security/limits.d/evenhand.conf"
        " and log in again",
    )


def check_locked_memory(permitted: Callable[[], bool]) -> Finding:
    """Check that the memory of control loops may be kept from being swapped out."""
    if permitted():
        return Finding("locked memory", "ok", "memory can be locked")
    return Finding(
        "locked memory",
        "warning",
        "locking memory is refused: a page fault may delay a control tick",
        f"put `{user_name()} - memlock unlimited` into /etc/security/limits.d/evenhand.conf"
        " and log in again",
    )


def check_cores(cores: int) -> Finding:
    """Check that there are cores for the controller and for the policy."""
    if cores >= 4:
        return Finding("cores", "ok", f"{cores} cores")
    if cores >= 2:
        return Finding("cores", "ok", f"{cores} cores: enough, with nothing else running")
    return Finding(
        "cores",
        "warning",
        "one core: inference and control will wait for each other",
        "use a machine with two cores or more, or let the policy run on another (--join)",
    )


def check_clock(path: Path) -> Finding:
    """Check that reading the time is cheap; it happens thousands of times a second."""
    try:
        source = path.read_text(encoding="utf-8").strip()
    except OSError:
        return Finding("clock", "ok", "the system does not say which clock source it uses")
    if source not in _SLOW_CLOCKS:
        return Finding("clock", "ok", source)
    return Finding(
        "clock",
        "warning",
        f"{source} is slow to read",
        f"if `available_clocksource` beside it lists tsc: {command('echo tsc | sudo tee', path)}",
    )


def check_opengl(answer: Answer) -> Finding:
    """Check that the twin's cameras can draw."""
    if answer.succeeded:
        return Finding("OpenGL", "ok", f"EGL draws with {answer.text}")
    return Finding(
        "OpenGL",
        "warning" if answer.timed_out else "problem",
        f"no off-screen rendering, so the twin's cameras see nothing: {answer.text}",
        "`sudo apt-get install libegl1 libgl1-mesa-dri`, or your graphics card's driver",
    )


def check_torch(answer: Answer) -> Finding:
    """Check that torch loads and keeps to the one thread that it is given."""
    remedy = "`pip install -e .` in the project's folder"
    if answer.timed_out:
        remedy = "end other programs, and try again"
        return Finding("torch", "warning", f"slow to import: {answer.text}", remedy)
    if not answer.succeeded:
        return Finding("torch", "problem", f"cannot be imported: {answer.text}", remedy)
    version, _, threads = answer.text.partition(" ")
    if threads != CHILD_ENVIRONMENT["OMP_NUM_THREADS"]:
        text = f"{version} takes {threads} threads where it was given one"
        return Finding("torch", "warning", text, remedy)
    return Finding("torch", "ok", f"{version}, one thread in the policy worker")


def check_disk(runs: Path) -> Finding:
    """Check that there is room for runs, about 130 MB an hour."""
    folder = runs.absolute()
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    text = f"{free_gb:.1f} GB free for {runs}"
    if not os.access(folder, os.W_OK):
        remedy = f"{command('sudo chown', user_name(), folder)}, or another `runs` in the config"
        return Finding("disk", "problem", f"{folder} is not writable", remedy)
    if free_gb >= _GOOD_FREE_GB:
        return Finding("disk", "ok", text)
    level: Level = "warning" if free_gb >= _LEAST_FREE_GB else "problem"
    return Finding("disk", level, text, f"delete old runs: {command('ls', runs)}")


def check_configs() -> list[Finding]:
    """Check that every shipped config can be read, and what it needs of the machine."""
    found: list[Finding] = []
    for robot in robots():
        try:
            config = load(robot_file(robot), [])
        except ConfigError as error:
            found.append(Finding(f"robot {robot}", "problem", str(error), "correct its config"))
            continue
        found.append(Finding(f"robot {robot}", "ok", "its config is valid"))
        found += check_station(config)
    return list(dict.fromkeys(found))  # robots may share a disk


def check_station(config: StationConfig) -> list[Finding]:
    """Check the disk of a robot's runs, its latch, and its ports if it spans machines."""
    try:
        return _of_station(config)
    except NoHomeError as error:
        text, _, remedy = str(error).rpartition("; ")
        return [Finding("home", "problem", text, remedy)]


def _of_station(config: StationConfig) -> list[Finding]:
    found = [check_disk(config.run_folder), check_stop(config)]
    if machines := network(config):
        found.append(check_network_ports(machines))
    return found


def check_stop(config: StationConfig) -> Finding:
    """Check that stops can be remembered, and that none is in force."""
    name, folder = f"safety of {config.robot}", config.state_directory
    in_force = latched_in_words(folder, config.robot)
    if in_force:
        return Finding(name, "warning", in_force[0], " ".join(in_force[1:]))
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(existing, os.W_OK | os.X_OK):
        return Finding(name, "ok", f"no stop is in force; stops are kept in {folder}")
    owning = command("sudo chown", user_name(), existing)
    remedy = f"{owning}, or another `safety.directory` in the config"
    return Finding(name, "problem", f"{existing} is not writable: the robot cannot run", remedy)


def check_network_ports(machines: Network) -> Finding:
    """Check that no other program has the TCP ports of a station that spans machines."""
    ports = range(machines.base_port, machines.base_port + len(machines.streams))
    taken = [port for port in ports if not _free(port)]
    span = f"TCP ports {ports.start} to {ports.stop - 1}"
    if not taken:
        return Finding("network", "ok", f"{span} are free")
    return Finding(
        "network",
        "problem",
        f"{span} are needed, taken are {taken}",
        f"`ss -ltnp 'sport = :{taken[0]}'` says by whom; or set another network.base_port",
    )


def check_serial_ports(ports: Sequence[Path]) -> Finding:
    """Check that the serial ports, where arms are attached, may be opened."""
    if not ports:
        return Finding("serial ports", "ok", "none: the twin stands in for the arms")
    refused = [port for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    if not refused:
        return Finding("serial ports", "ok", _listed(ports))
    return Finding(
        "serial ports",
        "problem",
        f"no permission to open {_listed(refused)}",
        f"{command('sudo usermod -aG dialout', user_name())} and log in again",
    )


def check_kernel_workers(ports: Sequence[Path], workers: Callable[[], tuple[int, int]]) -> Finding:
    """Check that busy programs do not hold back what serial ports receive; docs/hardware.md."""
    delayed, there = workers() if ports else (0, 0)
    if not there:
        why = "not to be seen from here" if ports else "no serial port needs them"
        return Finding("kernel workers", "ok", why)
    if not delayed:
        return Finding("kernel workers", "ok", f"all {there} kworker/u* have real-time priority")
    return Finding(
        "kernel workers",
        "warning",
        f"{delayed} of {there} kworker/u* have ordinary priority: they pass on what serial ports "
        "receive, and where a browser keeps them waiting, motors seem to be silent",
        "`for p in $(pgrep ^kworker/u); do sudo chrt -f -p 65 $p; done` until there are new ones; "
        "for good, a service does it (docs/hardware.md)",
    )


def check_leftovers(root: Path) -> Finding:
    """Check that no launch that was killed left its sockets behind."""
    stale: list[Path] = []
    running: list[Path] = []
    for lock in sorted(root.glob(f"*/{LOCK}")):
        (running if is_held(lock) else stale).append(lock.parent)
    if stale:
        text = f"{_listed(stale)}: left behind by a launch that was killed; the next one takes over"
        return Finding("leftovers", "warning", text, command("rm -r", *stale))
    names = ", ".join(path.name for path in running)
    return Finding("leftovers", "ok", f"none; running: {names}" if names else "none")


def _free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("", port))
        except OSError:
            return False
    return True


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
