"""A serial port: why it cannot be opened and what to do, and its adapter's latency timer."""

import errno
import termios
from pathlib import Path
from typing import Any

import pytest
import serial  # type: ignore[import-untyped]
from serial_peer import peer

from drivers.dynamixel.port import PortError
from drivers.dynamixel.serial_port import SerialPort, demand_short_latency, latency_timer_ms

BAUD = 1_000_000


def test_a_missing_port_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "ttyDXL_left"
    with pytest.raises(PortError, match=f"no port {path}; there (are /dev|is none).*udev"):
        SerialPort.open(path, BAUD)


def test_a_port_in_use_says_how_to_find_the_other_program() -> None:
    with (
        peer() as line,
        SerialPort.open(line.path, BAUD),
        pytest.raises(PortError, match=f"in use by another program: `fuser -v {line.path}`"),
    ):
        SerialPort.open(line.path, BAUD)


def test_a_forbidden_port_says_which_group_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise serial.SerialException(errno.EACCES, "could not open")

    monkeypatch.setattr(serial, "Serial", forbidden)
    with pytest.raises(PortError, match=r"no permission .* dialout"):
        SerialPort.open("/dev/ttyUSB0", BAUD)


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(PortError, match="is no serial port"):
        SerialPort.open(path, BAUD)


def test_an_impossible_rate_is_refused() -> None:
    with peer() as line, pytest.raises(PortError, match="refuses -1 baud"):
        SerialPort.open(line.path, -1)


@pytest.mark.parametrize("setting", ["tcsetattr", "tcflush"])
def test_a_port_that_goes_while_it_is_opened_is_no_port(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise termios.error(errno.ENODEV, "No such device")

    with peer() as line:
        monkeypatch.setattr(termios, setting, gone)
        with pytest.raises(PortError, match="plug the arm's USB cable in"):
            SerialPort.open(line.path, BAUD)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Return a link to a port whose adapter has its first latency timer."""
    device = tmp_path / "ttyUSB7"
    device.touch()
    link = tmp_path / "ttyDXL_left"
    link.symlink_to(device)
    (tmp_path / "sysfs" / "ttyUSB7").mkdir(parents=True)
    timer(tmp_path).write_text("16\n", encoding="utf-8")
    return link


def test_the_latency_timer_behind_a_link_is_found(adapter: Path) -> None:
    assert latency_timer_ms(adapter, adapter.parent / "sysfs") == 16


def test_a_port_that_is_not_usb_has_no_latency_timer_and_passes(tmp_path: Path) -> None:
    assert latency_timer_ms("/dev/pts/7", tmp_path) is None
    demand_short_latency("/dev/pts/7", tmp_path)


def test_an_adapter_that_is_just_being_pulled_out_has_no_latency_timer(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(Path, "read_text", gone)
    assert latency_timer_ms(adapter, adapter.parent / "sysfs") is None


def test_a_long_latency_timer_is_set_to_one_millisecond(adapter: Path) -> None:
    demand_short_latency(adapter, adapter.parent / "sysfs")
    assert latency_timer_ms(adapter, adapter.parent / "sysfs") == 1


def test_a_latency_timer_that_stays_long_comes_with_the_command_and_the_rule(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", forbidden)
    with pytest.raises(PortError) as refused:
        demand_short_latency(adapter, adapter.parent / "sysfs")
    assert "for 16 ms, expected 1" in str(refused.value)
    assert f"`echo 1 | sudo tee {timer(adapter.parent)}`" in str(refused.value)
    assert 'ATTR{latency_timer}="1"' in str(refused.value)


def timer(directory: Path) -> Path:
    return directory / "sysfs" / "ttyUSB7" / "latency_timer"
