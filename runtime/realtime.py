"""What the system grants a control loop: priority, locked memory, no garbage collection pauses."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_MCL_CURRENT_AND_FUTURE = 3


def become_realtime(priority: int) -> list[str]:
    """Make this process a SCHED_FIFO one with locked memory; returns what was refused, in words."""
    refused = [] if come_first(priority) else ["real-time priority"]
    if not _lock_memory():
        refused.append("locked memory")
    # What exists now lives as long as the process: the collector need not walk it ever again.
    gc.collect()
    gc.freeze()
    return refused


def come_first(priority: int) -> bool:
    """Run the calling thread, and those it starts, under SCHED_FIFO; returns whether it may."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def realtime_permitted(priority: int) -> bool:
    """Return whether this user may run SCHED_FIFO processes at `priority`."""

    def attempt() -> bool:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        return True

    return _succeeds_apart(attempt)


@contextmanager
def cores_awake(device: Path = Path("/dev/cpu_dma_latency")) -> Iterator[bool]:
    """Keep idle cores from falling asleep while this is entered; yields whether that is granted.

    A core that sleeps wakes late; one of a virtual machine, whose host gives it away meanwhile, by
    tens of milliseconds. The kernel heeds the wish for as long as the file is open (its PM QoS
    interface: a latency of 0 us, as a 32-bit integer).
    """
    try:
        descriptor = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        os.write(descriptor, bytes(4))
        yield True
    finally:
        os.close(descriptor)


def memory_may_be_locked() -> bool:
    """Return whether this user's processes may lock all their memory."""
    return _succeeds_apart(_lock_memory)


def _lock_memory() -> bool:
    # Under a limit the lock may succeed now, and a later allocation fail.
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if not unlimited and os.geteuid() != 0:
        return False
    return bool(ctypes.CDLL(None).mlockall(_MCL_CURRENT_AND_FUTURE) == 0)


def _succeeds_apart(attempt: Callable[[], bool]) -> bool:
    """Try in a process of its own, so that this one stays as it is."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if attempt() else 1)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
