"""The bus: one ZeroMQ PUB/SUB stream per topic and instance, and the only user of ZeroMQ.

Sockets are ipc files in a private directory, plus TCP ports when processes live on other
machines. "Newest only" is a conflating subscriber of single-part messages: a conflating socket
keeps one message in all, not one per topic, hence one socket per stream.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, Self

import zmq

from messaging import codec, file_lock
from messaging.curve import Network
from messaging.messages import Frame
from messaging.service import Client, Service, asking, serving
from messaging.topics import Keep, M, Topic

log = logging.getLogger(__name__)

_EVENTS, _READABLE = int(zmq.EVENTS), int(zmq.POLLIN)
_LONGEST_IPC_PATH = 107  # bytes in sockaddr_un.sun_path, less the closing zero


class TransportError(RuntimeError):
    """A stream that cannot be opened; says why and what to do."""


class Publisher(Generic[M]):
    """The one writer of a stream."""

    def __init__(
        self, sockets: Sequence[zmq.Socket[bytes]], path: Path, lock: int, message: type[M]
    ) -> None:
        self._sockets = sockets
        self._path = path
        self._lock = lock
        self._message = message

    def send(self, message: M) -> None:
        """Publish `message`; never waits for a reader."""
        if type(message) is not self._message:
            raise TypeError(f"expected {self._message.__name__}, got {type(message).__name__}")
        data = codec.encode(message)
        for socket in self._sockets:
            socket.send(data, zmq.NOBLOCK, copy=False)

    def close(self) -> None:
        """Close the stream and let another writer take its name."""
        for socket in self._sockets:
            socket.close(linger=0)
        if self._lock >= 0:  # a number closed twice may be somebody else's by then
            self._path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1


class Subscriber(Generic[M]):
    """A reader of a stream; a message that does not fit is refused, counted and logged by name."""

    def __init__(self, socket: zmq.Socket[bytes], topic: Topic[M], stream: str) -> None:
        self.stream = stream
        self.refused = 0
        self.newest: M | None = None
        self._socket = socket
        self._topic = topic
        # A small message is copied in less time than it takes to share its buffer.
        self._copies = topic.message is not Frame

    def receive(self) -> M | None:
        """Return the next message (on a conflating stream the newest), None if there is none."""
        # To ask first costs a third of the exception that tells that there is nothing.
        while int(self._socket.getsockopt(_EVENTS)) & _READABLE:
            data = self._socket.recv(zmq.NOBLOCK, copy=self._copies)
            try:
                self.newest = codec.decode(
                    data if isinstance(data, bytes) else data.buffer, self._topic.message
                )
            except codec.CodecError as error:
                self.refused += 1
                if self.refused == 1:
                    log.error("%s: %s", self.stream, error)
                continue
            return self.newest
        return None

    def drain(self) -> list[M]:
        """Return all waiting messages, oldest first."""
        messages: list[M] = []
        while (message := self.receive()) is not None:
            messages.append(message)
        return messages

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(linger=0)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The ZeroMQ socket, for `Waiter`."""
        return self._socket


Source = Subscriber[Any] | Service | Client


class Waiter:
    """Waits for messages and for file descriptors at once, without polling."""

    def __init__(self, subscribers: Iterable[Source] = ()) -> None:
        self._poller = zmq.Poller()
        for subscriber in subscribers:
            self.add(subscriber)

    def add(self, source: Source | int) -> None:
        """Wake up for `source` too: a subscriber, a service or its client, a file descriptor."""
        self._poller.register(source if isinstance(source, int) else source.socket, zmq.POLLIN)

    def remove(self, source: Source | int) -> None:
        """Stop waking up for `source`."""
        self._poller.unregister(source if isinstance(source, int) else source.socket)

    def wait(self, timeout_s: float) -> set[int | zmq.Socket[bytes]]:
        """Return as soon as something can be read or after `timeout_s`.

        Returns:
            What can be read: sockets and file descriptors, none of them after `timeout_s`.
        """
        # ZeroMQ counts whole milliseconds: rounding up avoids spinning through the last one.
        return {what for what, _ in self._poller.poll(max(0, int(timeout_s * 1e3 + 0.999)))}


