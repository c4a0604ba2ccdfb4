"""A worker is killed in mid-stream: its work is taken over, and every request is answered once.

    python examples/failures.py

Speeds are emulated, so that three workers fit on two cores.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from simulator.allocation import Allocation
from simulator.cluster import Cluster, Node
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

REQUESTS = 40


def problem() -> Problem:
    """Three tasks in a row on three nodes; ten requests a second."""
    tasks = [
        Task(name, (Variant(name, seconds={"*": 0.02}, output_bytes=100_000.0),))
        for name in ("see", "decide", "act")
    ]
    graph = TaskGraph(tuple(tasks), (Edge("see", "decide"), Edge("decide", "act")))
    nodes = [Node(f"worker-{i}") for i in range(3)]
    stream = Stream("camera", graph, Arrivals("constant", rate=20.0), requests=REQUESTS)
    return Problem(Cluster.star("three", nodes, 1e9, 1e-3), (stream,), dispatch="greedy")


def main() -> None:
    from realrun.devices import parse_workers
    from realrun.execute import execute
    from realrun.pool import Workers

    world = problem()
    names = ",".join(f"{name}=cpu:1" for name in world.node_names)
    with Workers(parse_workers(names)) as workers:
        killed: list[float] = []

        def kill_one(clerk: Any) -> None:
            if not killed and time.monotonic() > clerk.zero + 0.7:
                killed.append(time.monotonic() - clerk.zero)
                os.kill(workers.pid(1), signal.SIGKILL)

        run = execute(
            world, Allocation.of(world, [0, 1, 2]), workers,
            emulate=True, tolerate_failures=True, watch=kill_one,
        )  # fmt: skip
    (failure,) = run.facts["failures"]
    answered = int(run.trace.metrics()["completed"])
    print(f"after {killed[0]:.2f} s: {failure['why']}")
    print(f"{failure['taken_over']} executions taken over, {failure['redone']} done once more")
    print(f"{answered} of {REQUESTS} requests answered, {run.facts['answered_twice']} twice")


if __name__ == "__main__":
    main()
