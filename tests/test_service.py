"""Questions and answers on the bus: each gets its own answer, and nobody is harmed by a bad one."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from messaging import codec
from messaging.messages import Directive, Reply, Request
from messaging.service import MAX_REQUEST_BYTES, Service
from messaging.transport import Bus, TransportError, Waiter

pytestmark = pytest.mark.realtime

PATIENCE_S = 5.0


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path / "bus") as bus:
        yield bus


def request(id: str = "1", kind: str = "stop") -> Request:  # noqa: A002 - as the message names it
    return Request(id, kind, "a test", time.monotonic_ns())


def answered(service: Service) -> Request:
    """Wait for the next request and agree to it."""
    asked = None
    while asked is None:
        assert Waiter([service]).wait(PATIENCE_S), "nobody asked"
        asked = service.receive()
    service.answer(asked, Reply(asked.request.id, True, f"{asked.request.kind} it is"))
    return asked.request


@contextmanager
def agreeing(service: Service, questions: int) -> Iterator[None]:
    thread = threading.Thread(target=lambda: [answered(service) for _ in range(questions)])
    thread.start()
    yield
    thread.join()


def test_every_client_gets_the_answer_to_its_own_question(bus: Bus) -> None:
    one, other = bus.client("safety"), bus.client("safety")
    with agreeing(bus.service("safety"), 2):
        assert one.ask(request("1", "stop"), PATIENCE_S) == Reply("1", True, "stop it is")
        assert other.ask(request("2", "arm"), PATIENCE_S) == Reply("2", True, "arm it is")


def test_a_question_waits_for_its_service_to_come_up(bus: Bus) -> None:
    client = bus.client("safety")
    client.send(request("early"))
    assert answered(bus.service("safety")).id == "early"


def test_an_answer_to_an_older_question_is_not_taken_for_this_one(bus: Bus) -> None:
    client, service = bus.client("safety"), bus.service("safety")
    client.send(request("1"))
    answered(service)
    with agreeing(service, 1):
        reply = client.ask(request("2"), PATIENCE_S)
    assert reply is not None
    assert reply.id == "2"


def test_without_an_answer_the_client_goes_on(bus: Bus) -> None:
    assert bus.client("safety").ask(request(), 0.02) is None
    assert bus.client("safety").receive() is None


def test_asking_a_dead_service_again_and_again_harms_nobody(bus: Bus) -> None:
    client = bus.client("safety")
    for number in range(1100):
        client.send(request(str(number)))


def test_there_is_one_service_of_a_name(bus: Bus) -> None:
    bus.service("safety")
    with pytest.raises(TransportError, match=r"'safety' already has a writer"):
        bus.service("safety")


def test_a_service_that_was_closed_can_be_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        with Bus(tmp_path / "bus") as bus:
            bus.service("safety")


@pytest.mark.parametrize(
    "parts",
    [
        [b"\x80\x04\x95pickle"],
        [b""],
        [b"one", b"two"],
        [codec.encode(Directive(1, "run", 1, "go"))],
    ],
    ids=["a pickle", "nothing", "two parts", "another message"],
)
def test_what_is_no_request_is_refused_and_counted(
    bus: Bus, tmp_path: Path, parts: list[bytes]
) -> None:
    service = bus.service("safety")
    context = zmq.Context[zmq.Socket[bytes]]()
    with context, context.socket(zmq.DEALER) as stranger:
        stranger.connect(f"ipc://{tmp_path / 'bus' / 'safety.sock'}")
        stranger.send_multipart(parts)
        stranger.send(codec.encode(request("good")))
        assert answered(service).id == "good"
    assert service.refused == 1


def test_a_request_that_is_too_long_is_not_sent(bus: Bus) -> None:
    long = Request("1", "stop", "a test", 0, reason="why " * MAX_REQUEST_BYTES)
    with pytest.raises(codec.CodecError, match=r"takes up to 16384"):
        bus.client("safety").send(long)


def test_an_oversize_message_never_reaches_the_service(bus: Bus, tmp_path: Path) -> None:
    service = bus.service("safety")
    context = zmq.Context[zmq.Socket[bytes]]()
    with context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.connect(f"ipc://{tmp_path / 'bus' / 'safety.sock'}")
        stranger.send(bytes(MAX_REQUEST_BYTES + 1))
        with agreeing(service, 1):
            assert bus.client("safety").ask(request("good"), PATIENCE_S) is not None
    assert service.refused == 0
