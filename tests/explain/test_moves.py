"""Every figure of the table of moves equals an independent simulation; hand-worked small cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import scenarios
from scenarios.explain import Explanation, explain
from scenarios.generate import generate
from schedulers import solve
from simulator import (
    Allocation,
    Cluster,
    Edge,
    Node,
    Objective,
    Problem,
    Stream,
    Task,
    TaskGraph,
    Variant,
    simulate,
)
from simulator.allocation import Placement
from simulator.errors import InvalidAllocation, UnknownName
from tests.schedulers import problems


def chain() -> Problem:
    """x (2 s) -> y (4 s), 3 bytes at 1 byte/s and 0.5 s; b is twice as fast as a."""
    tasks = tuple(Task(n, (Variant("m", seconds={"*": s}),)) for n, s in (("x", 2.0), ("y", 4.0)))
    graph = TaskGraph(tasks, (Edge("x", "y", bytes=3.0),))
    cluster = Cluster.mesh("c", (Node("a"), Node("b", speed=2.0)), 1.0, 0.5)
    return Problem(cluster, (Stream("s", graph),), name="chain")


def test_chain_by_hand() -> None:
    told = explain(chain(), Allocation.of(chain(), [0, 0]))
    assert told.objective == 6.0
    assert told.table.to_dict("index") == {
        "x": {"a": 6.0, "b": 8.5},  # 1 + 3.5 + 4
        "y": {"a": 6.0, "b": 7.5},  # 2 + 3.5 + 2
    }
    assert told.best_move is None  # moving both would be better: 3 s
    text = told.sentence("y")
    assert text.startswith("y sits on a [m], on the critical path (4.00 s of 6.00 s).")
    assert "The next best place is b [m]: +25 %, because moving messages takes 3.50 s more" in text
    assert "while computing takes 2.00 s less" in text


def test_best_move_by_hand() -> None:
    problem = chain()
    told = explain(problem, Allocation.of(problem, [1, 0]))  # 1 + 3.5 + 4
    best = told.best_move
    assert best is not None
    assert (best.task, best.node, best.objective) == ("y", "b", 3.0)
    assert best.change == pytest.approx(3.0 / 8.5 - 1)
    assert "Best single move: y to b [m], 3.000 s (-65 %)." in told.summary()
    assert simulate(problem, told.apply(best)).metrics()["objective"] == 3.0


def test_pin_by_hand() -> None:
    """As above, but y is pinned to a: x cannot get better, and the pin costs 5.5 of 8.5 s."""
    problem = chain()
    graph = problem.streams[0].graph
    x, y = graph.tasks
    pinned = replace(graph, tasks=(x, replace(y, pinned="a")))
    problem = replace(problem, streams=(replace(problem.streams[0], graph=pinned),))
    told = explain(problem, Allocation.of(problem, [1, 0]))
    (found,) = told.constraints
    assert (found.name, found.task, found.node, found.objective) == ("y pinned to a", "y", "b", 3.0)
    assert found.moves == 1
    assert "It can run nowhere else (pinned to a)." in told.sentence("y")
    assert "Not pinned to a, it could move to b [m]: -65 %." in told.sentence("y")
    assert np.isnan(told.table.loc["y", "b"])


def test_groups_move_together_and_apart_is_kept() -> None:
    problem = problems.with_groups()
    allocation = solve("heft", problem).allocation
    told = explain(problem, allocation)
    agree(told)
    moved = [m for m in told.moves if m.along]
    assert moved
    mates = {"u": {"x", "y"}, "x": {"u", "y"}, "y": {"u", "x"}, "v": {"w"}, "w": {"v"}}
    assert all(set(m.along) == mates[m.task] for m in moved)
    assert {c.name for c in told.constraints} >= {"u, x together", "v, z apart"}


def test_memory_is_a_constraint() -> None:
    problem = problems.with_memory()
    told = explain(problem, solve("heft", problem).allocation)
    agree(told)
    refused = [m for m in told.moves if m.why]
    assert refused
    assert all("bytes of memory" in m.why and m.objective == np.inf for m in refused)
    assert {c.name for c in told.constraints} == {"memory of a", "memory of b", "memory of c"}
    assert any(c.moves for c in told.constraints)


CASES = {
    "translation": lambda: scenarios.load("translation").problem(seed=1),
    "driving": lambda: scenarios.load("driving").problem(seed=1),
    "layered": lambda: generate("layered", tasks=20, nodes=4, ccr=2.0, seed=3).problem(),
    "variants": problems.with_variants,
    "slots": problems.with_slots,
    "streams": problems.with_streams,
    "branches": problems.with_branches,
    "forbidden": problems.with_forbidden,
    "tables": problems.with_size_tables,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("scheduler", ["heft", "round_robin"])
def test_every_move_is_what_simulate_says(name: str, scheduler: str) -> None:
    problem = CASES[name]()
    allocation = solve(scheduler, problem, seed=0).allocation
    agree(explain(problem, allocation, seed=5), engine="reference" if name == "layered" else "auto")


def agree(told: Explanation, engine: str = "auto") -> None:
    """The certificate: change the placements by name and simulate, for every move and cell."""
    best: dict[tuple[str, str], float] = {}
    for move in told.moves:
        changed = by_name(told, move.task, move.node, move.variant, move.along)
        if move.why and move.why != "requests are lost":
            with pytest.raises(InvalidAllocation):
                simulate(told.problem, changed, seed=told.trace.seed)
            assert move.objective == np.inf
            continue
        run = simulate(told.problem, changed, seed=told.trace.seed, engine=engine)
        value = run.metrics().get("objective", np.inf)
        assert move.objective == value, move
        if np.isfinite(value):
            key = (move.task, move.node)
            best[key] = min(best.get(key, np.inf), value)
        if move.now:
            assert value == told.objective
    for task in told.table.index:
        for node in told.table.columns:
            held = told.table.loc[task, node]
            assert held == best[task, node] if (task, node) in best else np.isnan(held)


def by_name(
    told: Explanation, task: str, node: str, variant: str, along: tuple[str, ...]
) -> Allocation:
    """The changed allocation, made without index arrays."""
    problem, rows = told.problem, []
    for p in told.trace.allocation.placements:
        if p.task == task:
            p = Placement(task, node, variant, p.priority)
        elif p.task in along:
            t, n = problem.task_index[p.task], problem.node_index[node]
            names = problem.variant_names[t]
            free = [v for v in range(len(names)) if problem.allowed[t, v, n]]
            if free and names.index(p.variant) not in free:
                quickest = min(free, key=lambda v: problem.seconds[t, v, n])
                p = Placement(p.task, node, names[quickest], p.priority)
            else:
                p = Placement(p.task, node, p.variant, p.priority)
        rows.append(p)
    return Allocation(tuple(rows))


def test_orders_that_contradict_the_edges_are_named() -> None:
    """y before x in the order: on different nodes that runs, on one node it cannot."""
    problem = chain()
    told = explain(problem, Allocation.of(problem, [0, 1], priority=[5, 1]))
    refused = {(m.task, m.node): m.why for m in told.moves if m.why}
    words = "its place in the order contradicts the edges"
    assert refused == {("x", "b"): words, ("y", "a"): words}
    agree(told)


def test_some_tasks_only_and_unknown_ones() -> None:
    problem = chain()
    told = explain(problem, Allocation.of(problem, [0, 0]), tasks=["y"])
    assert {m.task for m in told.moves} == {"y"}
    assert [f.task for f in told.tasks] == ["y"]
    with pytest.raises(UnknownName, match="did you mean"):
        explain(problem, Allocation.of(problem, [0, 0]), tasks=["yy"])
    with pytest.raises(UnknownName):
        told.sentence("x")


def test_other_objectives_are_explained_by_work() -> None:
    problem = replace(
        chain(),
        objective=Objective.parse("balance"),
    )
    told = explain(problem, Allocation.of(problem, [0, 0]))
    assert told.objective == 2.0  # all work on one of two nodes
    assert "because the work of a takes" in told.sentence("y")


def test_lost_requests_are_told_not_raised() -> None:
    from simulator import Dynamics, Outage

    problem = replace(chain(), dynamics=Dynamics((Outage("b", 0.0, float("inf")),)))
    told = explain(problem, Allocation.of(problem, [0, 0]))
    assert {m.why for m in told.moves if m.node == "b"} == {"requests are lost"}
    dead = explain(problem, Allocation.of(problem, [1, 1]))
    assert dead.objective == np.inf
    assert "infinite" in dead.summary()[0]
    assert dead.best_move is None  # no single move is enough
    agree(dead)
