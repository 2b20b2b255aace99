"""The bus between machines: encrypted, and closed to machines that are not on the list."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

import launch
from messaging.curve import MissingKeyError, Network, create_keys
from messaging.messages import Directive
from messaging.topics import DIRECTIVE
from messaging.transport import Bus, Publisher, Subscriber, TransportError, Waiter

STATION, WORKER = "127.0.0.1", "127.0.0.2"
ARRIVAL_S = 5.0
SILENCE_S = 0.7
MESSAGE = Directive(1, "run", 1, "hand the cube over")


@pytest.fixture
def base_port() -> int:
    """Return a port that is free now."""
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        return socket.bind_to_random_port(f"tcp://{STATION}")


@pytest.fixture
def station(tmp_path: Path, base_port: int) -> Network:
    """Return the station's view of a network whose policy worker runs elsewhere."""
    return network_of(STATION, tmp_path, base_port)


@pytest.fixture
def worker(tmp_path: Path, base_port: int) -> Network:
    return network_of(WORKER, tmp_path, base_port)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def network_of(here: str, directory: Path, base_port: int) -> Network:
    keys = directory / f"keys.{here}"
    create_keys(keys)
    return Network(here, STATION, {"policy_worker": WORKER}, ("directive",), base_port, keys)


def introduce(one: Network, other: Network) -> None:
    """Let each machine know the other's public key."""
    for host, guest in ((one, other), (other, one)):
        shutil.copy(guest.keys / "machine.key", host.keys / "allowed" / f"{guest.here}.key")


def publisher_at(network: Network, directory: Path, opened: ExitStack) -> Publisher[Directive]:
    return opened.enter_context(Bus(directory / network.here, network)).publisher(DIRECTIVE)


def subscriber_at(network: Network, directory: Path, opened: ExitStack) -> Subscriber[Directive]:
    return opened.enter_context(Bus(directory / network.here, network)).subscriber(DIRECTIVE)


def arrives(publisher: Publisher[Directive], readable: Waiter, timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        publisher.send(MESSAGE)
        if readable.wait(0.05):
            return True
    return False


def test_a_message_reaches_another_machine_and_the_own_one(
    station: Network, worker: Network, tmp_path: Path, opened: ExitStack
) -> None:
    introduce(station, worker)
    publisher = publisher_at(station, tmp_path, opened)
    here = opened.enter_context(Bus(tmp_path / STATION)).subscriber(DIRECTIVE)
    there = subscriber_at(worker, tmp_path, opened)
    for subscriber in (here, there):
        assert arrives(publisher, Waiter([subscriber]), ARRIVAL_S)
        assert subscriber.receive() == MESSAGE


def test_a_machine_that_is_not_on_the_list_hears_nothing(
    station: Network, worker: Network, tmp_path: Path, opened: ExitStack
) -> None:
    introduce(station, worker)
    (station.keys / "allowed" / f"{WORKER}.key").unlink()
    publisher = publisher_at(station, tmp_path, opened)
    stranger = subscriber_at(worker, tmp_path, opened)
    assert not arrives(publisher, Waiter([stranger]), SILENCE_S)


def test_a_machine_without_encryption_hears_nothing(
    station: Network, worker: Network, tmp_path: Path, opened: ExitStack
) -> None:
    introduce(station, worker)
    publisher = publisher_at(station, tmp_path, opened)
    context = opened.enter_context(zmq.Context())
    plain = opened.enter_context(context.socket(zmq.SUB))
    plain.setsockopt(zmq.LINGER, 0)
    plain.setsockopt(zmq.SUBSCRIBE, b"")
    plain.connect(station.address(STATION, "directive"))
    end = time.monotonic() + SILENCE_S
    while time.monotonic() < end:
        publisher.send(MESSAGE)
        assert plain.poll(50) == 0


def test_an_impostor_at_the_stations_address_is_not_believed(
    station: Network, worker: Network, tmp_path: Path, opened: ExitStack
) -> None:
    introduce(station, worker)
    reader = subscriber_at(worker, tmp_path, opened)
    stolen_address = replace(station, keys=tmp_path / "other keys")
    create_keys(stolen_address.keys)
    publisher = publisher_at(stolen_address, tmp_path, opened)
    assert not arrives(publisher, Waiter([reader]), SILENCE_S)


def test_a_machine_without_a_key_pair_is_told_how_to_make_one(
    station: Network, tmp_path: Path
) -> None:
    with pytest.raises(MissingKeyError, match="no key pair") as caught:
        Bus(tmp_path / "bus", replace(station, keys=tmp_path / "nowhere"))
    command = re.search("make it by `python launch.py (.*?)`", str(caught.value))
    assert command is not None
    assert launch.parser().parse_args(command[1].split()).command == "keys"


def test_a_missing_key_of_the_other_machine_is_asked_for(
    worker: Network, tmp_path: Path, opened: ExitStack
) -> None:
    bus = opened.enter_context(Bus(tmp_path / "bus", worker))
    with pytest.raises(MissingKeyError, match=r"no public key of 127\.0\.0\.1: copy"):
        bus.subscriber(DIRECTIVE)


def test_a_key_directory_without_allowed_machines_is_explained(
    station: Network, tmp_path: Path
) -> None:
    (station.keys / "allowed").rmdir()
    with pytest.raises(MissingKeyError, match="allowed"):
        Bus(tmp_path / "bus", station)


def test_a_port_that_is_taken_is_named(station: Network, tmp_path: Path, opened: ExitStack) -> None:
    publisher_at(station, tmp_path, opened)
    other = opened.enter_context(Bus(tmp_path / "other", station))
    with pytest.raises(TransportError, match=f"'directive' at tcp://{STATION}:{station.base_port}"):
        other.publisher(DIRECTIVE)


def test_keys_are_made_once_and_are_secret(tmp_path: Path) -> None:
    public = create_keys(tmp_path / "keys")
    before = (tmp_path / "keys" / "machine.key_secret").read_bytes()
    assert create_keys(tmp_path / "keys") == public
    assert (tmp_path / "keys" / "machine.key_secret").read_bytes() == before
    assert (tmp_path / "keys" / "machine.key_secret").stat().st_mode & 0o777 == 0o600
    assert b"secret-key = " not in public.read_bytes()


def test_only_processes_elsewhere_have_a_peer(station: Network, worker: Network) -> None:
    assert station.peer("policy_worker") == WORKER
    assert station.peer("controller") is None
    assert worker.peer("controller") == STATION
    assert worker.peer("policy_worker") is None
