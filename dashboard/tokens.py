"""Who may do what: two secrets in files that only their owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from pathlib import Path

from runtime.shell import command

_BYTES = 32
_LONGEST = 256  # characters of a token that are looked at


class TokenError(RuntimeError):
    """A token file that must not be trusted; says why and what to do."""


class Role(IntEnum):
    """What a browser may do, each including those before it."""

    NOBODY = 0
    VIEWER = 1  # see everything, and stop
    OPERATOR = 2  # everything


@dataclass(frozen=True, slots=True)
class Tokens:
    """The secrets of a robot's dashboard."""

    operator: str
    viewer: str

    def role(self, token: str) -> Role:
        """Return what `token` entitles to, in a time that does not depend on its letters."""
        given = token[:_LONGEST].encode()
        is_operator = secrets.compare_digest(given, self.operator.encode())
        is_viewer = secrets.compare_digest(given, self.viewer.encode())
        if is_operator:
            return Role.OPERATOR
        return Role.VIEWER if is_viewer else Role.NOBODY


def tokens_in(directory: Path) -> Tokens:
    """Return the tokens of `directory`, made at the first call.

    Raises:
        TokenError: a file is empty, cannot be made or read, or others may read it.
    """
    return Tokens(operator=operator_token(directory), viewer=_token(directory / "viewer.token"))


def operator_token(directory: Path) -> str:
    """Return the operator's token, made at the first call; raises like `tokens_in`."""
    return _token(directory / "operator.token")


def is_loopback(host: str) -> bool:
    """Return whether `host`, an address as text, is this very machine."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _token(path: Path) -> str:
    try:
        _make(path)
        return _read(path)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise TokenError(
            f"cannot keep the dashboard's secret in {path} ({why}): make that possible, or choose "
            "another place with `--set dashboard.tokens=DIRECTORY`"
        ) from error


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Linked when complete: another process that looks meanwhile finds all of it or nothing.
        file, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(secrets.token_urlsafe(_BYTES) + "\n")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        Path(draft).unlink()


def _read(path: Path) -> str:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TokenError(
            f"others may read {path}: run {command('chmod 600', path)}, or delete it for a new one"
        )
    token = path.read_text(encoding="utf-8").strip()
    if not token:
        raise TokenError(f"{path} is empty: delete it, and the next start makes a new one")
    return token
