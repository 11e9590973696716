"""The limits that a parser process sets itself before it touches a document (setrlimit(2), prctl(2))."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_MAX_WRITTEN_BYTES = 64 << 20
_MAX_FILES = 64


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process when the thread that started it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:  # it ended before the call
        sys.exit(0)


def limit_memory(memory_bytes: int) -> None:
    """Bound memory, open files and what can be written; no core dumps of people's documents.

    RLIMIT_DATA counts private writable memory, which is what a document takes; RLIMIT_AS would also count what libraries
    reserve and map without using it.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, _MAX_WRITTEN_BYTES)
    _lower(resource.RLIMIT_NOFILE, _MAX_FILES)


def _lower(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (allowed, allowed))


def allow_cpu(seconds: int) -> None:
    """Give the next document that much CPU time; beyond it SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
