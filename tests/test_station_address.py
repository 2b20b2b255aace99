"""Where the dashboard of a launch is: the configured port, or the next that is free."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from station.address import dashboard_address, with_free_port
from station.config import load, robot_file
from station.robot import StationConfig

PORT = 18_470


def config(*settings: str) -> StationConfig:
    given = ["policy=scripted", f"dashboard.port={PORT}", *settings]
    return load(robot_file("aloha"), given)


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        chosen = with_free_port(config(f"dashboard.port={port}")).dashboard.port
    assert port < chosen < port + 100


def test_a_host_that_is_not_this_machine_is_refused_with_what_to_change() -> None:
    with pytest.raises(RuntimeError, match=r"--set dashboard\.host="):
        with_free_port(config("dashboard.host=192.0.2.1"))


def test_a_page_that_is_switched_off_needs_no_port() -> None:
    off = config("dashboard.host=192.0.2.1", "dashboard.enabled=false")
    assert with_free_port(off) is off


def test_the_address_names_host_and_port() -> None:
    assert dashboard_address(config(), with_token=False) == f"http://127.0.0.1:{PORT}/"
    six = config("dashboard.host=::1")
    assert dashboard_address(six, with_token=False) == f"http://[::1]:{PORT}/"


def test_the_operators_token_is_appended_where_a_person_alone_reads_it(tmp_path: Path) -> None:
    address = dashboard_address(config(f"dashboard.tokens={tmp_path}"), with_token=True)
    token = (tmp_path / "operator.token").read_text(encoding="utf-8").strip()
    assert address == f"http://127.0.0.1:{PORT}/#token={token}"
