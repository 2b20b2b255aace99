"""`python -m simulation.servos --robot aloha`: a robot's serial ports, with emulated servos.

Any program that speaks Dynamixel's Protocol 2.0 can open them. See docs/emulated_servos.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console as Screen

from drivers.dynamixel.profile import Profile
from drivers.dynamixel.socket_port import SCHEME
from drivers.gripper import commanded_rad
from runtime import program
from runtime.plugins import UnknownNameError
from simulation.main import World
from simulation.scene import scene_model
from simulation.servos.adapter import Adapter
from simulation.servos.console import PREFIX, Console, RequestError
from simulation.servos.first_order import FirstOrder
from simulation.servos.hand import Hand
from simulation.servos.line import Line
from simulation.servos.plant import Plant
from simulation.servos.ports import Ports
from simulation.servos.servo import servos_of
from simulation.twin import Twin
from simulation.twin_plant import STEP_NS, TwinPlant
from station.config import ConfigError, load, robot_file
from station.robot import ArmConfig

_TRY_IT: Final = """\
Any program for Dynamixel servos can open these ports; with pip install dynamixel-sdk:

    from dynamixel_sdk import PacketHandler, PortHandler
    port, packets = PortHandler("{port}"), PacketHandler(2.0)
    port.openPort(), port.setBaudRate({baud})
    print(packets.ping(port, {id}), packets.read4ByteTxRx(port, {id}, 132))

"""
_ASK: Final = """\
Ask for faults here: `help` says which, `show` what all motors are doing. Ctrl-C ends.
"""


def main(arguments: list[str]) -> int:
    """Serve the ports until Ctrl-C; returns the exit status."""
    screen = Screen()
    options = _parser().parse_args(arguments)
    try:
        config = load(robot_file(options.robot), options.set)
        followers, leaders = _with_ports(config.arms), _with_ports(config.leaders)
        if not followers and not leaders:
            raise ConfigError(f"{options.robot} has no arms with a serial port")
        bench = _Bench(followers, leaders, options.plant == "twin", options.latency_timer)
        scheme = SCHEME if options.sockets else ""
        ports = Ports(
            bench.lines, {name: f"{scheme}{options.directory / name}" for name in bench.lines}
        )
    except (ConfigError, UnknownNameError, OSError, ValueError) as error:
        screen.print(str(error), style="red", markup=False, highlight=False)
        return 1
    with ports:
        for line in _told(bench.profiles, ports):
            screen.print(line, highlight=False, markup=False, soft_wrap=True)
        name, profile = next(iter(bench.profiles.items()))
        try_it = "" if options.sockets else _TRY_IT
        hint = try_it.format(port=ports.addresses[name], baud=profile.baud, id=profile.ids[0])
        screen.print(f"\n{hint}{_ASK}", highlight=False, markup=False, soft_wrap=True)
        _attend(bench, ports, screen)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation.servos", description=__doc__)
    directory = Path(tempfile.gettempdir()) / f"evenhand-servos-{os.getuid()}"
    parser.add_argument("--robot", default="aloha", help="whose arms (default: aloha)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change any key of the robot's config; may be given several times",
    )
    parser.add_argument(
        "--directory", type=Path, default=directory, help=f"of the ports (default: {directory})"
    )
    parser.add_argument(
        "--sockets",
        action="store_true",
        help="instead of pseudo-terminals: for Evenhand alone, and quick on a busy machine",
    )
    parser.add_argument(
        "--plant",
        choices=("first_order", "twin"),
        default="first_order",
        help="what the followers' servos move: shafts alone (default), or the arms in physics",
    )
    parser.add_argument(
        "--latency-timer", type=int, default=1, metavar="MS", help="of the adapters (default: 1)"
    )
    return parser


def _with_ports(arms: Mapping[str, ArmConfig]) -> dict[str, ArmConfig]:
    """Return the arms that have a serial port, by the name of its file."""
    return {Path(arm.config["port"]).name: arm for arm in arms.values() if "port" in arm.config}


def _resting(arm: ArmConfig, profile: Profile) -> dict[str, float]:
    """Return the joints' angles at the arm's rest pose, of the gripper the crank's."""
    pose = dict(zip(arm.joints, arm.rest, strict=True))
    return pose | {"gripper": commanded_rad(profile.gripper, pose["gripper"])}


class _Bench:
    """All lines, and the world that their servos move."""

    def __init__(
        self,
        followers: Mapping[str, ArmConfig],
        leaders: Mapping[str, ArmConfig],
        in_physics: bool,
        latency_timer_ms: int,
    ) -> None:
        arms = {**followers, **leaders}
        self.profiles = {
            name: Profile.model_validate_json(json.dumps(arm.config)) for name, arm in arms.items()
        }
        plants: dict[str, Plant] = {}
        self._world: World | None = None
        if in_physics:
            twin = Twin(scene_model())
            twin.reset(0, np.concatenate([arm.rest for arm in followers.values()]))
            shafts = {
                name: TwinPlant(twin, arm, self.profiles[name])
                for arm, name in enumerate(followers)
            }
            self._world = World(twin, time.monotonic_ns(), STEP_NS, tuple(shafts.values()))
            plants.update(shafts)
        self.lines: dict[str, Line] = {}
        self.hands: dict[str, Hand] = {}
        for name, profile in self.profiles.items():
            plant = plants.get(name) or FirstOrder.of(profile, _resting(arms[name], profile))
            self.lines[name] = Line(
                servos_of(profile), plant, Adapter(profile.baud, latency_timer_ms)
            )
            self.hands[name] = Hand(profile, plant, self.lines[name])

    def run(self, ports: Ports, stop: threading.Event) -> None:
        """Serve the ports, and let the world's time pass."""
        if self._world is None:
            ports.run(stop)
            return
        while not stop.is_set():
            ports.serve(self._world.next_ns)
            with ports.paused:
                self._world.catch_up(time.monotonic_ns())


def _told(profiles: Mapping[str, Profile], ports: Ports) -> Iterator[str]:
    """Yield a line for each port, whole however narrow the terminal is."""
    for name, profile in profiles.items():
        short = name.removeprefix(PREFIX)
        models: dict[str, list[int]] = {}
        for motor in profile.motors.values():
            models.setdefault(motor.model, []).extend(motor.ids)
        told = ", ".join(f"{' '.join(map(str, ids))}: {model}" for model, ids in models.items())
        yield f"{short}: {ports.addresses[name]}, {profile.baud} baud"
        yield f"    {told}"


def _attend(bench: _Bench, ports: Ports, screen: Screen) -> None:
    """Serve in a thread of its own, and carry out what is asked for, until Ctrl-C."""
    console, stop = Console(bench.lines, ports, bench.hands), threading.Event()
    server = threading.Thread(target=bench.run, args=(ports, stop))
    server.start()
    try:
        for request in sys.stdin:
            _answer(console, request.strip(), screen)
        stop.wait()  # nobody is at the keyboard
    except KeyboardInterrupt:
        screen.print()
    finally:
        stop.set()
        server.join()


def _answer(console: Console, request: str, screen: Screen) -> None:
    if not request:
        return
    try:
        screen.print(console.obey(request), highlight=False, soft_wrap=True)
    except RequestError as error:
        screen.print(f"[red]{error}", highlight=False)


if __name__ == "__main__":
    sys.exit(program.run(lambda: main(sys.argv[1:])))
