"""A run as workers see it: who executes what, when requests come, what each message leads to.

Everything that chance decides is in the realisation and therefore known before the run; every
worker holds the whole plan, so that nobody has to be asked while it runs. A plan is index arrays
and plain values, and travels as bytes (`realrun.wire`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import (
    DISCIPLINES,
    DISPATCHES,
    IDEAL,
    NETWORKS,
    STRICT,
    BoolArray,
    FloatArray,
    IntArray,
)
from simulator.errors import Unsupported
from simulator.luck import request_sizes
from simulator.record import Record
from simulator.rules import check_allocation
from simulator.runlog import RunLog

if TYPE_CHECKING:
    from simulator.allocation import Allocation
    from simulator.problem import Problem
    from simulator.realisation import Realisation

DISTINCT_INPUTS = 16
"""Different example inputs; request r gets number r modulo this."""


@dataclass(frozen=True)
class RunPlan:
    """What a run does: R requests, T tasks, E edges, N nodes (= workers).

    Parameters
    ----------
    network, dispatch, discipline : str
    task_names, node_names, stream_names : list of str
    arrival : (R,) float array, seconds after the start; closed loop: NaN until released
    stream, stream_class, clients : (R,), (S,), (S,) int arrays
    deadline : (R,) float array, absolute, inf where there is none
    think : (R,) float array, or empty
    consumer, producer : (R, E) int arrays, -1 where a message leads or comes from nowhere
    taken : (R, E) bool array: the edge belongs to the request's stream and its branch is taken
    edge_src, edge_dst : (E,) int arrays
    task_stream, join_need, join_deadline, join_cancel, is_exit, topological : (T,) arrays
    node, variant, priority : (T,) int arrays
    slots, wake_s : (N,) arrays
    module, fusion : list of str or None, one a task
    batch : list of int, one a task
    output_bytes : (T,) float array, what the chosen variant says it puts out; 0 if it says nothing
    work_s, hold_s : (R, T) float arrays, planned seconds
    edge_bytes : (R, E) float array, planned bytes
    latency_s, bandwidth : per edge, of an ideal link between the ends (0, inf on one node)
    sizes : list (streams) of mapping size -> (R,) int array
    input_seed : int
    pad : bool
        Emulation: every task holds its slot for `hold_s`, real work or not.
    delay : bool
        Emulation: messages arrive as the links of the plan say.
    routes : list (edges) of list of link ids, link_latency, link_bandwidth : (L,) float arrays
    retain : bool
        Outputs are kept until their request is over, so that lost ones can be sent again.
    keep_outputs : bool
        Outputs of exit tasks go to the controller.
    """

    network: str
    dispatch: str
    discipline: str
    task_names: list[str]
    node_names: list[str]
    stream_names: list[str]
    arrival: FloatArray
    stream: IntArray
    stream_class: IntArray
    clients: IntArray
    deadline: FloatArray
    think: FloatArray
    consumer: IntArray
    producer: IntArray
    taken: BoolArray
    edge_src: IntArray
    edge_dst: IntArray
    task_stream: IntArray
    join_need: IntArray
    join_deadline: FloatArray
    join_cancel: BoolArray
    is_exit: BoolArray
    topological: IntArray
    node: IntArray
    variant: IntArray
    priority: IntArray
    slots: IntArray
    wake_s: FloatArray
    module: list[str | None]
    fusion: list[str | None]
    batch: list[int]
    output_bytes: FloatArray
    work_s: FloatArray
    hold_s: FloatArray
    edge_bytes: FloatArray
    routes: list[list[int]]
    link_latency: FloatArray
    link_bandwidth: FloatArray
    sizes: list[dict[str, IntArray]]
    input_seed: int = 0
    pad: bool = False
    delay: bool = False
    retain: bool = False
    keep_outputs: bool = False

    @property
    def n_requests(self) -> int:
        """Number of requests R."""
        return len(self.stream)

    @property
    def n_tasks(self) -> int:
        """Number of tasks T."""
        return len(self.node)

    @property
    def n_edges(self) -> int:
        """Number of edges E."""
        return len(self.edge_src)

    def request_sizes(self, request: int) -> dict[str, int]:
        """Sizes of one request, such as ``{"tokens": 24}``."""
        return {k: int(v[request]) for k, v in self.sizes[int(self.stream[request])].items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values and arrays for `realrun.wire`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> RunPlan:
        """Read `to_dict` back."""
        return RunPlan(**data)


def make_plan(
    problem: Problem,
    allocation: Allocation,
    realisation: Realisation,
    *,
    input_seed: int = 0,
    emulate: bool = False,
    retain: bool = False,
    keep_outputs: bool = False,
) -> RunPlan:
    """Plan a real run of an allocation.

    Parameters
    ----------
    problem : Problem
        Its nodes are the workers.
    emulate : bool
        Durations and links are those of the problem instead of the machine's own.

    Raises
    ------
    InvalidAllocation
        The allocation does not fit.
    Unsupported
        Something that is simulated but not run: planned outages, slow-downs, degraded links,
        emulation of a ``fair`` network.
    """
    node, variant, priority = check_allocation(problem, allocation)
    refuse(problem, realisation, emulate)
    arrays = problem.arrays
    record = _unborn(problem, node, variant, priority, realisation)
    tasks = np.arange(problem.n_tasks)
    chosen = [task.variants[v] for task, v in zip(problem.tasks, variant, strict=True)]
    batches = [problem.streams[s].batch for s in arrays.task_stream]
    closed = bool((arrays.clients > 0).any())
    arrival = np.array(realisation.arrival, dtype=np.float64)
    if closed:
        arrival[int(arrays.clients.max()) :] = np.nan
    return RunPlan(
        network=NETWORKS[arrays.network],
        dispatch=DISPATCHES[arrays.dispatch],
        discipline=DISCIPLINES[arrays.discipline],
        task_names=list(problem.task_names),
        node_names=list(problem.node_names),
        stream_names=[s.name for s in problem.streams],
        arrival=arrival,
        stream=np.array(realisation.stream),
        stream_class=np.array(arrays.stream_class),
        clients=np.array(arrays.clients),
        deadline=realisation.arrival + arrays.stream_deadline[realisation.stream],
        think=np.array(realisation.think),
        consumer=record.consumer,
        producer=record.producer,
        taken=record.taken,
        edge_src=np.array(arrays.edge_src),
        edge_dst=np.array(arrays.edge_dst),
        task_stream=np.array(arrays.task_stream),
        join_need=np.array(arrays.join_need),
        join_deadline=np.array(arrays.join_deadline),
        join_cancel=np.array(arrays.join_cancel),
        is_exit=np.array(arrays.is_exit),
        topological=np.array(arrays.topological),
        node=node,
        variant=variant,
        priority=priority,
        slots=np.array(arrays.slots),
        wake_s=np.array(arrays.wake_s),
        module=[v.module for v in chosen],
        fusion=[task.fusion for task in problem.tasks],
        batch=batches,
        output_bytes=np.array(
            [v.at(v.output_bytes, b) for v, b in zip(chosen, batches, strict=True)]
        ),
        work_s=np.array(record.work_s[:, tasks]),
        hold_s=np.array(record.hold_s),
        edge_bytes=np.array(record.size_bytes),
        routes=[
            [int(x) for x in arrays.route(int(node[a]), int(node[b]))] if node[a] != node[b] else []
            for a, b in zip(arrays.edge_src, arrays.edge_dst, strict=True)
        ],
        link_latency=np.array(arrays.latency),
        link_bandwidth=np.array(arrays.bandwidth),
        sizes=request_sizes(problem, realisation),
        input_seed=input_seed,
        pad=emulate,
        delay=emulate,
        retain=retain,
        keep_outputs=keep_outputs,
    )


def refuse(problem: Problem, realisation: Realisation, emulate: bool) -> None:
    """Refuse what is simulated but not run."""
    if not realisation.is_static:
        raise Unsupported(
            f"{problem.name}: planned outages, slow-downs and degraded links are simulated, not "
            "run; remove the scenario's dynamics to run it for real"
        )
    network = NETWORKS[problem.arrays.network]
    if emulate and network == "fair" and problem.n_edges:
        raise Unsupported(
            f"{problem.name}: links of a fair network cannot be emulated, because a message's time "
            "depends on messages still to come; run it with network ideal or fifo"
        )
    if emulate and len(problem.arrays.table_s):
        raise Unsupported(f"{problem.name}: links with size tables cannot be emulated")
    closed = problem.arrays.clients > 0
    if closed.any() and problem.arrays.dispatch == STRICT:
        raise Unsupported(
            f"{problem.name}: a closed loop under strict dispatch is not run for real"
        )


def _unborn(
    problem: Problem,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    realisation: Realisation,
) -> Record:
    """The record of a run in which nothing has happened yet: what is planned can be read off it."""
    requests, tasks, edges = realisation.n_requests, problem.n_tasks, problem.n_edges
    nothing, none = np.full((requests, tasks), np.nan), np.empty(0, dtype=np.int64)
    log = RunLog(
        ready=nothing, start=nothing, finish=nothing,
        slot=np.full((requests, tasks), -1, dtype=np.int64),
        state=np.zeros((requests, tasks), dtype=np.int8),
        delivered=np.full((requests, edges), np.nan),
        used=np.full((requests, edges), -1, dtype=np.int8),
        arrival=np.array(realisation.arrival), completed=np.full(requests, np.nan),
        attempts=(none, none, none, np.empty(0), np.empty(0)),
        hops=(none, none, none, np.empty(0), np.empty(0)),
    )  # fmt: skip
    return Record(problem.arrays, node, variant, priority, realisation, log)


__all__ = ["DISTINCT_INPUTS", "IDEAL", "RunPlan", "make_plan"]
