"""The immutable sum of cluster, streams and rules: the one thing a scheduler sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import Arrays, BoolArray, FloatArray, IntArray
from simulator.cluster import Cluster, require
from simulator.dynamics import Dynamics
from simulator.lower import group_indices, lower
from simulator.objective import Objective
from simulator.risk import Risk
from simulator.shown import Shown
from simulator.taskgraph import Task
from simulator.workload import Stream

if TYPE_CHECKING:
    from simulator.allocation import Allocation
    from simulator.realisation import Realisation

Batch = "Sequence[Allocation] | tuple[IntArray, IntArray, IntArray]"


@dataclass(frozen=True, eq=False, repr=False)
class Problem(Shown):
    """What to place, on what, under which rules, and what is to be minimised.

    Estimates a scheduler may use: `seconds`, `bytes` (nominal: at mean sizes), `transfer_s`,
    `allowed`, and `evaluate`. The luck of test runs is not reachable from here.

    Parameters
    ----------
    cluster : Cluster
    streams : tuple of Stream
    network : {"ideal", "fifo", "fair"}
    dispatch : {"strict", "greedy"} or None
        None: strict for a single request, greedy for a stream.
    discipline : {"fifo", "priority", "edf"}
    objective : Objective
    dynamics : Dynamics
    name : str
    plan_draws : int
        Number of `plan` realisations that `evaluate` looks at, when there is luck at all.
    plan_seed : int
        Seed of the first of them.
    plan_risk : Risk
        What becomes of their values: the mean, a quantile or the conditional value at risk.

    Attributes
    ----------
    arrays : Arrays
        The lowered form that engines and compiled schedulers read.
    """

    cluster: Cluster
    streams: tuple[Stream, ...]
    network: str = "ideal"
    dispatch: str | None = None
    discipline: str = "fifo"
    objective: Objective = field(default_factory=Objective)
    dynamics: Dynamics = field(default_factory=Dynamics)
    name: str = "problem"
    plan_draws: int = 1
    plan_seed: int = 0
    plan_risk: Risk = field(default_factory=Risk)
    arrays: Arrays = field(init=False)

    def __post_init__(self) -> None:
        from simulator.rules import check_problem

        require(len(self.streams) > 0, "there are no streams")
        names = [s.name for s in self.streams]
        require(len(set(names)) == len(names), f"two streams have one name: {names}")
        require(self.plan_draws >= 1, f"plan_draws must be >= 1, got {self.plan_draws}")
        if self.dispatch is None:
            single = sum(s.requests for s in self.streams) == 1
            object.__setattr__(self, "dispatch", "strict" if single else "greedy")
        assert self.dispatch is not None
        object.__setattr__(
            self,
            "arrays",
            lower(self.cluster, self.streams, self.network, self.dispatch, self.discipline),
        )
        check_problem(self)

    # ----- names -------------------------------------------------------------------------------
    @cached_property
    def _stream_tasks(self) -> list[tuple[int, Task]]:
        return [(s, t) for s, stream in enumerate(self.streams) for t in stream.graph.tasks]

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """(T,) tasks of all streams in index order."""
        return tuple(task for _, task in self._stream_tasks)

    @cached_property
    def task_names(self) -> tuple[str, ...]:
        """(T,) names; ``stream/task`` for all of them if a name occurs in two streams."""
        plain = [t.name for t in self.tasks]
        if len(set(plain)) == len(plain):
            return tuple(plain)
        return tuple(f"{self.streams[s].name}/{t.name}" for s, t in self._stream_tasks)

    @cached_property
    def task_index(self) -> dict[str, int]:
        """Name -> index."""
        return {name: t for t, name in enumerate(self.task_names)}

    @cached_property
    def node_names(self) -> tuple[str, ...]:
        """(N,) names of the nodes."""
        return tuple(n.name for n in self.cluster.nodes)

    @cached_property
    def node_index(self) -> dict[str, int]:
        """Name -> index."""
        return {name: n for n, name in enumerate(self.node_names)}

    @cached_property
    def link_names(self) -> tuple[str, ...]:
        """(L,) names of the links."""
        return tuple(x.name for x in self.cluster.links)

    @cached_property
    def variant_names(self) -> tuple[tuple[str, ...], ...]:
        """For each task the names of its variants."""
        return tuple(tuple(v.name for v in t.variants) for t in self.tasks)

    @cached_property
    def edge_names(self) -> tuple[str, ...]:
        """(E,) labels of the edges."""
        return tuple(e.label for s in self.streams for e in s.graph.edges)

    # ----- sizes -------------------------------------------------------------------------------
    @property
    def n_tasks(self) -> int:
        """Number of tasks T over all streams."""
        return self.arrays.n_tasks

    @property
    def n_nodes(self) -> int:
        """Number of nodes N."""
        return self.arrays.n_nodes

    @property
    def n_edges(self) -> int:
        """Number of edges E."""
        return self.arrays.n_edges

    @property
    def n_requests(self) -> int:
        """Number of requests R of one run."""
        return sum(s.requests for s in self.streams)

    # ----- what a scheduler plans with ---------------------------------------------------------
    @property
    def allowed(self) -> BoolArray:
        """(T, V, N) mask of admissible (variant, node) pairs; the task alone fits in memory."""
        return self.arrays.allowed

    @property
    def topological(self) -> IntArray:
        """(T,) topological order, lowest index first among the free."""
        return self.arrays.topological

    @cached_property
    def task_scale(self) -> FloatArray:
        """(T,) factor on the seconds of an average request."""
        return np.array([_scale(self.streams[s], t.scale_with, noisy=True)
                         for s, t in self._stream_tasks])  # fmt: skip

    @cached_property
    def edge_scale(self) -> FloatArray:
        """(E,) factor on the bytes of an average request."""
        return np.array([_scale(s, e.scale_with, noisy=False)
                         for s in self.streams for e in s.graph.edges])  # fmt: skip

    @cached_property
    def seconds(self) -> FloatArray:
        """(T, V, N) nominal work in seconds of an average request; NaN where not allowed."""
        return _frozen(self.arrays.seconds * self.task_scale[:, None, None])

    @cached_property
    def bytes(self) -> FloatArray:
        """(E, V) nominal bytes by variant of the producer."""
        return _frozen(self.arrays.edge_bytes * self.edge_scale[:, None])

    @cached_property
    def weights_bytes(self) -> FloatArray:
        """(T, V) bytes of weights; 0 where the variant does not exist."""
        return self._per_variant(lambda s, v: v.weights_bytes)

    @cached_property
    def working_bytes(self) -> FloatArray:
        """(T, V) bytes of one execution's working set."""
        return self._per_variant(lambda s, v: v.at(v.activation_bytes, self.streams[s].batch))

    @cached_property
    def accuracy(self) -> FloatArray:
        """(T, V) declared accuracy, NaN where none is declared."""
        return self._per_variant(
            lambda s, v: np.nan if v.accuracy is None else v.accuracy, empty=np.nan
        )

    @cached_property
    def weights_group(self) -> IntArray:
        """(T, V) id of what the variant's weights are shared with; equal ids count once a node."""
        ids: dict[tuple[str, str] | tuple[int, int], int] = {}
        out = np.full(self.arrays.seconds.shape[:2], -1, dtype=np.int64)
        for t, task in enumerate(self.tasks):
            for v, variant in enumerate(task.variants):
                group = variant.sharing_group
                key = ("group", group) if group is not None else (t, v)
                out[t, v] = ids.setdefault(key, len(ids))
        return out

    def _per_variant(self, value, empty: float = 0.0) -> FloatArray:  # type: ignore[no-untyped-def]
        out = np.full(self.arrays.seconds.shape[:2], empty)
        for t, (s, task) in enumerate(self._stream_tasks):
            for v, variant in enumerate(task.variants):
                out[t, v] = value(s, variant)
        return _frozen(out)

    @cached_property
    def memory_bytes(self) -> FloatArray:
        """(N,) memory of the nodes, inf where unlimited."""
        return np.array([n.memory_bytes for n in self.cluster.nodes])

    @cached_property
    def place_with(self) -> tuple[tuple[int, ...], ...]:
        """Groups of task indices that must share one node."""
        return group_indices(self.streams, self._union_index, "place_with")

    @cached_property
    def apart(self) -> tuple[tuple[int, ...], ...]:
        """Groups of task indices of which no two may share a node."""
        return group_indices(self.streams, self._union_index, "apart")

    @cached_property
    def _union_index(self) -> dict[tuple[int, str], int]:
        return {(s, task.name): t for t, (s, task) in enumerate(self._stream_tasks)}

    # ----- vectors for metrics -----------------------------------------------------------------
    @cached_property
    def is_compute(self) -> BoolArray:
        """(N,) False for nodes that only store files."""
        compute = np.array([n.kind != "storage" for n in self.cluster.nodes])
        return compute if compute.any() else ~compute

    @cached_property
    def idle_watts(self) -> FloatArray:
        """(N,) watts, 0 where not given."""
        return np.array([n.idle_watts or 0.0 for n in self.cluster.nodes])

    @cached_property
    def busy_watts(self) -> FloatArray:
        """(N,) watts, 0 where not given."""
        return np.array([n.busy_watts or 0.0 for n in self.cluster.nodes])

    @cached_property
    def price_per_s(self) -> FloatArray:
        """(N,) price of one second, 0 where not given."""
        return np.array([(n.price_per_hour or 0.0) / 3600.0 for n in self.cluster.nodes])

    @cached_property
    def stream_weight(self) -> FloatArray:
        """(S,) weights of the streams."""
        return np.array([s.weight for s in self.streams])

    # ----- asking how good ---------------------------------------------------------------------
    @cached_property
    def has_luck(self) -> bool:
        """Whether two runs may differ: anything but single requests at nominal size."""
        return any(
            s.requests > 1
            or s.noise is not None
            or s.sizes
            or any(e.probability is not None for e in s.graph.edges)
            for s in self.streams
        )

    @cached_property
    def plan(self) -> tuple[Realisation, ...]:
        """The realisations that planning may look at: nominal, or draws of the plan family."""
        from simulator.luck import draw, nominal

        if not self.has_luck and self.dynamics == Dynamics():
            return (nominal(self),)
        return tuple(draw(self, self.plan_seed + i, "plan") for i in range(self.plan_draws))

    def evaluate(
        self,
        batch: Sequence[Allocation] | tuple[IntArray, IntArray, IntArray],
        threads: int = 1,
    ) -> FloatArray:
        """Objective of many allocations, by compiled simulation of the plan realisations.

        Parameters
        ----------
        batch : sequence of Allocation, or (node, variant, priority) each (B, T) int64
        threads : int

        Returns
        -------
        (B,) float array, +inf where the allocation breaks a constraint or loses requests.
        """
        from simulator.evaluate import evaluate

        return evaluate(self, batch, threads)

    def objective_of(self, allocation: Allocation) -> float:
        """Objective of one allocation."""
        return float(self.evaluate([allocation])[0])

    def _title(self) -> str:
        return self.name

    def _summary(self) -> dict[str, str]:
        return {
            "graph": f"{self.n_tasks} tasks, {self.n_edges} edges",
            "load": f"{self.n_requests} request(s) of {len(self.streams)} stream(s)",
            "cluster": f"{self.n_nodes} nodes, {self.arrays.n_links} links",
            "rules": f"{self.network}/{self.dispatch}/{self.discipline}",
            "minimise": str(self.objective),
        }


def _frozen(values: FloatArray) -> FloatArray:
    values.flags.writeable = False
    return values


def _scale(stream: Stream, size: str | None, noisy: bool) -> float:
    scale = 1.0
    if size is not None:
        entry = stream.sizes[size]
        scale = entry.distribution.mean / entry.nominal
    if noisy and stream.noise is not None:
        scale *= stream.noise.mean
    return scale
