"""Who asks from a shell."""

from __future__ import annotations

import getpass


def shell_user() -> str:
    """Return who asks from a shell, for the audit."""
    try:
        return f"shell {getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "shell"
