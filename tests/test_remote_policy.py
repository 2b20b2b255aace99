"""A policy worker on another machine, which here is another address of this one."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from free_ports import free_ports
from launching import START_S, launched, wait_for

from messaging.curve import create_keys
from station.config import robot_file

STATION, WORKER = "127.0.0.1", "127.0.0.2"
JOIN = ("--join", "policy_worker")

pytestmark = [pytest.mark.alone, pytest.mark.slow]


def configs(directory: Path) -> tuple[Path, Path]:
    """Return the config files of the two machines, which know each other's public keys."""
    config = yaml.safe_load(robot_file("aloha").read_text(encoding="utf-8"))
    config["cameras"] = {"cam_high": config["cameras"]["cam_high"]}
    config["hardware"] = "twin"
    config["dashboard"] = {"enabled": False}
    network = {
        "station": STATION,
        "elsewhere": {"policy_worker": WORKER},
        "base_port": free_ports(),
    }
    for here, other in ((STATION, WORKER), (WORKER, STATION)):
        keys = directory / f"keys.{here}"
        (directory / f"keys.{other}" / "allowed").mkdir(parents=True, exist_ok=True)
        shutil.copy(create_keys(keys), directory / f"keys.{other}" / "allowed" / f"{here}.key")
        config["network"] = {**network, "keys": str(keys)}
        (directory / f"{here}.yaml").write_text(
            yaml.safe_dump(config, sort_keys=False), encoding="utf-8"
        )
    return directory / f"{STATION}.yaml", directory / f"{WORKER}.yaml"


@pytest.mark.timeout(300)
def test_a_station_awaits_its_remote_worker_and_is_driven_by_it(tmp_path: Path) -> None:
    here, there = configs(tmp_path)
    with launched("--config", str(here), "--episodes", "1") as station:
        wait_for(lambda: "controller" in station.children(), "the station's processes", START_S)
        with launched("--config", str(there), *JOIN) as remote:
            wait_for(remote.children, "the worker", START_S)
            code, output = station.ended(2 * START_S)
            summary = json.loads(
                (station.run_directory() / "summary.json").read_text(encoding="utf-8")
            )
            remote.press_ctrl_c()
            remote_code, said = remote.ended()
    assert code == 0, output
    assert summary["first_command_s"] is not None
    assert "policy_worker: starting on another machine" in output
    assert remote_code == 0, said
    assert "policy_worker: ready" in said
    assert "Traceback" not in said