class Bus:
    """A process's access to all streams of a station.

    Args:
        directory: of the sockets.
        network: who lives on which machine, None if all live here.
        io_priority: real-time priority of the threads that move messages, which the system must
            permit; 0 for ordinary ones.
    """

    def __init__(
        self, directory: Path, network: Network | None = None, io_priority: int = 0
    ) -> None:
        _make_private(directory)
        if network:
            network.require_keys()
        self._directory = directory
        self._network = network
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        if io_priority:
            self._context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_RR)
            self._context.set(zmq.THREAD_PRIORITY, io_priority)
        self._allow_list = network.start_allow_list(self._context) if network else None
        self._open: list[Publisher[Any] | Source] = []
        self._locks: list[int] = []  # of services

    @property
    def spans_machines(self) -> bool:
        """Whether streams may come from machines with other clocks."""
        return self._network is not None

    def publisher(self, topic: Topic[M], instance: str = "") -> Publisher[M]:
        """Open the stream for writing; raises TransportError while another process writes it."""
        stream = topic.stream(instance)
        path = self._path(stream)
        addresses = [f"ipc://{path}"]
        lock = self._locked(stream)
        sockets = [self._publishing(topic)]
        if self._network:
            addresses.append(self._network.address(self._network.here, stream))
            sockets.append(self._publishing(topic))
            self._network.secure_server(sockets[1])
        publisher = Publisher(sockets, path, lock, topic.message)
        self._open.append(publisher)
        for socket, address in zip(sockets, addresses, strict=True):
            try:
                socket.bind(address)
            except zmq.ZMQError as error:
                raise TransportError(f"cannot publish {stream!r} at {address}: {error}") from error
        return publisher

    def subscriber(
        self, topic: Topic[M], instance: str = "", keep: Keep | None = None
    ) -> Subscriber[M]:
        """Open the stream for reading; `keep` overrides the table, say for a recorder.

        Read it now and then, or close it: even of a stream of which it keeps the newest message
        only, ZeroMQ notes the arrival of each until somebody looks.
        """
        stream = topic.stream(instance)
        address = f"ipc://{self._path(stream)}"
        socket = self._context.socket(zmq.SUB)
        subscriber = Subscriber(socket, topic, stream)
        self._open.append(subscriber)
        socket.setsockopt(zmq.MAXMSGSIZE, codec.MAX_MESSAGE_BYTES)
        if (keep or topic.keep) is Keep.NEWEST:
            socket.setsockopt(zmq.CONFLATE, 1)
        else:
            socket.setsockopt(zmq.RCVHWM, topic.queued)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        if self._network and (host := self._network.peer(topic.writer_of(instance))):
            self._network.secure_client(socket, host)
            address = self._network.address(host, stream)
        socket.connect(address)
        return subscriber

    def service(self, name: str) -> Service:
        """Open the service `name`; raises TransportError while another process offers it."""
        lock = self._locked(name)
        self._locks.append(lock)
        service = serving(self._context, f"ipc://{self._path(name)}", name)
        self._open.append(service)
        return service

    def client(self, name: str) -> Client:
        """Return a way to ask the service `name` of this machine, whenever it comes up."""
        client = asking(self._context, f"ipc://{self._path(name)}", name)
        self._open.append(client)
        return client

    def close(self) -> None:
        """Close every stream and service that this bus opened."""
        for stream in self._open:
            stream.close()
        self._open.clear()
        for lock in self._locks:
            os.close(lock)
        self._locks.clear()
        if self._allow_list:
            self._allow_list.stop()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _publishing(self, topic: Topic[Any]) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.PUB)
        socket.setsockopt(zmq.SNDHWM, topic.queued)
        return socket

    def _locked(self, stream: str) -> int:
        # ZeroMQ lets a second process take an ipc name over in silence, so hold a lock on it.
        path = self._directory / f"{stream}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            is_ours = file_lock.taken(lock, path)
        except file_lock.NoLocksError:
            os.close(lock)
            raise
        if not is_ours:
            os.close(lock)
            raise TransportError(
                f"stream {stream!r} already has a writer in {self._directory}: "
                "stop the other process first"
            )
        return lock

    def _path(self, stream: str) -> Path:
        path = self._directory / f"{stream}.sock"
        if len(os.fsencode(path)) > _LONGEST_IPC_PATH:
            raise TransportError(
                f"socket path of {len(str(path))} characters is too long for the system "
                f"(at most {_LONGEST_IPC_PATH}): {path}; choose a shorter directory, by "
                "XDG_RUNTIME_DIR for a launch, by TMPDIR for tools"
            )
        return path


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise TransportError(
            f"other users may write to {directory}, and so command the robot: "
            "choose a directory of your own"
        )
