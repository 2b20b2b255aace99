"""Which streams cross machines, and the CURVE keys that guard them.

Every stream has a TCP port: the base port plus its place in the station's list of streams. Each
machine keeps its own key pair as `<keys>/machine.key_secret` and the public keys of the machines
that it talks to as `<keys>/allowed/<address>.key`; all others are turned away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator


class MissingKeyError(RuntimeError):
    """A key that is not there; says which and where it comes from."""


def create_keys(directory: Path) -> Path:
    """Make this machine's key pair unless it has one; returns the public part, for others.

    Raises:
        MissingKeyError: it cannot be written.
    """
    try:
        (directory / "allowed").mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (directory / "machine.key_secret").exists():
            zmq.auth.create_certificates(directory, "machine")
            (directory / "machine.key_secret").chmod(0o600)
    except OSError as error:
        raise MissingKeyError(
            f"cannot write keys to {directory} ({error.strerror}): make that possible, or name "
            "another directory by `network.keys` in the config"
        ) from error
    return directory / "machine.key"


@dataclass(frozen=True, slots=True)
class Network:
    """Where processes live, as seen from the machine with address `here`."""

    here: str
    station: str  # the machine of every process that `elsewhere` does not name
    elsewhere: dict[str, str]  # process -> address of its machine
    streams: tuple[str, ...]  # all streams of the station; their order gives the ports
    base_port: int
    keys: Path

    def peer(self, writer: str) -> str | None:
        """Return the address of the machine where process `writer` runs, None if it is this one."""
        host = self.elsewhere.get(writer, self.station)
        return None if host == self.here else host

    def address(self, host: str, stream: str) -> str:
        """Return the TCP address of `stream` on `host`."""
        return f"tcp://{host}:{self.base_port + self.streams.index(stream)}"

    def require_keys(self) -> None:
        """Raise MissingKeyError unless this machine has its key pair and its list of others."""
        self._own_keys()
        if not (self.keys / "allowed").is_dir():
            raise MissingKeyError(
                f"no directory {self.keys / 'allowed'} with the public keys of other machines"
            )

    def start_allow_list(self, context: zmq.Context[Any]) -> ThreadAuthenticator:
        """Let only machines with an allowed key connect to the sockets of `context`."""
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        authenticator.configure_curve(domain="*", location=str(self.keys / "allowed"))
        return authenticator

    def secure_server(self, socket: zmq.Socket[bytes]) -> None:
        """Encrypt a publishing socket."""
        socket.curve_publickey, socket.curve_secretkey = self._own_keys()
        socket.curve_server = True

    def secure_client(self, socket: zmq.Socket[bytes], host: str) -> None:
        """Encrypt a subscribing socket, which then talks to the true `host` only."""
        socket.curve_publickey, socket.curve_secretkey = self._own_keys()
        path = self.keys / "allowed" / f"{host}.key"
        if not path.exists():
            raise MissingKeyError(f"no public key of {host}: copy its machine.key to {path}")
        socket.curve_serverkey = zmq.auth.load_certificate(path)[0]

    def _own_keys(self) -> tuple[bytes, bytes]:
        path = self.keys / "machine.key_secret"
        if not path.exists():
            raise MissingKeyError(
                f"no key pair at {path}: make it by `python launch.py keys --config FILE`, where "
                "FILE is the config whose `network:` section names this directory"
            )
        public, secret = zmq.auth.load_certificate(path)
        if secret is None:
            raise MissingKeyError(f"{path} holds no secret key: delete it and make the pair anew")
        return public, secret
