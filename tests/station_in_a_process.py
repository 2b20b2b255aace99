"""A station in a process of its own, for the tests that end it without mercy."""

import sys
from pathlib import Path

from messaging.transport import Bus
from runtime.process import ProcessSpec
from runtime.supervisor import Supervisor


def main(directory: Path, faults: list[str]) -> None:
    """Supervise one stand-in for each fault; write their process ids once all are ready."""
    specs = [
        ProcessSpec(
            name=f"child{i}",
            module="stand_ins",
            config={"fault": fault},
            directory=directory / "bus",
            stall_s=50,
            hang_s=100,
        )
        for i, fault in enumerate(faults)
    ]
    with Bus(directory / "bus") as bus:
        supervisor = Supervisor(specs, bus, directory / "run")
        while not supervisor.ready:
            supervisor.poll(0.1)
        pids = [child.popen.pid for child in supervisor.children.values() if child.popen]
        (directory / "pids.tmp").write_text(" ".join(map(str, pids)), encoding="utf-8")
        (directory / "pids.tmp").rename(directory / "pids")
        while True:
            supervisor.poll(1.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
