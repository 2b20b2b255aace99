"""Where a user's files lie, by the XDG rules, also for users of whom the system knows little."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


class NoHomeError(ValueError):
    """A user without a home directory; says what to set instead."""


def state_home() -> Path:
    """Return where what outlives a reboot is kept: XDG_STATE_HOME, else `~/.local/state`."""
    return told("XDG_STATE_HOME") or _home("XDG_STATE_HOME") / ".local" / "state"


def config_home() -> Path:
    """Return where what a user set up is kept: XDG_CONFIG_HOME, else `~/.config`."""
    return told("XDG_CONFIG_HOME") or _home("XDG_CONFIG_HOME") / ".config"


def told(variable: str) -> Path | None:
    """Return the path in an environment variable of XDG, where relative ones have no meaning."""
    path = Path(os.environ.get(variable, ""))
    return path if path.is_absolute() else None


def expanded(path: Path) -> Path:
    """Return `path` with a leading `~` or `~user` written out; raises NoHomeError."""
    first = path.parts[0] if path.parts else ""
    if first == "~":
        return _home().joinpath(*path.parts[1:])
    if not first.startswith("~"):
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise NoHomeError(
            f"{path}: no user {first[1:]} with a home directory: write it out"
        ) from error


def user_name() -> str:
    """Return this user's name, of one without a name the number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _home(instead: str = "") -> Path:
    home = told("HOME")
    if home is None:
        try:
            home = Path(pwd.getpwuid(os.getuid()).pw_dir)
        except KeyError:
            also = f", or {instead}," if instead else ""
            raise NoHomeError(
                f"user {os.getuid()} has no home directory: HOME names none, and there is no such "
                f"user in /etc/passwd; set HOME{also} to a directory of your own"
            ) from None
    return home
