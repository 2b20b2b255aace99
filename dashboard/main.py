"""The dashboard's process: hears the station, serves the page, and carries stops to safety."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from pydantic import Field

from dashboard.app import application
from dashboard.asking import Asker
from dashboard.audit_tail import AuditTail
from dashboard.desk import About, Desk
from dashboard.observed import Observed
from dashboard.pictures import Pictures
from dashboard.spoken import LONGEST, SERVICES
from dashboard.tokens import tokens_in
from runtime.config import Port, StrictModel
from runtime.process import Context

log = logging.getLogger(__name__)

_BEAT_S = 0.05
_STATE_ROUNDS = 2  # of the beat
_MOTORS_ROUNDS = 10
_AUDIT_ROUNDS = 20
_UNWATCHED_ROUNDS = 20  # what is open must be read now and then, see `Bus.subscriber`
_HEADER_BYTES = 16 * 1024
_BACKLOG = 128
_GOODBYE_S = 1


class Config(StrictModel):
    """What is shown, where it is served, and where the secrets and the audit file are."""

    robot: str
    title: str
    arms: tuple[str, ...]
    leaders: tuple[str, ...] = ()
    joints: tuple[str, ...]
    cameras: tuple[str, ...]
    processes: tuple[str, ...]
    host: str
    port: Port
    tokens: Path = Field(strict=False)
    audit: Path = Field(strict=False)
    run_directory: Path = Field(strict=False)
    device: str = ""  # by which a person takes over, empty where nobody can
    records: bool = False


class _Server(uvicorn.Server):
    """Leaves the signals to the process, whose end the station decides."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(config: Config, context: Context) -> None:
    """Serve the page until told to stop."""
    context.beat(ready=False, note="starting")
    loop_factory = uvicorn.Config("", loop="auto").get_loop_factory()
    with _listening(config) as listening, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_live(config, context, listening))


async def _live(config: Config, context: Context, listening: socket.socket) -> None:
    bus = context.bus
    observed = Observed(bus, config.arms, config.joints, config.processes, config.leaders)
    askers = {name: Asker(bus.client(name)) for name in SERVICES}
    about = About(
        config.robot,
        config.title,
        config.arms,
        config.joints,
        config.cameras,
        config.device,
        config.records,
    )
    audit = AuditTail(config.audit)
    desk = Desk(about, observed, audit, askers, tokens_in(config.tokens))
    pictures = Pictures(bus, config.cameras)
    server = _Server(_serving(application(desk, pictures, config.audit)))
    loop = asyncio.get_running_loop()
    safety_socket = observed.safety_source.socket.fileno()
    loop.add_reader(safety_socket, _hear_safety, desk)
    showing = asyncio.create_task(pictures.show())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await _beat(config, context, desk, serving)
    finally:
        server.should_exit = True
        showing.cancel()
        await serving
        loop.remove_reader(safety_socket)
        for asker in askers.values():
            asker.close()


async def _beat(config: Config, context: Context, desk: Desk, serving: asyncio.Task[None]) -> None:
    """Read the bus, tell the browsers and the station, twenty times a second."""
    url = f"http://{config.host}:{config.port}/"
    rounds = 0
    due = asyncio.get_running_loop().time()
    while not context.stopping and not serving.done():
        now_ns = time.monotonic_ns()
        changed = desk.observed.hear_safety(now_ns)
        desk.observed.hear_episodes()
        if len(desk.browsers):
            desk.observed.sample(now_ns)
            if changed or rounds % _STATE_ROUNDS == 0:
                desk.tell_state(now_ns)
            if rounds % _MOTORS_ROUNDS == 0:
                desk.tell_motors(now_ns)
            if rounds % _AUDIT_ROUNDS == 0:
                desk.tell_audit()
        elif rounds % _UNWATCHED_ROUNDS == 0:
            desk.observed.sample(now_ns)
        late_s = asyncio.get_running_loop().time() - due
        watching, heard_ns = desk.browsers.watching()
        counters = {
            "browsers": watching,
            "stops": desk.stops,
            "refused": desk.refusals.count,
        }
        context.beat(
            late_ns=max(0, int(late_s * 1e9)),
            age_ns=max(0, now_ns - heard_ns) if watching else 0,
            counters=counters,
            note=url,
        )
        rounds += 1
        due = max(due + _BEAT_S, asyncio.get_running_loop().time())
        await asyncio.sleep(due - asyncio.get_running_loop().time())


def _hear_safety(desk: Desk) -> None:
    now_ns = time.monotonic_ns()
    if desk.observed.hear_safety(now_ns):
        desk.tell_state(now_ns)


def _serving(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http="h11",  # bounds the length of headers
        h11_max_incomplete_event_size=_HEADER_BYTES,
        ws="websockets-sansio",
        ws_max_size=LONGEST,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GOODBYE_S,
    )


def _listening(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        listening.close()
        raise OSError(
            f"cannot serve the dashboard at {config.host}:{config.port}: {error.strerror}; "
            "set another dashboard.port, or end what serves there"
        ) from error
    listening.listen(_BACKLOG)
    return listening
