"""`python -m recorder`: looks after recorded datasets outside of a launch."""

from __future__ import annotations

import sys

from runtime import program


def main() -> int:
    """Do what the command line says; returns the exit code."""
    from station.recorder_tools.main import (
        main as tool,  # Ctrl-C ends also what takes a second to load
    )

    return tool(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(program.run(main))
