"""What the system grants a control loop: priority, locked memory, no garbage collection pauses."""

from __future__ import annotations

import ctypes
import gc
import os
import resource

_MCL_CURRENT_AND_FUTURE = 3
_UNLIMITED = resource.RLIM_INFINITY


def become_realtime(priority: int) -> list[str]:
    """Make this process a SCHED_FIFO one with locked memory; returns what was refused, in words."""
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        refused.append("real-time priority")
    if not _may_lock_all() or ctypes.CDLL(None).mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        refused.append("locked memory")
    # What exists now lives as long as the process: the collector need not walk it ever again.
    gc.collect()
    gc.freeze()
    return refused


def _may_lock_all() -> bool:
    """Return whether memory may be locked without end: under a limit, later allocations fail."""
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == _UNLIMITED


def realtime_permitted(priority: int) -> bool:
    """Return whether this user may run SCHED_FIFO processes at `priority`."""
    pid = os.fork()
    if pid == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
