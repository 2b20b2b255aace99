"""A process for the tests of supervision, which does one thing wrong on demand."""

import logging
import os
import signal
import sys
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runtime.process import Context


class Config(BaseModel):
    """What goes wrong; `mark` is a file whose presence means that it went wrong once already."""

    model_config = ConfigDict(extra="forbid")

    fault: str = ""
    mark: str = ""
    round_s: float = 0.01
    quiet_s: float = 0.0


def main(config: Config, context: Context) -> None:
    """Beat every `round_s` until told to stop, faults apart."""
    fault = config.fault
    if config.mark and Path(config.mark).exists():
        fault = ""
    elif config.mark:
        Path(config.mark).touch()
    while fault == "never ready" and not context.stopping:
        context.beat(ready=False)
        time.sleep(config.round_s)
    if fault == "dies while starting":
        raise RuntimeError("no such arm")
    until = time.monotonic() + 0.3
    while not context.stopping or fault == "deaf":
        context.beat(note=f"stopping is {context.stopping}", quiet_s=config.quiet_s)
        time.sleep(config.round_s)
        if fault and time.monotonic() > until:
            misbehave(fault)


def misbehave(fault: str) -> None:
    """Die or hang as `fault` says; others than these are not for a running loop."""
    if fault == "exits":
        logging.getLogger(__name__).error("out of film")
        sys.exit(3)
    if fault == "hangs":
        time.sleep(60)
    if fault == "freezes":
        os.kill(os.getpid(), signal.SIGSTOP)
