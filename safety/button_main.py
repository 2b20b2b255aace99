"""One process a button: a press becomes a stop at once, and is repeated until it is granted."""

from __future__ import annotations

import logging
import time
from typing import Any

from pydantic import Field

from messaging.messages import SafetyState
from messaging.topics import SAFETY_STATE
from runtime.config import StrictModel
from runtime.plugins import configured, plugin
from runtime.process import Context
from safety.button import Button, ButtonError, Condition
from safety.button_press import Press

log = logging.getLogger(__name__)

_PATIENCE_S = 0.04  # less than a heartbeat's period
_ANSWER_S = 0.5  # after which people are told
_LAST_WORDS_NS = 1_000_000_000
_MOVING = ("testing", "armed", "running")


class Config(StrictModel):
    """What a button's process is told."""

    name: str
    plugin: str  # a file in safety/buttons/
    plugin_config: dict[str, Any] = Field(default_factory=dict)


def main(config: Config, context: Context) -> None:
    """Listen to the button until the context stops.

    Raises:
        ButtonError: the device is not there at the start.
        UnknownNameError: there is no such button plugin; says which there are.
        pydantic.ValidationError: the plugin's own configuration does not fit.
    """
    module = plugin("safety.buttons", config.plugin)
    button: Button = module.make(configured(module, config.plugin_config), config.name)
    watch = Watch(config.name, button, context)
    try:
        _open(button, watch, context)
        while not context.stopping:
            watch.look()
    finally:
        button.close()


def _open(button: Button, watch: Watch, context: Context) -> None:
    try:
        button.open()
    except ButtonError:
        # Of a process that was started again in the middle of a run, this may have to stop it.
        end_ns = time.monotonic_ns() + _LAST_WORDS_NS
        while not context.stopping and time.monotonic_ns() < end_ns:
            watch.look(ready=False)
        raise


class Watch:
    """Between a button and the safety process."""

    def __init__(self, name: str, button: Button, context: Context) -> None:
        self._button = button
        self._context = context
        self._client = context.bus.client("safety")
        self._states = context.bus.subscriber(SAFETY_STATE)
        self._press = Press(f"button {name}")
        self._name = name
        self._stops = 0
        self._lost = ""

    def look(self, *, ready: bool = True) -> None:
        """Wait a moment for the button, and do what it says."""
        pressed = self._button.wait(_PATIENCE_S)
        condition = self._button.condition()
        self._states.receive()
        state, now_ns = self._states.newest, time.monotonic_ns()
        reason = self._reason(pressed, condition, state)
        silent = state is None or now_ns - state.t_ns > SAFETY_STATE.stale_after_ns
        if request := self._press.request(reason, state, silent, now_ns):
            self._client.send(request)
            self._stops += 1
            log.warning("asks for a stop: %s", request.reason)
        while reply := self._client.receive():
            self._press.answer(reply, time.monotonic_ns())
        # A reset is refused, naming this button, for as long as it would stop the robot again.
        usable = ready and not pressed and not (condition.lost and condition.loss_stops)
        note = self._note(pressed, condition)
        self._context.beat(ready=usable, counters={"asked": self._stops}, note=note)

    def _reason(self, pressed: bool, condition: Condition, state: SafetyState | None) -> str:
        if condition.lost != self._lost:
            self._lost = condition.lost
            log.warning("button %s: %s", self._name, condition.lost or "back again")
        if pressed:
            return "it is pressed"
        # A robot that stands disarmed need not be stopped, but cannot be armed like this.
        if condition.lost and condition.loss_stops and state and state.phase in _MOVING:
            return f"it is out of reach: {condition.lost}"
        return ""

    def _note(self, pressed: bool, condition: Condition) -> str:
        if self._press.waiting_s(time.monotonic_ns()) > _ANSWER_S:
            return "PRESSED, and safety does not answer"
        if condition.lost:
            return f"LOST: {condition.lost}"
        return "PRESSED" if pressed else "OK"
