"""What any deployment needs to know: who runs where, with what, and who sends to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scenarios.scenario import Scenario
from simulator.allocation import Allocation
from simulator.cluster import Node
from simulator.problem import Problem
from simulator.rules import check_allocation

GPU_KINDS = ("gpu",)
"""Kinds of nodes that are one whole GPU."""


@dataclass(frozen=True)
class Placed:
    """One task, where it runs, and what it needs there.

    Parameters
    ----------
    task, variant, stream : str
    node : Node
    priority : int
    weights_bytes, working_bytes : float
        Weights, and the working set of one execution.
    sharing_group : str or None
        Tasks of one group on one node hold their weights once.
    module : str or None
    """

    task: str
    variant: str
    stream: str
    node: Node
    priority: int
    weights_bytes: float
    working_bytes: float
    sharing_group: str | None
    module: str | None


@dataclass(frozen=True)
class Message:
    """One edge between two placed tasks."""

    edge: str
    src: str
    dst: str
    size_bytes: float
    lag: int
    probability: float | None


@dataclass(frozen=True)
class Plan:
    """An allocation, looked up in its scenario.

    Parameters
    ----------
    scenario : Scenario
    problem : Problem
    allocation : Allocation
    placed : tuple of Placed, in the order of the tasks
    messages : tuple of Message, in the order of the edges
    """

    scenario: Scenario
    problem: Problem
    allocation: Allocation
    placed: tuple[Placed, ...]
    messages: tuple[Message, ...]

    @cached_property
    def by_node(self) -> Mapping[str, tuple[Placed, ...]]:
        """Placed tasks of every node that runs any, by priority."""
        found: dict[str, list[Placed]] = {}
        for node in self.scenario.cluster.nodes:
            mine = [p for p in self.placed if p.node.name == node.name]
            if mine:
                found[node.name] = sorted(mine, key=lambda p: p.priority)
        return {name: tuple(tasks) for name, tasks in found.items()}

    def wiring(self, addresses: Mapping[str, str]) -> dict[str, Any]:
        """For every task where its results go: what a worker must know to run its part."""
        tasks: dict[str, Any] = {}
        for p in self.placed:
            tasks[p.task] = {
                "stream": p.stream,
                "variant": p.variant,
                "module": p.module,
                "node": p.node.name,
                "priority": p.priority,
                "receives": [m.src for m in self.messages if m.dst == p.task],
                "sends": [
                    {
                        "edge": m.edge,
                        "to": m.dst,
                        "address": addresses[m.dst],
                        "bytes": m.size_bytes,
                        "lag": m.lag,
                        "probability": m.probability,
                    }
                    for m in self.messages
                    if m.src == p.task
                ],
            }
        return {"scenario": self.scenario.name, "tasks": tasks}


def memory_of(tasks: tuple[Placed, ...]) -> float:
    """Bytes that tasks on one node need: weights once a sharing group, and a working set a slot."""
    groups: dict[str, float] = {}
    for p in tasks:
        key = f"group {p.sharing_group}" if p.sharing_group is not None else f"task {p.task}"
        groups[key] = max(groups.get(key, 0.0), p.weights_bytes)
    working = sorted((p.working_bytes for p in tasks), reverse=True)
    return sum(groups.values()) + sum(working[: tasks[0].node.slots])


def plan(scenario: Scenario, allocation: Allocation) -> Plan:
    """Look an allocation up in its scenario.

    Raises
    ------
    InvalidAllocation, UnknownName
        It does not fit.
    """
    problem = scenario.problem()
    node, variant, priority = check_allocation(problem, allocation)
    streams = [s for s in problem.streams for _ in s.graph.tasks]
    placed = []
    for t, task in enumerate(problem.tasks):
        chosen = task.variants[variant[t]]
        placed.append(
            Placed(
                problem.task_names[t],
                chosen.name,
                streams[t].name,
                problem.cluster.nodes[node[t]],
                int(priority[t]),
                float(problem.weights_bytes[t, variant[t]]),
                float(problem.working_bytes[t, variant[t]]),
                chosen.sharing_group,
                chosen.module,
            )
        )
    edges = [e for s in problem.streams for e in s.graph.edges]
    src, dst = problem.arrays.edge_src, problem.arrays.edge_dst
    messages = tuple(
        Message(
            e.label,
            problem.task_names[src[i]],
            problem.task_names[dst[i]],
            float(problem.bytes[i, variant[src[i]]]),
            e.lag,
            e.probability,
        )
        for i, e in enumerate(edges)
    )
    return Plan(scenario, problem, allocation, tuple(placed), messages)
