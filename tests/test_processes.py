"""The process table of a station that spans machines."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from free_ports import free_ports

from messaging.curve import create_keys
from messaging.topics import HEARTBEAT, TOPICS
from messaging.transport import Bus
from runtime.plugins import configured
from runtime.process import OnDeath, ProcessSpec
from station.config import load, robot_file
from station.hardware import decided
from station.processes import process_table
from station.robot import StationConfig
from station.rows import FINISHER_NICE, network, process_names

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
    config: StationConfig, opened: ExitStack
) -> None:
    # Not pytest's own directory: the paths of sockets must be short.
    tmp_path = Path(opened.enter_context(TemporaryDirectory(prefix="eh-")))
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


def table_of(*settings: str) -> dict[str, ProcessSpec]:
    config = decided(load(robot_file("aloha"), ["policy=scripted", *settings]))
    return {spec.name: spec for spec in process_table(config, Path("/bus"), Path("/run"))}


BUTTONS = "buttons={pedal: {plugin: gpio, config: {path: /sys/class/gpio/gpio17/value}}}"


def test_safety_comes_before_the_arms_and_watches_all_others() -> None:
    table = table_of("mqtt.host=broker", BUTTONS)
    names = list(table)
    assert names.index("safety") < names.index("arm.left")
    assert set(table["safety"].config["processes"]) == set(names) - {"safety"}
    assert table["safety"].realtime_priority == 75


def test_safety_and_who_only_looks_on_are_started_again_and_needed_by_nobody() -> None:
    table = table_of("mqtt.host=broker", BUTTONS)
    for name in ("safety", "dashboard", "mqtt", "button.pedal"):
        assert table[name].on_death is OnDeath.RESTART
        assert not any(name in spec.needs for spec in table.values())


COLLECTING = ("teleop.device=scripted", "recorder.directory=/data/cube", "recorder.operator=ada")


def test_who_can_take_over_and_who_records_are_there_if_asked_for() -> None:
    assert {"teleop", "recorder", "finisher"}.isdisjoint(table_of())
    table = table_of(*COLLECTING)
    assert {"teleop", "recorder", "finisher"} < set(table)
    assert table["teleop"].realtime_priority == 72
    assert table["teleop"].needs == ("twin",)
    assert (table["recorder"].nice, table["finisher"].nice) == (0, FINISHER_NICE)
    for name in ("teleop", "recorder", "finisher"):
        assert table[name].on_death is OnDeath.RESTART
        assert not any(name in spec.needs for spec in table.values())
    assert "leader.left" not in table


def test_pedals_are_read_by_who_reads_the_device() -> None:
    pedal = "teleop.pedals={foot: {device: /dev/input/foot, keys: {KEY_A: toggle}}}"
    spec = table_of(*COLLECTING, pedal)["teleop"]
    assert configured(import_module(spec.module), spec.config).pedals["foot"].keys == {
        "KEY_A": "toggle"
    }


def test_the_recorder_is_told_whose_data_it_keeps() -> None:
    told = table_of(*COLLECTING, "policy=flow")["recorder"].config
    assert told["directory"] == "/data/cube"
    assert told["operator"] == "ada"
    assert told["policy"] == "flow"
    assert Path(told["checkpoint"]).name == "aloha_transfer_cube.safetensors"
    assert told["twin"]


def test_leaders_are_read_where_a_person_commands_by_them() -> None:
    settings = ["policy=scripted", "teleop.device=leader", "hardware=emulated"]
    config = decided(load(robot_file("aloha"), settings), exists=lambda _port: True)
    table = {spec.name: spec for spec in process_table(config, Path("/bus"), Path("/run"))}
    assert list(table) == process_names(config)
    assert table["teleop"].config["leaders"] == ["left", "right"]
    for name in ("left", "right"):
        spec = table[f"leader.{name}"]
        assert spec.config["config"]["port"] == f"/dev/ttyDXL_leader_{name}"
        assert next(iter(spec.config["ranges"])) == f"{name}_waist"
        assert spec.on_death is OnDeath.RESTART
        configured(import_module(spec.module), spec.config)


def test_pages_and_buttons_are_there_if_the_config_wants_them() -> None:
    assert {"dashboard", "mqtt", "button.pedal"}.isdisjoint(table_of("dashboard.enabled=false"))
    assert "dashboard" in table_of()


@pytest.mark.parametrize(
    "name",
    [
        *("safety", "dashboard", "mqtt", "button.pedal", "arm.left"),
        *("teleop", "recorder", "finisher"),
    ],
)
def test_each_process_takes_the_config_that_the_table_gives_it(name: str) -> None:
    spec = table_of("mqtt.host=broker", BUTTONS, *COLLECTING)[name]
    configured(import_module(spec.module), spec.config)


def test_the_dashboard_shows_the_audit_that_safety_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    table = table_of()
    assert table["safety"].config["directory"] == "/state/evenhand/aloha"
    assert table["dashboard"].config["audit"] == "/state/evenhand/aloha/audit.jsonl"
