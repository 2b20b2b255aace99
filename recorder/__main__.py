"""`python -m recorder`: looks after recorded datasets outside of a launch."""

from __future__ import annotations

import sys

from station.recorder_tools.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
