"""Which rules concurrent messages follow: measured by two at once from one sender.

To one receiver they share a connection: under `fifo` the first takes as long as alone and the
second twice as long, under `fair` both take twice as long. To two receivers they use two links and
take as long as alone under either, so this tells whether the links of a calibration, one for each
pair, are right; where the messages meet all the same, that is remarked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from realrun.devices import workers_cluster
from realrun.execute import execute
from simulator.allocation import Allocation
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

if TYPE_CHECKING:
    from realrun.pool import Workers

BYTES, REQUESTS = 4_194_304, 8
MEET = math.sqrt(2.0)
"""Slow-down of the later message from which on two messages are said to have met."""
_EXPECTED = {"fifo": (1.0, 2.0), "fair": (2.0, 2.0)}

Pair = tuple[float, float]
"""Seconds of the earlier and of the later message."""


class Sharing(NamedTuple):
    """What two messages at once do to each other.

    Parameters
    ----------
    network : {"fifo", "fair"}
    misfit : mapping of network to mean absolute logarithm of measured over expected time
    sender_shared : bool
        Messages to different receivers slow each other down.
    """

    network: str
    misfit: dict[str, float]
    sender_shared: bool


def decide(alone: float, together: Pair, apart: Pair | None = None) -> Sharing:
    """The network whose rules the times fit best.

    Parameters
    ----------
    alone : float
        Seconds of one message.
    together : (earlier, later)
        Of two messages to one receiver.
    apart : (earlier, later) or None
        Of two messages to two receivers.

    Examples
    --------
    >>> decide(1.0, (1.05, 2.1)).network, decide(1.0, (1.9, 2.0), (1.0, 1.1)).network
    ('fifo', 'fair')
    """
    misfit = {network: _off(alone, together, times) for network, times in _EXPECTED.items()}
    shared = apart is not None and max(apart) > MEET * alone
    return Sharing(min(misfit, key=lambda n: misfit[n]), misfit, shared)


def _off(alone: float, times: Pair, expected: Pair) -> float:
    ratios = [max(t, 1e-9) / max(alone, 1e-9) for t in sorted(times)]
    return float(np.mean([abs(math.log(r / e)) for r, e in zip(ratios, expected, strict=True)]))


def fan(workers: Workers, receivers: Sequence[int]) -> Problem:
    """One task that sends a message to each of some tasks, all at once."""

    def task(name: str) -> Task:
        return Task(name, (Variant("nothing", seconds={"*": 0.0}, output_bytes=float(BYTES)),))

    names = [f"to-{i}" for i in range(len(receivers))]
    graph = TaskGraph(
        (task("from"), *map(task, names)), tuple(Edge("from", name) for name in names)
    )
    stream = Stream("fan", graph, Arrivals("constant", rate=10.0), requests=REQUESTS)
    return Problem(
        cluster=workers_cluster(workers.specs), streams=(stream,), network="ideal",
        dispatch="greedy", name="sharing",
    )  # fmt: skip


def travel(workers: Workers, sender: int, receivers: Sequence[int]) -> list[float]:
    """Median seconds of the earliest, ..., the latest of messages sent at once."""
    problem = fan(workers, receivers)
    log = execute(problem, Allocation.of(problem, [sender, *receivers]), workers).trace.log
    seconds = np.sort((log.delivered - log.finish[:, :1])[1:], axis=1)
    return [float(x) for x in np.median(seconds, axis=0)]


def measure(workers: Workers) -> dict[str, list[float]]:
    """Seconds of one message, of two to one receiver, and, with three workers, of two to two."""
    found = {"alone": travel(workers, 0, [1]), "together": travel(workers, 0, [1, 1])}
    if len(workers.specs) > 2:
        found["apart"] = travel(workers, 0, [1, 2])
    return found
