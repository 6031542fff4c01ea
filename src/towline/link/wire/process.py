"""What this process has used of the machine, and may use."""

import os
import resource
from typing import Dict


def usage() -> Dict[str, object]:
    """Return CPU seconds and peak memory in bytes."""
    times = os.times()
    return {"cpu_seconds": times[0] + times[1], "peak_memory_bytes": _peak_memory_bytes()}


def take_all_descriptors() -> None:
    """Raise the soft limit of open files to the hard one: each worker manager needs a socket."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass


def _peak_memory_bytes() -> int:
    # Linux counts the peak of the program before exec in ru_maxrss; VmHWM is this program's own.
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
