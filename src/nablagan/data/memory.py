"""How much memory there is, to decide between memory and a memory-mapped file."""

import os
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Bytes of memory this process may use: the machine's, or the container's limit if that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP_LIMIT.read_text().strip()
    except OSError:  # no such file outside a container, or on another system
        return machine
    return min(machine, int(limit)) if limit.isdigit() else machine


def fits_in_memory(size_bytes: int) -> bool:
    """True up to a quarter of the memory; larger samples stay in a file."""
    return size_bytes <= memory_bytes() // 4
