"""`python -m drivers`: looks after the arms outside of a launch."""

from __future__ import annotations

import sys

from station.arm_tools.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
