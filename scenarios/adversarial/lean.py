"""Problems made straight from arrays: building named objects would cost most of a search's time.

Whatever does not depend on the numbers of an instance is taken from one real problem of the same
size, built once. Cluster and streams are built only if a scheduler asks for them.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from scenarios.adversarial.instance import Graph, Instance, Network
from simulator.arrays import Arrays
from simulator.cluster import Cluster
from simulator.problem import Problem
from simulator.workload import Stream


class LeanProblem(Problem):
    """The problem of an instance; equal in every array to ``instance.scenario().problem()``."""

    instance: Instance

    @cached_property
    def cluster(self) -> Cluster:  # type: ignore[override]
        """Nodes and links, built when first asked for."""
        return self.instance.cluster()

    @cached_property
    def streams(self) -> tuple[Stream, ...]:  # type: ignore[override]
        """The one stream, built when first asked for."""
        return (self.instance.stream(),)


def lean_problem(instance: Instance) -> Problem:
    """Make the problem of an instance, in a few microseconds.

    Parameters
    ----------
    instance : Instance

    Returns
    -------
    Problem
    """
    n_tasks, n_nodes = instance.graph.tasks, len(instance.speed)
    fields, lowered = _constants(n_tasks, n_nodes)
    seconds = instance.seconds.reshape(n_tasks, 1, n_nodes)
    size = instance.size.reshape(-1, 1)
    seconds.flags.writeable = size.flags.writeable = False
    arrays: Arrays = object.__new__(Arrays)
    arrays.__dict__.update(
        lowered,
        **_of_graph(instance.graph),
        **_of_network(instance.network),
        seconds=seconds,
        edge_bytes=size,
    )
    problem: LeanProblem = object.__new__(LeanProblem)
    problem.__dict__.update(
        fields,
        instance=instance,
        arrays=arrays,
        seconds=seconds,
        bytes=size,
        edge_scale=_ones(len(size)),
    )
    return problem


@lru_cache(maxsize=256)
def _constants(n_tasks: int, n_nodes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What all problems of one size share: attributes of the problem, and of its arrays."""
    bandwidth = np.ones((n_nodes, n_nodes))
    np.fill_diagonal(bandwidth, np.inf)
    edges = tuple((t, t + 1) for t in range(n_tasks - 1))
    sample = Instance(
        Graph(n_tasks, edges), Network(bandwidth), np.ones(n_tasks), np.ones(n_nodes),
        np.ones(len(edges)),
    )  # fmt: skip
    problem = sample.scenario().problem()
    asked = (
        "task_names", "task_index", "node_names", "node_index", "variant_names", "task_scale",
        "weights_bytes", "working_bytes", "weights_group", "memory_bytes",
        "place_with", "apart", "is_compute", "idle_watts", "busy_watts", "price_per_s",
        "stream_weight", "has_luck", "plan",
    )  # fmt: skip
    given = ("network", "dispatch", "discipline", "objective", "dynamics", "name", "plan_draws",
             "plan_seed", "plan_risk")  # fmt: skip
    fields = {name: getattr(problem, name) for name in (*asked, *given)}
    lowered = {name: getattr(problem.arrays, name) for name in Arrays.__dataclass_fields__}
    lowered |= {name: getattr(problem.arrays, name) for name in ("allowed", "topological")}
    return fields, lowered


def _of_graph(graph: Graph) -> dict[str, Any]:
    """Arrays that follow from the graph alone; kept with it."""
    known: dict[str, Any] | None = graph.__dict__.get("lowered")
    if known is None:
        count = len(graph.edges)
        exits = np.ones(graph.tasks, dtype=np.bool_)
        exits[graph.src] = False
        known = graph.__dict__["lowered"] = {
            "edge_src": graph.src,
            "edge_dst": graph.dst,
            "edge_lag": np.zeros(count, dtype=np.int64),
            "edge_conditional": np.zeros(count, dtype=np.bool_),
            "is_exit": exits,
        }
    return known


def _of_network(network: Network) -> dict[str, Any]:
    """Arrays that follow from the links alone; kept with them."""
    known: dict[str, Any] | None = network.__dict__.get("lowered")
    if known is None:
        matrix = network.bandwidth
        apart = ~np.eye(len(matrix), dtype=np.bool_)
        known = network.__dict__["lowered"] = {
            "bandwidth": np.ascontiguousarray(matrix[apart]),
            "latency": np.zeros(int(apart.sum())),
            "route_bandwidth": matrix,
            "route_latency": np.zeros(matrix.shape),
        }
    return known


@lru_cache(maxsize=256)
def _ones(count: int) -> Any:
    return np.ones(count)
