"""What a station may choose about its bridge to an MQTT broker."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from runtime.config import Between, StrictModel
from runtime.folders import expanded
from runtime.shell import command

_PORT, _TLS_PORT = 1883, 8883

# One level of a topic: a wildcard or a slash in it would reach other robots.
Level = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class SecretError(RuntimeError):
    """A password or key that cannot be used; says why and what to do."""


class TlsConfig(StrictModel):
    """Whom to trust, and how to show who this is; `tls: {}` trusts whom the system trusts."""

    ca: Path | None = None  # certificates of who may sign the broker's, in PEM
    certificate: Path | None = None  # this robot's own, where the broker asks for one
    key: Path | None = None  # of the certificate

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> TlsConfig:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together: give both or neither")
        return self


class MqttConfig(StrictModel):
    """Which broker, as whom, and under which names."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Between(1, 65_535)] | None = None  # 1883, or 8883 with TLS
    name: Level | None = None  # of this robot in topics, if others share its config's name
    fleet: Level = "all"  # its stop topic stops every robot that names it
    user: str | None = None
    password_file: Path | None = None  # mode 0600, the password in its first line
    tls: TlsConfig | None = None
    client_id: str | None = None  # evenhand-<name>; the broker knows each by its own
    allow_reset: bool = False  # whether a message may reset a stop, by the stop's event id

    @property
    def port_number(self) -> int:
        """The port to connect to."""
        return self.port or (_TLS_PORT if self.tls else _PORT)

    @model_validator(mode="after")
    def _names_differ(self) -> MqttConfig:
        if self.name == self.fleet:
            raise ValueError(
                f"name and fleet are both {self.name!r}: a stop for the robot would be for all"
            )
        return self

    @model_validator(mode="after")
    def _password_has_a_user(self) -> MqttConfig:
        if self.password_file and not self.user:
            raise ValueError("password_file is of no use without `user`")
        return self


def secret(path: Path) -> str:
    """Return the first line of a file that only its owner can read.

    Raises:
        SecretError: the file is not there, or others may read it, or it is empty.
    """
    path = expanded(path)
    require_private(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise SecretError(f"{path} is empty: write the password into its first line")
    return lines[0]


def require_private(path: Path) -> None:
    """Raise SecretError unless `path` is a file that nobody but its owner can open."""
    try:
        mode = expanded(path).stat().st_mode
    except OSError as error:
        raise SecretError(f"cannot use {path}: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(
            f"other users may open {path} (mode {stat.S_IMODE(mode):04o}): run "
            f"{command('chmod 600', path)}"
        )
