"""A robot whose arms are emulated servos on pseudo-terminals, for the arm tools."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from emulated_arm import prompt

from drivers.arms.aloha import AlohaArm
from drivers.dynamixel.registers import Register
from simulation.servos.first_order import FirstOrder, Shaft
from simulation.servos.line import Line
from simulation.servos.ports import Ports
from simulation.servos.servo import servos_of
from station.arm_tools.main import main
from station.arm_tools.request import NamedArm, connected, named_arms
from station.config import load

PORTS = {
    "left": ("arms", "left", "ttyDXL_follower_left"),
    "right": ("arms", "right", "ttyDXL_follower_right"),
    "leader_left": ("leaders", "left", "ttyDXL_leader_left"),
    "leader_right": ("leaders", "right", "ttyDXL_leader_right"),
}
REST = {"shoulder": -1.8, "elbow": 1.55, "wrist_angle": 0.8}

Answer = str | Callable[[], str]


@dataclass
class Robot:
    """What a test sees of it: its config file, its arms, and what is behind their ports."""

    file: Path
    arms: dict[str, NamedArm]
    lines: dict[str, Line]
    plants: dict[str, FirstOrder]
    ports: Ports
    asked: list[str] = field(default_factory=list)

    @property
    def calibration(self) -> Path:
        return self.file.with_suffix(".calibration.yaml")

    def run(self, *arguments: str, answers: Sequence[Answer] = ()) -> int:
        """Run a tool; each question gets the next answer."""
        left = list(answers)

        def ask(question: str) -> str:
            self.asked.append(question)
            answer = left.pop(0)
            return answer if isinstance(answer, str) else answer()

        code = main([*arguments, "--config", str(self.file)], ask=ask)
        assert not left, f"never asked for: {left}"
        return code

    def hold(self, name: str) -> None:
        """Let an arm hold where it is, as a launch leaves it."""
        driver = AlohaArm(self.arms[name].profile)
        driver.attach()
        driver.detach()

    def get(self, name: str, servo: int, register: Register) -> int:
        with connected(self.arms[name]) as bus:
            return bus.read(servo, register)

    def put(self, name: str, servo: int, register: Register, value: int) -> None:
        with connected(self.arms[name]) as bus:
            bus.write(servo, register, value)

    def holding(self, name: str, register: Register) -> set[int]:
        """Return the motors of an arm of which `register` is not zero."""
        with connected(self.arms[name]) as bus:
            return {servo for servo in self.arms[name].profile.ids if bus.read(servo, register)}

    def shaft(self, name: str, joint: str) -> Shaft:
        motor = self.arms[name].profile.motors[joint].id
        return next(shaft for shaft in self.plants[name].shafts if motor in shaft.motors)


@contextmanager
def robot(
    directory: Path, *names: str, poses: Mapping[str, Mapping[str, float]] | None = None
) -> Iterator[Robot]:
    """Run emulated arms, those named; the ports of the others are not there."""
    file = directory / "robot.yaml"
    changes: dict[str, dict[str, object]] = {"arms": {}, "leaders": {}}
    for section, side, port in PORTS.values():
        changes[section][side] = {"config": {"port": str(directory / port)}}
    runs = str(directory / "runs")
    file.write_text(
        yaml.safe_dump({"based_on": "aloha", "runs": runs, **changes}), encoding="utf-8"
    )
    arms = named_arms(load(file, []))
    plants = {
        name: FirstOrder.of(arms[name].profile, (poses or {}).get(name, {})) for name in names
    }
    lines = {name: Line(servos_of(arms[name].profile), plants[name]) for name in names}
    addresses = {name: arms[name].profile.port for name in names}
    stop = threading.Event()
    with Ports(lines, addresses) as ports:

        def live() -> None:
            with prompt():
                ports.run(stop)

        thread = threading.Thread(target=live)
        thread.start()
        try:
            with prompt():
                yield Robot(file, arms, lines, plants, ports)
        finally:
            stop.set()
            thread.join()
