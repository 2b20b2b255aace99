"""`python -m safety`: stops a robot, and lets it go on, from any shell."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress

from runtime import program
from station.safety_tools.at_once import stop_at_once


def main(arguments: list[str]) -> int:
    """Do what is asked for; a stop first of all."""
    hasty = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    hasty.add_argument("--robot", default="aloha")
    hasty.add_argument("--reason", default="")
    if arguments[:1] == ["stop"] and not {"-h", "--help"} & set(arguments):
        with suppress(argparse.ArgumentError):  # of which the tool tells
            given = hasty.parse_known_args(arguments)[0]
            stop_at_once(given.robot, given.reason)
    from station.safety_tools.main import main as tools  # once the arms stop: it takes its time

    return tools(arguments)


if __name__ == "__main__":
    # A stop is not refused for bytes in its reason that are no text.
    words = [word.encode(errors="backslashreplace").decode() for word in sys.argv[1:]]
    sys.exit(program.run(lambda: main(words), opens_files=False))
