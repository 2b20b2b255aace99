"""`python -m safety`: stops a robot, and lets it go on, from any shell."""

from __future__ import annotations

import sys

from station.safety_tools.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
