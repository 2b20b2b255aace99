"""A serial port: opened for us alone, waited on without spinning, and honest about its loss."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import termios
import time
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]

from drivers.dynamixel.port import MOST_BYTES, Port, PortError
from runtime.folders import user_name
from runtime.shell import command

_NOTHING = bytes(4)  # an int that is zero
_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.008
_USB_SERIAL = Path("/sys/bus/usb-serial/devices")
_UDEV_RULE = (
    'ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTR{latency_timer}="1"'
    " in /etc/udev/rules.d/99-dynamixel.rules"
)


class SerialPort(Port):
    """An open serial port."""

    def __init__(self, path: str, baud: int, line: Any) -> None:
        super().__init__(path, baud, line.fileno(), "its cable or adapter was unplugged")
        self._line = line

    @classmethod
    def open(cls, path: str | Path, baud: int) -> SerialPort:
        """Open `path` with a lock against other programs; raises PortError, with a remedy."""
        path = str(path)
        try:
            line = serial.Serial(path, baud, timeout=0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            raise PortError(_remedy(path, baud, error)) from error
        try:
            # The lock stops those who ask for it; this stops all but root.
            fcntl.ioctl(line.fileno(), termios.TIOCEXCL)
        except OSError as error:
            line.close()
            raise PortError(_remedy(path, baud, error)) from error
        with contextlib.suppress(ValueError):  # a pseudo-terminal has no such mode
            line.set_low_latency_mode(True)
        return cls(path, baud, line)

    def receive(self, timeout_s: float) -> bytes:
        """Return what has come, after waiting for it; nothing if nothing came in time.

        It waits for the kernel's worker that brings the bytes, too. That one has ordinary priority:
        on a busy machine this may take a tenth of a second longer. Raises PortLostError.
        """
        try:
            if data := os.read(self._descriptor, MOST_BYTES):
                return data
            ready, _, _ = select.select((self._descriptor,), (), (), timeout_s)
            if not ready:
                return b""
            # Something to read that is nothing: the other end has hung up.
            return os.read(self._descriptor, MOST_BYTES) or self._lost(None)
        except OSError as error:
            self._lost(error)

    def receive_in_time(self, timeout_s: float) -> bytes:
        """As `receive`, but never longer than that; what the kernel still keeps comes later."""
        end_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        pause_s = _FIRST_PAUSE_S
        try:
            # To read or to poll while there is nothing would wait for that worker.
            while fcntl.ioctl(self._descriptor, termios.FIONREAD, _NOTHING) == _NOTHING:
                left_ns = end_ns - time.monotonic_ns()
                if left_ns <= 0:
                    return b""
                time.sleep(min(pause_s, left_ns * 1e-9))
                pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)
            return os.read(self._descriptor, MOST_BYTES) or self._lost(None)
        except OSError as error:
            self._lost(error)

    def discard(self) -> None:
        """Throw away what has come and was not read; raises PortLostError."""
        try:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        except termios.error as error:
            self._lost(error)

    def close(self) -> None:
        """Give the port back; doing it twice is harmless."""
        self._line.close()


def latency_timer_ms(path: str | Path, sysfs: Path = _USB_SERIAL) -> int | None:
    """Return how long the USB adapter behind `path` holds back bytes; None if it has no such timer.

    Args:
        path: of the port, possibly a symbolic link made by udev.
        sysfs: where the system lists its USB serial ports.
    """
    try:
        return int(_latency_timer(path, sysfs).read_text(encoding="utf-8"))
    except OSError:  # it has none, or is just being pulled out: the next question tells
        return None


def demand_short_latency(path: str | Path, sysfs: Path = _USB_SERIAL) -> None:
    """Set the latency timer of the USB adapter behind `path` to 1 ms; raises PortError if it stays.

    With the 16 ms that adapters have at first a bus answers at most 50 times a second. A port
    without a latency timer passes.
    """
    found_ms = latency_timer_ms(path, sysfs)
    if found_ms is None or found_ms <= 1:
        return
    timer = _latency_timer(path, sysfs)
    with contextlib.suppress(OSError):
        timer.write_text("1", encoding="utf-8")
    found_ms = latency_timer_ms(path, sysfs)
    if found_ms != 1:
        raise PortError(
            f"{path}: the USB adapter holds answers back for {found_ms} ms, expected 1: run "
            f"{command('echo 1 | sudo tee', timer)}, and for good put the udev rule `{_UDEV_RULE}"
        )


def _latency_timer(path: str | Path, sysfs: Path) -> Path:
    return sysfs / Path(os.path.realpath(path)).name / "latency_timer"


def _remedy(path: str, baud: int, error: Exception) -> str:
    code = error.args[0] if isinstance(error, OSError | termios.error) and error.args else None
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        device = Path("/dev")
        there = sorted(str(port) for kind in ("ttyUSB*", "ttyDXL*") for port in device.glob(kind))
        return (
            f"no port {path}; there {'are ' + ', '.join(there) if there else 'is none at all'}: "
            "plug the arm's USB cable in, and name it with a udev rule by its serial number"
        )
    if code in (errno.EACCES, errno.EPERM):
        return (
            f"no permission to open {path}: run "
            f"{command('sudo usermod -aG dialout', user_name())} and log in again"
        )
    if code in (errno.EAGAIN, errno.EBUSY):
        return (
            f"{path} is in use by another program: {command('fuser -v', path)} names it; end "
            "it, two programs on one bus spoil each other's answers"
        )
    if isinstance(error, ValueError):
        return f"{path} refuses {baud} baud ({error}): give it a rate that its adapter knows"
    return f"{path} is no serial port ({error}): give the path of one, such as /dev/ttyUSB0"
