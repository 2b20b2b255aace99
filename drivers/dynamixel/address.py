"""Where an arm is plugged in: the path of a serial port, or `unix:` and the path of a socket."""

from __future__ import annotations

from pathlib import Path

from drivers.dynamixel.port import Port
from drivers.dynamixel.serial_port import SerialPort
from drivers.dynamixel.socket_port import SocketPort, is_socket, socket_path


def open_port(address: str, baud: int) -> Port:
    """Open what is at `address` for us alone; raises PortError, with a remedy."""
    if is_socket(address):
        return SocketPort.open(address, baud)
    return SerialPort.open(address, baud)


def is_there(address: str) -> bool:
    """Return whether there is anything at `address`."""
    return (socket_path(address) if is_socket(address) else Path(address)).exists()
