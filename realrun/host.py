"""What this process may use of its host: cores and memory, limits of containers included.

Reads `/proc` and `/sys` and nothing else. What cannot be read is left out, never guessed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from simulator.errors import Unsupported

SYSTEM = Path("/sys")
PROC = Path("/proc")
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def usable_cpus() -> list[int]:
    """Logical CPUs that this process may run on, ascending."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def host_memory() -> float:
    """Bytes of memory that this process may use: of the host, or of its container if less.

    Infinite where neither can be read.
    """
    total = meminfo_total(read(PROC / "meminfo") or "")
    limits = [
        cgroup_bytes(read(SYSTEM / "fs/cgroup" / name) or "")
        for name in ("memory.max", "memory/memory.limit_in_bytes")
    ]
    return min([math.inf if total is None else total, *limits])


def cpu_quota() -> float:
    """Cores' worth of time that this process's container allows; infinite without a limit."""
    quota = cgroup_quota(read(SYSTEM / "fs/cgroup/cpu.max") or "")
    if quota < math.inf:
        return quota
    folder = SYSTEM / "fs/cgroup/cpu"
    amount, period = read(folder / "cpu.cfs_quota_us"), read(folder / "cpu.cfs_period_us")
    return cgroup_quota(f"{amount} {period}")


def sibling_sets(cpus: Iterable[int]) -> dict[int, frozenset[int]]:
    """The logical CPUs that share a physical core with each CPU; alone where unknown."""
    found = {}
    for cpu in cpus:
        text = read(SYSTEM / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        found[cpu] = frozenset(cpu_list(text)) | {cpu} if text else frozenset({cpu})
    return found


def read(path: Path) -> str | None:
    """Text of a small system file, or None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


# ----- pure functions on text --------------------------------------------------------------------
def cpu_list(text: str) -> list[int]:
    """CPU numbers of a kernel list.

    Raises
    ------
    Unsupported
        Not such a list.

    Examples
    --------
    >>> cpu_list("0-2,8, 10-11")
    [0, 1, 2, 8, 10, 11]
    """
    found: set[int] = set()
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise Unsupported(f"expected a list of CPUs such as '0-15,32-47', got {text[:60]!r}")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(found)


def meminfo_total(text: str) -> float | None:
    """Bytes of ``MemTotal`` of /proc/meminfo or of a NUMA node's meminfo.

    Examples
    --------
    >>> meminfo_total("Node 0 MemTotal:       2048 kB")
    2097152.0
    """
    for line in text.splitlines():
        head, _, rest = line.partition("MemTotal:")
        words = rest.split()
        if rest and words and words[0].isdecimal() and not head.strip(" Node0123456789"):
            return float(words[0]) * 1024
    return None


def cgroup_bytes(text: str) -> float:
    """A container's memory limit; infinite for ``max``, nonsense, or version 1's "no limit"."""
    value = float(text) if text.strip().isdecimal() else math.inf
    return math.inf if value >= 2.0**60 else value


def cgroup_quota(text: str) -> float:
    """Cores of a ``cpu.max`` such as ``200000 100000``; infinite for ``max``, -1 or nonsense.

    Examples
    --------
    >>> cgroup_quota("150000 100000"), cgroup_quota("max 100000"), cgroup_quota("-1 100000")
    (1.5, inf, inf)
    """
    words = text.split()
    if len(words) != 2 or not all(w.isdecimal() and int(w) > 0 for w in words):
        return math.inf
    return int(words[0]) / int(words[1])


def by_core(cpus: Iterable[int], siblings: Mapping[int, frozenset[int]]) -> list[int]:
    """Logical CPUs in the order in which to use them: one of each physical core first.

    Examples
    --------
    >>> pair = lambda a, b: {a: frozenset({a, b}), b: frozenset({a, b})}
    >>> by_core([0, 1, 2, 3], {**pair(0, 1), **pair(2, 3)})
    [0, 2, 1, 3]
    """
    usable = set(cpus)

    def rank(cpu: int) -> tuple[int, int]:
        mine = sorted(siblings.get(cpu, frozenset({cpu})) & usable)
        return mine.index(cpu), mine[0]

    return sorted(usable, key=rank)
