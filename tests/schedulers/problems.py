"""Problems for the tests of schedulers, and an evaluator of strict schedules that is independent
of both the planners and the engines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from simulator.allocation import Allocation
from simulator.cluster import Cluster, Connection, Node
from simulator.problem import Problem
from simulator.rules import broken_constraint
from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Distribution, Stream


def from_table(
    seconds: Sequence[Sequence[float]],
    edges: Sequence[tuple[int, int, float]],
    name: str = "table",
    bandwidth: float = 1.0,
    **options: object,
) -> Problem:
    """Tasks 1, 2, ... with a row of seconds by node each; edges (from, to, bytes), from 1 on."""
    nodes = tuple(Node(f"p{i + 1}") for i in range(len(seconds[0])))
    tasks = tuple(
        Task(str(i + 1), (Variant("v", seconds={f"p{n + 1}": s for n, s in enumerate(row)}),))
        for i, row in enumerate(seconds)
    )
    graph = TaskGraph(tasks, tuple(Edge(str(a), str(b), float(c)) for a, b, c in edges))
    cluster = Cluster.mesh(name, nodes, bandwidth)
    return Problem(cluster, (Stream("s", graph),), name=name, **options)  # type: ignore[arg-type]


def variants(*specs: tuple[str, dict[str, float], float]) -> tuple[Variant, ...]:
    """(name, seconds by node, weights) for each variant."""
    return tuple(Variant(n, seconds=s, weights_bytes=w, output_bytes=2.0) for n, s, w in specs)


def with_variants() -> Problem:
    """A large and a small model of each task, the large one on the fast node only."""
    both = (("large", {"a": 2.0}, 0.0), ("small", {"a": 1.5, "b": 3.0}, 0.0))
    tasks = tuple(Task(t, variants(*both)) for t in "xyz")
    graph = TaskGraph(tasks, (Edge("x", "y"), Edge("x", "z")))
    return _problem(graph, (Node("a"), Node("b")), "variants")


def with_memory() -> Problem:
    """Five models of 4 bytes for 20.5 bytes of memory in lumps of 4 and 8: no room for mistakes."""
    nodes = tuple(Node(n, memory_bytes=m, speed=s) for n, m, s in
                  (("a", 8.0, 4.0), ("b", 8.0, 2.0), ("c", 4.5, 1.0)))  # fmt: skip
    tasks = tuple(Task(f"t{i}", variants(("v", {"*": 1.0 + i}, 4.0))) for i in range(5))
    graph = TaskGraph(tasks, tuple(Edge("t0", f"t{i}") for i in range(1, 5)))
    return _problem(graph, nodes, "memory")


def with_traps() -> Problem:
    """The fast node suits everybody, but one model fits nowhere else."""
    nodes = (Node("a", memory_bytes=10.0, speed=8.0), Node("b", memory_bytes=6.0))
    tasks = (
        Task("small", variants(("v", {"*": 8.0}, 6.0))),
        Task("big", variants(("v", {"*": 1.0}, 10.0))),
    )
    return _problem(TaskGraph(tasks, (Edge("small", "big"),)), nodes, "traps")


def with_groups() -> Problem:
    """Two bundles, one of which must sit apart from a task that only one node admits."""
    seconds = {"a": 1.0, "b": 2.0, "c": 3.0}
    tasks = (
        *(Task(t, variants(("v", seconds, 1.0))) for t in "uvwxy"),
        Task("z", variants(("v", {"a": 1.0}, 1.0))),
    )
    graph = TaskGraph(
        tasks,
        (Edge("u", "v"), Edge("u", "w"), Edge("v", "x"), Edge("w", "y"), Edge("x", "z")),
        place_with=(("u", "x"), ("x", "y"), ("v", "w")),
        apart=(("y", "z"), ("v", "z")),
    )
    nodes = tuple(Node(n, memory_bytes=4.0) for n in "abc")
    return _problem(graph, nodes, "groups")


def with_forbidden() -> Problem:
    """Pins, forbidden kinds, and seconds that spread over twenty orders of magnitude."""
    tasks = (
        Task("x", variants(("v", {"*": 3.8e10}, 0.0)), forbidden=("gpu",)),
        Task("y", variants(("v", {"*": 2.5e-10}, 0.0)), pinned="g"),
        Task("z", variants(("v", {"*": 1.0}, 0.0))),
    )
    graph = TaskGraph(tasks, (Edge("x", "y"), Edge("y", "z")))
    return _problem(graph, (Node("c"), Node("d"), Node("g", kind="gpu", speed=9.0)), "forbidden")


def with_streams() -> Problem:
    """A camera and a lidar, by chance, on a fair network: greedy, with luck."""

    def chain(names: str, seconds: float) -> TaskGraph:
        tasks = tuple(Task(n, variants(("v", {"*": seconds}, 0.0))) for n in names)
        return TaskGraph(tasks, (Edge(names[0], names[1], 3.0),))

    noise = Distribution("gamma", {"mean": 1.0, "cv": 0.3})
    streams = (
        Stream("camera", chain("ab", 0.5), Arrivals("poisson", rate=0.5), requests=6, noise=noise),
        Stream("lidar", chain("cd", 1.0), Arrivals("constant", rate=0.2), requests=3),
    )
    cluster = Cluster.star("two", (Node("p"), Node("q", speed=2.0)), bandwidth=4.0, latency_s=0.1)
    return Problem(cluster, streams, network="fair", name="streams")


def with_slots() -> Problem:
    """A node of three slots beside one of one, with dispatch, wake and send overheads."""
    nodes = (
        Node("m", slots=3, dispatch_s=0.25, wake_s=0.125, corun=(1.0, 1.25, 1.5)),
        Node("s", speed=1.5, send_s=0.5, send_s_per_byte=0.25),
    )
    tasks = tuple(Task(f"t{i}", variants(("v", {"*": 1.0 + i % 3}, 0.0))) for i in range(7))
    graph = TaskGraph(tasks, tuple(Edge(f"t{i // 2}", f"t{i}", 1.0) for i in range(1, 7)))
    return _problem(graph, nodes, "slots")


def with_kinds() -> Problem:
    """Sources on a store, then tasks of which half run on one kind of node and half on another."""
    nodes = (
        Node("disk", kind="storage"),
        Node("c1"),
        Node("c2", speed=2.0),
        Node("g1", kind="gpu"),
    )
    tasks = (
        Task("read", variants(("v", {"storage": 0.0}, 0.0))),
        *(Task(f"c{i}", variants(("v", {"cpu": 1.0 + i}, 0.0))) for i in range(3)),
        *(Task(f"g{i}", variants(("v", {"gpu": 2.0}, 0.0))) for i in range(2)),
    )
    edges = (Edge("read", "c0"), Edge("read", "g0"), Edge("c0", "g1"), Edge("g0", "c1"))
    return _problem(TaskGraph(tasks, edges), nodes, "kinds")


def with_branches() -> Problem:
    """Quorum, branch, lag and a join with a deadline in one stream."""
    tasks = (
        *(Task(t, variants(("v", {"*": 1.0}, 0.0))) for t in "abcde"),
        Task("vote", variants(("v", {"*": 0.5}, 0.0)), join=Join(need=2)),
        Task("late", variants(("v", {"*": 0.5}, 0.0)), join=Join(deadline_s=2.0)),
    )
    edges = (
        *(Edge("a", t) for t in "bcd"),
        *(Edge(t, "vote") for t in "bcd"),
        Edge("vote", "e", probability=0.5),
        Edge("a", "late"),
        Edge("d", "late"),
        Edge("vote", "a", lag=1),
    )
    stream = Stream("s", TaskGraph(tasks, edges), Arrivals("constant", rate=0.4), requests=5)
    cluster = Cluster.star("three", tuple(Node(n) for n in "pqr"), bandwidth=4.0)
    return Problem(cluster, (stream,), name="branches")


def with_size_tables() -> Problem:
    """Two hops whose links have measured service times."""
    table = ((0.0, 0.5), (4.0, 1.0), (8.0, 4.0))
    connections = (
        Connection("a", "hub", 8.0, 0.25, size_table=table),
        Connection("b", "hub", 2.0, 0.5),
    )
    nodes = (Node("a", speed=1.25), Node("b"))
    tasks = tuple(Task(f"t{i}", variants(("v", {"*": 2.0}, 0.0))) for i in range(4))
    edges = (Edge("t0", "t1", 6.0), Edge("t0", "t2", 0.0), Edge("t1", "t3", 1.0))
    cluster = Cluster.connect("hub", nodes, connections, ["hub"])
    return Problem(cluster, (Stream("s", TaskGraph(tasks, edges)),), name="size_tables")


def _problem(graph: TaskGraph, nodes: Sequence[Node], name: str) -> Problem:
    cluster = Cluster.star(name, tuple(nodes), bandwidth=4.0, latency_s=0.125)
    return Problem(cluster, (Stream("s", graph),), name=name)


TINY = {
    make().name: make
    for make in (
        with_variants, with_memory, with_traps, with_groups, with_forbidden, with_streams,
        with_slots, with_kinds, with_branches, with_size_tables,
    )
}  # fmt: skip


def random_problem(
    rng: np.random.Generator, tasks: int = 6, nodes: int = 3, overheads: bool = False
) -> Problem:
    """A small DAG of integer seconds and bytes: zero sizes and ties on purpose."""
    n_tasks, n_nodes = int(rng.integers(1, tasks + 1)), int(rng.integers(1, nodes + 1))
    machines = tuple(
        Node(
            f"p{n}",
            slots=int(rng.integers(1, 4)) if overheads else 1,
            dispatch_s=float(rng.integers(0, 2)) if overheads else 0.0,
            wake_s=float(rng.integers(0, 2)) / 4 if overheads else 0.0,
            send_s=float(rng.integers(0, 2)) / 8 if overheads else 0.0,
            send_s_per_byte=float(rng.integers(0, 2)) / 3 if overheads else 0.0,
        )
        for n in range(n_nodes)
    )
    rows = rng.integers(0, 6, (n_tasks, n_nodes)) * rng.choice([1.0, 0.1, 1e9])
    work = tuple(
        Task(f"t{t}", (Variant("v", seconds={f"p{n}": float(rows[t, n]) for n in range(n_nodes)}),))
        for t in range(n_tasks)
    )
    edges = tuple(
        Edge(f"t{a}", f"t{b}", float(rng.integers(0, 5)))
        for a in range(n_tasks)
        for b in range(a + 1, n_tasks)
        if rng.random() < 0.4
    )
    cluster = Cluster.star(
        "r", machines, bandwidth=float(rng.choice([1.0, 3.0])), latency_s=float(rng.integers(0, 2))
    )
    return Problem(cluster, (Stream("s", TaskGraph(work, edges)),), name="random")


def every_placement(problem: Problem) -> list[tuple[np.ndarray, np.ndarray]]:
    """All admissible (node, variant) arrays of a tiny problem."""
    options = [
        [(n, v) for n in range(problem.n_nodes) for v in range(problem.arrays.n_variants)
         if problem.allowed[t, v, n]]
        for t in range(problem.n_tasks)
    ]  # fmt: skip
    found = []
    for choice in product(*options):
        node = np.array([n for n, _ in choice], dtype=np.int64)
        variant = np.array([v for _, v in choice], dtype=np.int64)
        if broken_constraint(problem, node, variant) is None:
            found.append((node, variant))
    return found


def strict_finish(problem: Problem, allocation: Allocation) -> np.ndarray:
    """Finishes of one average request under `ideal`, strict, without co-running.

    Written from the rules alone: every node starts its tasks in order of priority.
    """
    node, variant, priority = allocation.arrays(problem)
    arrays = problem.arrays
    finish = np.full(problem.n_tasks, np.nan)
    slots = [[0.0] * c for c in arrays.slots]
    last = [0.0] * problem.n_nodes
    queues = [
        sorted(np.flatnonzero(node == n), key=lambda t: (priority[t], t))
        for n in range(problem.n_nodes)
    ]
    while any(queues):
        progress = False
        for n, queue in enumerate(queues):
            while queue and not np.isnan(_arrivals(problem, node, variant, finish, queue[0])).any():
                t = queue.pop(0)
                ready = max([0.0, *_arrivals(problem, node, variant, finish, t)])
                slots[n].sort()
                start = max(ready, slots[n][0], last[n])
                hold = arrays.dispatch_s[n] + problem.seconds[t, variant[t], n]
                hold = hold + _sending(problem, node, variant, t)
                slots[n][0] = finish[t] = start + hold
                last[n] = start
                progress = True
        assert progress, "the orders of the nodes form a cycle with the edges"
    return finish


def _sending(problem: Problem, node: np.ndarray, variant: np.ndarray, t: int) -> float:
    """Seconds spent on messages to other nodes, in the order of the edges."""
    arrays, total = problem.arrays, 0.0
    for e in np.flatnonzero((arrays.edge_src == t) & (arrays.edge_lag == 0)):
        if node[arrays.edge_dst[e]] != node[t]:
            size = problem.bytes[e, variant[t]]
            total += arrays.send_s[node[t]] + arrays.send_s_per_byte[node[t]] * size
    return total


def _arrivals(problem, node, variant, finish, t):  # type: ignore[no-untyped-def]
    arrays, out = problem.arrays, []
    for e in np.flatnonzero((arrays.edge_dst == t) & (arrays.edge_lag == 0)):
        src = arrays.edge_src[e]
        a, b = node[src], node[t]
        if a == b:
            out.append(finish[src])
            continue
        x = arrays.route_latency[a, b] + _service(problem, a, b, problem.bytes[e, variant[src]])
        out.append((finish[src] + x) + arrays.wake_s[b])
    return out


def _service(problem: Problem, a: int, b: int, size: float) -> float:
    """Slowest link of the route, by linear interpolation where it has a table."""
    arrays, slowest = problem.arrays, 0.0
    for link in arrays.route(a, b) if size > 0 else ():
        lo, hi = arrays.table_ptr[link], arrays.table_ptr[link + 1]
        if lo == hi:
            slowest = max(slowest, size / arrays.bandwidth[link])
        else:
            slowest = max(
                slowest, np.interp(size, arrays.table_bytes[lo:hi], arrays.table_s[lo:hi])
            )
    return float(slowest)
