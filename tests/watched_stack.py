"""The real stack with its dashboard, driven by a scripted policy; a fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_stand import free_port
from stack import Stack, stack, station_config


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Stack]:
    config = station_config(
        "hardware=twin",
        "policy=scripted",
        "dashboard.enabled=true",
        f"dashboard.tokens={tmp_path}",
        f"dashboard.port={free_port()}",
    )
    with stack(config) as running:
        yield running
