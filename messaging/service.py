"""Questions and answers: a service that anybody who may open the bus can ask."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass

import zmq

from messaging import codec
from messaging.messages import Reply, Request

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 16 * 1024
_QUEUED = 1000  # requests that wait unread; more are dropped, and their askers told nothing


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and the way back to who asked."""

    request: Request
    asker: bytes


class Service:
    """The one who answers; a request that does not fit is refused, counted and logged."""

    def __init__(self, socket: zmq.Socket[bytes], name: str) -> None:
        self.refused = 0
        self._socket = socket
        self._name = name

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The ZeroMQ socket, for `Waiter`."""
        return self._socket

    def receive(self) -> Asked | None:
        """Return the next request, None if there is none or it was refused.

        One at a time is looked at, so that a flood of junk cannot keep who serves from its work.
        """
        try:
            asker, *parts = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        try:
            if len(parts) != 1:
                raise codec.CodecError(f"a request in {len(parts)} parts, expected one")
            return Asked(codec.decode(parts[0], Request), asker)
        except codec.CodecError as error:
            self.refused += 1
            if self.refused == 1:
                log.error("%s: %s", self._name, error)
            return None

    def answer(self, asked: Asked, reply: Reply) -> None:
        """Send `reply`, if who asked is still there to hear it; never waits."""
        self._socket.send_multipart([asked.asker, codec.encode(reply)], zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(linger=0)


class Client:
    """One who asks."""

    def __init__(self, socket: zmq.Socket[bytes], name: str) -> None:
        self._socket = socket
        self._name = name

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The ZeroMQ socket, for `Waiter`."""
        return self._socket

    def send(self, request: Request) -> None:
        """Ask without waiting; the answer comes by `receive`.

        A service that left a thousand questions unread is not asked any more.

        Raises:
            CodecError: the request has a field of the wrong type, or is longer than is taken.
        """
        data = codec.encode(request)
        if len(data) > MAX_REQUEST_BYTES:
            raise codec.CodecError(
                f"a request of {len(data)} bytes; {self._name} takes up to {MAX_REQUEST_BYTES}"
            )
        with suppress(zmq.Again):
            self._socket.send(data, zmq.NOBLOCK)

    def receive(self) -> Reply | None:
        """Return the next answer, None if there is none."""
        try:
            return codec.decode(self._socket.recv(zmq.NOBLOCK), Reply)
        except zmq.Again:
            return None

    def ask(self, request: Request, timeout_s: float) -> Reply | None:
        """Ask and wait for the answer to this very request; None if it does not come in time."""
        self.send(request)
        end_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        while (left_ns := end_ns - time.monotonic_ns()) > 0:
            if self._socket.poll(left_ns // 1_000_000 + 1):
                reply = self.receive()
                if reply and reply.id == request.id:
                    return reply
        return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(linger=0)


def serving(context: zmq.Context[zmq.Socket[bytes]], address: str, name: str) -> Service:
    """Return the service at `address`; raises zmq.ZMQError where it cannot be."""
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
    socket.setsockopt(zmq.RCVHWM, _QUEUED)
    socket.setsockopt(zmq.SNDHWM, _QUEUED)
    socket.bind(address)
    return Service(socket, name)


def asking(context: zmq.Context[zmq.Socket[bytes]], address: str, name: str) -> Client:
    """Return a client of the service at `address`, which need not be there yet."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
    socket.setsockopt(zmq.SNDHWM, _QUEUED)
    socket.connect(address)
    return Client(socket, name)
