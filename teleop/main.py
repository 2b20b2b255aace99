"""A person's device becomes a stream of commands, whether or not they want to command."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from messaging.desk import Desk
from messaging.messages import ControlStatus, Directive, Request
from messaging.service import Client
from messaging.topics import (
    CONTROL_STATUS,
    DIRECTIVE,
    EPISODE_STATE,
    HUMAN_COMMAND,
    JOINT_COMMAND,
    Keep,
)
from messaging.transport import Bus
from runtime.config import LoopRate, Radians, StrictModel
from runtime.plugins import configured, plugin
from runtime.process import Context
from runtime.rate import RateKeeper
from teleop.device import LABELS, WISHES, Device, Event, Robot, View
from teleop.pedals import PedalConfig, Pedals
from teleop.wish import Wish

log = logging.getLogger(__name__)

_ACQUAINTANCE_S = 1.0  # most that is waited for the controller and the station at the start


class Config(StrictModel):
    """Which device, and the robot that it commands."""

    device: str  # a file in teleop/devices/
    config: dict[str, Any] = Field(default_factory=dict)  # its own options
    joints: dict[str, tuple[Radians, Radians]]  # name -> range in rad, grippers 0..1, in order
    arms: tuple[str, ...]
    home: tuple[Radians, ...]
    instruction: str = ""
    leaders: tuple[str, ...] = ()
    rate_hz: LoopRate = 100
    pedals: dict[str, PedalConfig] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _home_is_of_the_joints(self) -> Config:
        if len(self.home) != len(self.joints):
            raise ValueError(f"home has {len(self.home)} values for {len(self.joints)} joints")
        return self

    @property
    def robot(self) -> Robot:
        """What the device may know of the robot."""
        lower, upper = zip(*self.joints.values(), strict=True)
        return Robot(
            joints=tuple(self.joints),
            lower=np.array(lower),
            upper=np.array(upper),
            home=np.array(self.home),
            arms=self.arms,
            leaders=self.leaders,
            instruction=self.instruction,
            rate_hz=self.rate_hz,
        )


def main(config: Config, context: Context) -> None:
    """Read the device until told to stop.

    Raises:
        DeviceError: the device is not there at the start; says what to do.
        UnknownNameError: there is no such device; says which there are.
        pydantic.ValidationError: the device's own options do not fit.
    """
    module = plugin("teleop.devices", config.device)
    device: Device = module.make(configured(module, config.config), config.robot, context.bus)
    pedals = Pedals(config.pedals)
    try:
        device.open()
        pedals.open()
        teleop = Teleop(config, device, pedals, context)
        while not context.stopping:
            teleop.tick()
    finally:
        pedals.close()
        device.close()


class Teleop:
    """The loop's state: the device, the wish, and the newest of everything that they look at."""

    def __init__(self, config: Config, device: Device, pedals: Pedals, context: Context) -> None:
        bus = context.bus
        self._device = device
        self._pedals = pedals
        self._context = context
        self._rate = RateKeeper(config.rate_hz)
        self._commands = bus.publisher(HUMAN_COMMAND)
        self._told = bus.subscriber(JOINT_COMMAND, keep=Keep.ALL)
        self._statuses = bus.subscriber(CONTROL_STATUS)
        self._directives = bus.subscriber(DIRECTIVE)
        self._episodes = bus.subscriber(EPISODE_STATE)
        lost = self._was_left()
        if lost:
            log.warning("somebody commanded when this ended: the arms wait for a hand-back")
        self._wish = Wish(config.device, lost=lost)
        self._desk = Desk(
            bus.service("teleop"),
            lambda request, now_ns: self._wish.ask(Event(request.kind, request.value), now_ns),
        )
        self._labels = Labels(bus, config.device)
        self._ready = False

    def tick(self) -> None:
        """Wait for the next beat; hear, read, tell."""
        self._rate.wait()
        self._listen()
        now_ns = time.monotonic_ns()
        self._wish.look(now_ns)
        for granted in self._desk.serve(now_ns):
            log.info("%s", granted)
        view = self._view()
        reading = self._device.read(now_ns, view)
        self._heed(self._pedals.events(now_ns), now_ns)
        if reading is not None:
            self._wish.heard(now_ns)
            self._heed(reading.events, now_ns)
        command = self._wish.command(reading, now_ns)
        if command is not None:
            self._commands.send(command)
        self._device.mirror(self._view())
        self._labels.heed()
        self._ready = self._ready or reading is not None
        self._context.beat(ready=self._ready, late_ns=self._rate.late_ns, note=self._note())

    def _was_left(self) -> bool:
        """Return whether the arms hold because who ran before this fell silent in command."""
        end_ns = time.monotonic_ns() + int(_ACQUAINTANCE_S * 1e9)
        while not self._context.stopping and time.monotonic_ns() < end_ns:
            self._statuses.receive()
            self._directives.receive()
            if self._statuses.newest and self._directives.newest:
                return _left(self._statuses.newest, self._directives.newest)
            self._context.beat(ready=False, note="looks what the arms do")
            self._rate.wait()
        return False

    def _listen(self) -> None:
        self._statuses.receive()
        self._episodes.drain()
        status = self._statuses.newest
        for command in self._told.drain():
            self._wish.follow(command, status.mode if status else "")

    def _view(self) -> View:
        told = self._told.newest
        return View(
            command=told.position if told else None,
            status=self._statuses.newest,
            episode=self._episodes.newest,
            engaged=self._wish.engaged,
            rewinding=self._wish.rewinding,
        )

    def _heed(self, events: Sequence[Event], now_ns: int) -> None:
        for event in events:
            if event.kind in WISHES:
                why_not = self._wish.ask(event, now_ns)
                log.info("%s by hand or foot%s", event.kind, why_not and f", but {why_not}")
            else:
                self._labels.pass_on(event, now_ns)

    def _note(self) -> str:
        doing = "goes back" if self._wish.rewinding else "commands" if self._wish.engaged else ""
        if self._wish.lost:
            doing = "LOST: hand the arms back"
        return "; ".join(filter(None, (doing, self._device.note(), self._pedals.note())))


class Labels:
    """Passes on what a device's keys say about the episode."""

    def __init__(self, bus: Bus, device: str) -> None:
        self._clients: dict[str, Client] = {
            service: bus.client(service) for service in sorted(set(LABELS.values()))
        }
        self._who = f"teleop {device}"

    def pass_on(self, event: Event, now_ns: int) -> None:
        """Ask whom it concerns; raises ValueError for an event that concerns nobody."""
        if event.kind not in LABELS:
            known = ", ".join((*WISHES, *LABELS))
            raise ValueError(f"the device says {event.kind!r}; an event is one of {known}")
        request = Request(
            id=uuid.uuid4().hex,
            kind=event.kind,
            who=self._who,
            t_ns=now_ns,
            value=event.value,
            reason=event.text,
        )
        self._clients[LABELS[event.kind]].send(request)

    def heed(self) -> None:
        """Write down what was refused."""
        for service, client in self._clients.items():
            while (reply := client.receive()) is not None:
                if not reply.accepted:
                    log.warning("%s: %s", service, reply.said)


def _left(status: ControlStatus, directive: Directive) -> bool:
    return status.lost or (directive.mode == "run" and status.mode in ("human", "hold"))
