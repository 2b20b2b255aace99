"""What people are told to type: a shell takes it as it is printed, whatever names are in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Final

_PLAIN: Final = re.compile(r"/[\w./-]*", re.ASCII)  # a path that YAML takes for nothing else


def command(beginning: str, *words: str | Path) -> str:
    """Return a command in backticks.

    Args:
        beginning: of it, which a shell takes as it is, such as `python -m drivers rest --arm`.
        words: that follow, each quoted if a shell needs it.
    """
    return f"`{' '.join([beginning, *map(quoted, words)])}`"


def quoted(word: str | Path) -> str:
    """Return one word as a shell takes it, a path so that it cannot be an option."""
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"
    if _is_shown(text) and "`" not in text:  # which would seem to end the command
        return shlex.quote(text)
    return f"$'{''.join(_escaped(byte) for byte in os.fsencode(text))}'"


def setting(key: str, value: str | int) -> str:
    """Return the word after `--set` that gives a key of the config this value."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return f"{key}={value}"
    text = json.dumps(value, ensure_ascii=False)
    shown = (char if _is_shown(char) else f"\\U{ord(char):08x}" for char in text)
    return f"{key}={''.join(shown)}"


def _is_shown(text: str) -> bool:
    """Return whether a terminal shows `text` so that what is copied from there is the same."""
    is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    return text.isprintable() and (is_utf8 or text.isascii())


def _escaped(byte: int) -> str:
    is_plain = 32 <= byte < 127 and byte not in b"'\\`"
    return chr(byte) if is_plain else f"\\x{byte:02x}"
