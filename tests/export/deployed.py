"""Scenarios with an allocation, for the tests of what is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from scenarios.scenario import Scenario
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Connection, Node
from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

SCHEMAS = Path(__file__).parent / "schemas"


def conforms(data: Any, name: str) -> None:
    """Refuse what a vendored schema does not allow."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(data)


def task(name: str, group: str | None = None, gib: float = 1.0) -> Task:
    size = gib * 2**30
    return Task(
        name,
        (
            Variant(
                f"{name}-model",
                seconds={"*": 0.01},
                weights_bytes=size,
                activation_bytes=size / 8,
                sharing_group=group,
                module=None,
            ),
        ),
    )


def vision() -> tuple[Scenario, Allocation]:
    """Two GPUs of one machine and a CPU with four slots; names that no system takes as they are.

    On ``GPU 0`` run ``Find_Objects`` and, with the same weights, ``find objects``; on ``cpu`` run
    ``decode`` and ``report``.
    """
    nodes = (
        Node("GPU 0", kind="gpu", host="Box.1"),
        Node("GPU 1", kind="gpu", host="Box.1"),
        Node("cpu", slots=4),
    )
    cables = [Connection(n.name, "switch", 1e9, 1e-5) for n in nodes]
    cluster = Cluster.connect("lab", nodes, cables, ["switch"])
    tasks = (
        task("decode", gib=0.5),
        task("Find_Objects", "shared", 4),
        task("find objects", "shared", 4),
        Task("report", task("report").variants, join=Join(need=1)),
    )
    edges = (
        Edge("decode", "Find_Objects", bytes=1000.0),
        Edge("decode", "find objects", bytes=1000.0, probability=0.5),
        Edge("Find_Objects", "report", bytes=10.0),
        Edge("find objects", "report", bytes=10.0, lag=1),
    )
    stream = Stream(
        "Cam #1",
        TaskGraph(tasks, edges),
        arrivals=Arrivals("constant", rate=5.0),
        requests=3,
        deadline_s=0.5,
    )
    scenario = Scenario("Vision: ünïted", cluster, (stream,), network="fair")
    problem = scenario.problem()
    return scenario, Allocation.of(problem, [2, 0, 0, 2], priority=[0, 5, 3, 1])


def first_fit(scenario: Scenario) -> Allocation:
    """Every task on the node that does it fastest."""
    problem = scenario.problem()
    best = problem.seconds.copy()
    best[~problem.allowed] = float("inf")
    return Allocation.of(problem, best.min(axis=1).argmin(axis=1))
