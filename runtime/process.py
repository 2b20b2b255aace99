"""One process of the station: how it is described, how it starts, how it shows that it lives.

A process is a module with `Config` (a pydantic model) and `main(config, context)`, which loops
until `context.stopping`. Run as `python -m runtime.process SPEC [PARENT]`: the path
of a `ProcessSpec`, and the process id of the parent, with whom it dies.

Without a parent a process ends by SIGTERM. With one it ends when that sends END_SIGNAL, and ignores
what reaches the whole launch, as SIGTERM does from `timeout` or systemd: ended all at once, each
would take the end of the others for a fault.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections import deque
from enum import Enum
from pathlib import Path
from typing import IO, Annotated, Any, Final

from pydantic import Field

from messaging.curve import Network
from messaging.messages import Heartbeat
from messaging.topics import HEARTBEAT
from messaging.transport import Bus
from runtime.config import Between, StrictModel
from runtime.plugins import configured
from runtime.realtime import become_realtime, realtime_permitted

log = logging.getLogger(__name__)

END_SIGNAL: Final = signal.SIGUSR2  # by which a parent asks for the end

# What a terminal, a service manager or `timeout` sends to the whole launch.
_FOR_THE_LAUNCH = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_MESSAGE_PRIORITY = 20
_BEAT_NS = round(1e9 / HEARTBEAT.rate_hz)
_RATE_BEATS = 20  # a second's worth
STALL_NS = 50_000_000  # a loop that is later than this stood still
_LAST_ROUND_S = 5  # how long a process that was asked to stop may take


Patience = Annotated[float, Between(0.001, 3600.0, "s")]


class OnDeath(Enum):
    """What the supervisor does when a process dies or hangs."""

    RESTART = "restart"
    END_RUN = "end the run"


class ProcessSpec(StrictModel):
    """Everything that a process is told at its start."""

    name: str
    module: str
    config: dict[str, Any] = Field(default_factory=dict)
    directory: Path  # of the bus
    network: Network | None = None
    on_death: OnDeath = OnDeath.END_RUN
    needs: tuple[str, ...] = ()  # processes that must be ready before this one starts
    # SCHED_FIFO where permitted, 0 for an ordinary process
    realtime_priority: Annotated[int, Between(0, 99)] = 0
    nice: Annotated[int, Between(-20, 19)] = 0
    remote: bool = False  # started on another machine; here it is only watched
    stall_s: Patience = 0.15  # silent for longer: alarm
    hang_s: Patience = 2.0  # silent for longer: as good as dead
    start_s: Patience = 60.0  # not ready after so long: as good as dead


class Context:
    """What a process has of the station: its name, the bus, and when to stop."""

    def __init__(self, name: str, bus: Bus) -> None:
        self.name = name
        self.bus = bus
        self.stopping = False
        self._publisher = bus.publisher(HEARTBEAT, name)
        self._loops = 0
        self._worked = 0
        self._late_ns = 0
        self._stall_ns = self._stalled_ns = 0  # how long the last stall was, and when it was over
        # When each of the last beats was, and how many rounds had done work by then.
        self._beats = deque([(time.monotonic_ns(), 0)], maxlen=_RATE_BEATS)

    def beat(
        self,
        *,
        ready: bool = True,
        worked: bool = True,
        late_ns: int = 0,
        age_ns: int = 0,
        counters: dict[str, int] | None = None,
        note: str = "",
        quiet_s: float = 0.0,
    ) -> None:
        """Count one round of the process's loop and, 20 times a second, tell the station.

        Args:
            ready: whether the process can do its work.
            worked: whether this round did any; the rate counts only those.
            late_ns: how late this round was.
            age_ns: age of the oldest input that this round relied on.
            counters: totals worth showing.
            note: what the process is doing, for people.
            quiet_s: how long it may be silent by the nature of its work, if longer than its spec
                allows.
        """
        self._loops += 1
        self._worked += worked
        self._late_ns = max(self._late_ns, late_ns)
        now_ns = time.monotonic_ns()
        then_ns, worked_then = self._beats[0]
        stood_still = late_ns > STALL_NS
        if stood_still:  # which others wait to hear: by it they tell a stall from a fault
            self._stall_ns, self._stalled_ns = late_ns, now_ns
        elif now_ns - self._beats[-1][0] < _BEAT_NS and self._loops > 1:
            return
        self._publisher.send(
            Heartbeat(
                process=self.name,
                pid=os.getpid(),
                t_ns=now_ns,
                ready=ready,
                loops=self._loops,
                rate_hz=(self._worked - worked_then) / max(now_ns - then_ns, 1) * 1e9,
                late_ms=self._late_ns * 1e-6,
                age_ms=age_ns * 1e-6,
                counters=counters or {},
                note=note,
                quiet_s=quiet_s,
                stall_ms=self._stall_ns * 1e-6,
                t_stall_ns=self._stalled_ns,
            )
        )
        self._beats.append((now_ns, self._worked))
        self._late_ns = 0

    def stop(self) -> None:
        """Ask the loop to end after its present round."""
        self.stopping = True


def run(spec: ProcessSpec, end_signal: signal.Signals) -> None:
    """Live the life of the process that `spec` describes, in this very process.

    Args:
        spec: of the process.
        end_signal: asks it to end.
    """
    module = importlib.import_module(spec.module)
    config = configured(module, spec.config)
    if spec.realtime_priority and (refused := become_realtime(spec.realtime_priority)):
        log.warning("runs without %s: the system refused it", " and ".join(refused))
    # Moving a message takes microseconds, waiting behind somebody's drawing takes milliseconds.
    priority = spec.realtime_priority or _MESSAGE_PRIORITY
    io_priority = priority if realtime_permitted(priority) else 0
    with Bus(spec.directory, spec.network, io_priority) as bus:
        context = Context(spec.name, bus)
        signal.signal(end_signal, lambda *_: _end(context))
        module.main(config, context)
    signal.alarm(0)


def spawned(spec: Path, output: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the process described in the file `spec` as a child that writes to `output`."""
    # A new program begins with the mask of its parent: these reach everyone, and would end a child
    # that has not yet come to the line where it ignores them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_LAUNCH)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "runtime.process", str(spec), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(context: Context) -> None:
    context.stop()
    # The system itself ends a loop that does not heed the request, even when nobody is left to.
    signal.alarm(_LAST_ROUND_S)


def _main() -> int:
    parent = int(sys.argv[2]) if len(sys.argv) > 2 else None
    end_signal = signal.SIGTERM if parent is None else END_SIGNAL
    # Ctrl-C reaches the whole terminal group, but only the station decides in which order to stop.
    for number in {signal.SIGINT, signal.SIGTERM} - {end_signal}:
        signal.signal(number, signal.SIG_IGN)
    # Ctrl-Z stops the station alone: the controller notices its silence and holds the arms.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, end_signal)
    if parent is not None and os.getppid() != parent:
        return 1  # the parent died before it could be watched
    spec = ProcessSpec.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {spec.name} %(levelname)s %(message)s",
    )
    os.nice(spec.nice)
    try:
        run(spec, end_signal)
    except Exception:
        log.exception("died")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
