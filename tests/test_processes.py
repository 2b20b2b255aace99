"""The process table of a station that spans machines."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from free_ports import free_ports

from messaging.curve import create_keys
from messaging.topics import HEARTBEAT, TOPICS
from messaging.transport import Bus
from station.config import load, robot_file
from station.hardware import decided
from station.processes import network, process_names, process_table
from station.robot import StationConfig

STATION, WORKER = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    create_keys(tmp_path / "keys")
    shutil.copy(tmp_path / "keys" / "machine.key", tmp_path / "keys" / "allowed" / f"{WORKER}.key")
    return networked(tmp_path / "keys", {"policy_worker": WORKER})


def networked(keys: Path, elsewhere: dict[str, str]) -> StationConfig:
    """Return ALOHA's config with a network on free ports."""
    section = {
        "station": STATION,
        "elsewhere": elsewhere,
        "base_port": free_ports(),
        "keys": str(keys),
    }
    settings = [f"network.{key}={value}" for key, value in section.items()]
    return decided(load(robot_file("aloha"), settings))


def test_the_names_are_those_of_the_table(config: StationConfig, tmp_path: Path) -> None:
    for some in (config, config.model_copy(update={"cameras": {}})):
        table = process_table(some, tmp_path, tmp_path)
        assert [spec.name for spec in table] == process_names(some)


def test_every_process_of_a_networked_station_can_publish_all_that_it_says(
    config: StationConfig, tmp_path: Path, opened: ExitStack
) -> None:
    elsewhere = network(config, here=WORKER)
    instances = {"": [""], "arm": config.arms, "camera": config.cameras}
    for spec in process_table(config, tmp_path, tmp_path):
        view = elsewhere if spec.name == "policy_worker" else spec.network
        bus = opened.enter_context(Bus(tmp_path / "bus", view))
        bus.publisher(HEARTBEAT, spec.name)
        for topic in TOPICS:
            for instance in instances.get(topic.each, []):
                if topic.writer_of(instance) == spec.name:
                    bus.publisher(topic, instance)
