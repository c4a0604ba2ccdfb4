"""A machine of which the truth is known: simulates with planted bias, noise and faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from realrun.validate.loads import Case
from simulator import Cluster, Edge, Node, Problem, Stream, Task, TaskGraph, Variant, simulate
from simulator.trace import Trace


@dataclass
class FakeRun:
    trace: Trace
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakeMachine:
    """Executes a case with every duration times `bias` and a lognormal factor.

    Parameters
    ----------
    bias : factor of all durations, or one for each node name
    noise : sigma of the logarithm of each execution's own factor
    stolen : share of the wall time of an execution that is not CPU time
    late_s : how late the last worker starts
    """

    bias: float | dict[str, float] = 1.0
    noise: float = 0.0
    stolen: float = 0.0
    late_s: float = 0.0
    seed: int = 0
    runs: int = 0
    emulated: bool = False

    def __call__(self, case: Case) -> FakeRun:
        rng = np.random.default_rng([self.seed, self.runs])
        self.runs += 1
        shape = (case.realisation.n_requests, case.problem.n_tasks)
        factor = np.exp(self.noise * rng.standard_normal(shape))
        node = case.predicted.record.node
        names = case.problem.node_names
        own = [self.bias[names[n]] if isinstance(self.bias, dict) else self.bias for n in node]
        luck = replace(case.realisation, task_factor=factor * np.array(own))
        simulated = simulate(case.problem, case.candidate.allocation, realisation=luck)
        facts = {"late_start_s": self.late_s, "emulated": self.emulated}
        return FakeRun(measured(simulated, self.stolen), facts)


def measured(simulated: Trace, stolen: float = 0.0) -> Trace:
    """The trace as a runtime would have written it down."""
    log, names = simulated.log, np.array(simulated.problem.task_names)
    request, task = np.nonzero(np.isfinite(log.finish))
    at = request, task
    hold = log.finish[at] - log.start[at]
    dispatch = simulated.record.arrays.dispatch_s[simulated.record.node[task]]
    rows = {
        "request": request,
        "task": names[task],
        "slot": log.slot[at],
        "ready": log.ready[at],
        "start": log.start[at],
        "finish": log.finish[at],
        "cpu_s": hold * (1.0 - stolen),
        "compute_s": (hold - dispatch) * (1.0 - stolen),
    }
    sender, edge = np.nonzero(simulated.record.sent)
    messages = {
        "request": sender,
        "edge": np.array(simulated.edge_names)[edge],
        "finish": log.delivered[sender, edge],
    }
    return Trace.measured(
        simulated.problem,
        simulated.allocation,
        simulated.realisation,
        rows,
        messages,
        engine="fake",
    )


def still() -> list[float]:
    """A reference matmul that always takes as long."""
    return [1e-3, 1e-3]


def problem(
    slow: float = 2.0, tasks: int = 4, nodes: int = 2, entry: bool = False, **rules: Any
) -> Problem:
    """A chain with a side branch on nodes of which the last takes `slow` times as long."""
    cluster = Cluster.mesh("pair", [Node(f"n{i}") for i in range(nodes)], bandwidth=1e9)
    places = {f"n{i}": 1.0 if i < nodes - 1 else slow for i in range(nodes)}
    made = tuple(
        Task(
            f"t{i}",
            (Variant("v", seconds={n: 0.01 * (i + 1) * f for n, f in places.items()}, module="m"),),
            pinned="n0" if entry and i == 0 else None,
        )
        for i in range(tasks)
    )
    edges = [Edge(f"t{i}", f"t{i + 1}", bytes=1e5) for i in range(tasks - 1)]
    graph = TaskGraph(made, tuple(edges))
    return Problem(cluster, (Stream("s", graph),), dispatch="greedy", name="chain", **rules)
