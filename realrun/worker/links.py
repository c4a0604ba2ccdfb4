"""Emulated links: when a message would arrive if the links were those of the problem.

``ideal``: latency and smallest bandwidth of the route. ``fifo``: each link serves one message at a
time; when a link is free again stands in memory that all workers share, under a lock. Messages
take their places on all links of their route when they are sent: on routes of several links one
that comes later but would reach a shared link earlier waits behind, which store-and-forward would
not ask of it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from realrun.plan import RunPlan


class EmulatedLinks:
    """Arrival times of messages.

    Parameters
    ----------
    plan : RunPlan
    fd : int
        A file of 8 bytes for each link, shared by all workers; closed by `close`.
    """

    def __init__(self, plan: RunPlan, fd: int):
        self._plan, self._fd = plan, fd
        self._map = mmap.mmap(fd, max(os.fstat(fd).st_size, 8))
        self._free = np.frombuffer(self._map, dtype=np.float64)

    def follow(self, plan: RunPlan) -> None:
        """Take the routes of another plan."""
        self._plan = plan

    def arrival(self, request: int, edge: int, sent: float) -> float:
        """Seconds at which a message sent at `sent` is usable; wake included."""
        plan, route = self._plan, self._plan.routes[edge]
        size = float(plan.edge_bytes[request, edge])
        wake = float(plan.wake_s[plan.node[plan.edge_dst[edge]]])
        latency = sum(float(plan.link_latency[x]) for x in route)
        if size == 0.0:
            return sent + latency + wake
        if plan.network == "ideal":
            return (
                sent + (latency + size / min(float(plan.link_bandwidth[x]) for x in route)) + wake
            )
        at = sent
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            for link in route:
                free = max(at, self._free[link]) + size / float(plan.link_bandwidth[link])
                self._free[link] = free
                at = free + float(plan.link_latency[link])
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)
        return at + wake

    def close(self) -> None:
        """Unmap."""
        self._free = np.empty(0)
        self._map.close()
        os.close(self._fd)
