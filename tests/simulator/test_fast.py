"""The compiled passes give the same bits as the engines, and take only what they cover."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from simulator import fast
from simulator.arrays import GREEDY, IDEAL, STRICT, Arrays, IntArray
from simulator.batch import evaluate_batch
from simulator.fast.compiled import entry
from simulator.fast.passes import PASSES
from simulator.fast.plan import static_plan
from simulator.fast.strict import run_strict, strict_work
from tests import conformance
from tests.engines import Engine
from tests.simulator.static_cases import static_case
from tests.worlds import world

CONFORMANCE = sorted((Path(__file__).parent.parent / "data" / "conformance").glob("*.json"))


def _differences(engine: Engine, large: bool, seeds: range) -> list[str]:
    """Compare records of random cases; strict orders that contradict the edges have none."""
    found = []
    for seed in seeds:
        case = static_case(np.random.default_rng(seed), large=large)
        log = fast.run(*case)
        if log is None:
            arrays, node, _, priority, luck = case
            if _has_cycle(arrays, node, priority, set(luck.stream.tolist())):
                continue
            found.append(f"seed {seed}: no record")
            continue
        simulation = engine.start(*case)
        simulation.run()
        if difference := log.first_difference(simulation.log()):
            found.append(f"seed {seed}: {difference}")
    return found


def _has_cycle(arrays: Arrays, node: IntArray, priority: IntArray, streams: set[int]) -> bool:
    """Whether edges and node sequences of one request have a cycle, by another program."""
    if arrays.dispatch != STRICT:
        return False
    graph = nx.DiGraph()
    for a, b, lag in zip(arrays.edge_src, arrays.edge_dst, arrays.edge_lag, strict=True):
        if lag == 0:
            graph.add_edge(int(a), int(b))
    for n in range(arrays.n_nodes):
        for stream in range(arrays.n_streams):
            tasks = np.flatnonzero((node == n) & (arrays.task_stream == stream))
            nx.add_path(graph, tasks[np.argsort(priority[tasks], kind="stable")].tolist())
    kept = [t for t in graph if arrays.task_stream[t] in streams]
    return not nx.is_directed_acyclic_graph(graph.subgraph(kept))


@pytest.mark.parametrize("block", range(4))
def test_small_cases_agree_bit_for_bit(engine: Engine, block: int) -> None:
    assert _differences(engine, False, range(100 * block, 100 * block + 100)) == []


def test_cases_with_long_queues_agree_bit_for_bit(engine: Engine) -> None:
    assert _differences(engine, True, range(1000, 1012)) == []


def test_every_conformance_case_that_is_covered() -> None:
    taken = 0
    for path in CONFORMANCE:
        raw = json.loads(path.read_text(encoding="utf-8"))
        log = fast.run(*conformance.load(raw["case"]))
        if log is not None:
            taken += 1
            expected = conformance.fields_of(raw["result"])
            assert next(conformance.differences(expected, conformance.result_of(log)), None) is None
    assert taken >= 100


ROUNDS = {
    # Task 0 takes no time, task 1 starts beside it; task 2 follows task 0 one round later.
    "a slot held for no time": (
        world([0.0, 5.0, 1.0], [0, 0, 0], [(0, 2, 1.0)], nodes={"slots": 2}),
        [0.0, 0.0, 0.0],
        ([0, 1, 0], [0, 1, 0]),
    ),
    # Task 0 ends in round 1 of instant 0, but its message to task 3 comes in round 0 of instant 1,
    # beside task 1's to task 2, which takes no time and keeps slot 0 until the round is over.
    "a message that takes time": (
        world([0.0, 1.0, 0.0, 1.0], [0, 2, 1, 1], [(0, 3, 1.0), (1, 2, 0.0)], nodes={"slots": 2}),
        [0.0, 0.0, 1.0, 1.0],
        ([0, 0, 0, 1], [0, 0, 0, 1]),
    ),
    # Task 2 has an input of round 1 (from task 1, which takes no time) and one of round 0.
    "inputs of two rounds": (
        world(
            [1.0, 0.0, 1.0], [0, 1, 1], [(0, 1, 0.0), (1, 2, 0.0), (0, 2, 0.0)], nodes={"slots": 2}
        ),
        [0.0, 1.0, 1.0],
        ([0, 0, 0], [0, 0, 0]),
    ),
    # Task 2 waits for task 0 until round 1; strict, task 3 waits with it and finds slot 1 free.
    "a sequence that waits": (
        world([0.0, 0.0, 1.0, 1.0], [0, 0, 0, 0], [(0, 2, 0.0)], nodes={"slots": 3}),
        [0.0, 0.0, 0.0, 0.0],
        ([0, 1, 0, 1], [0, 1, 0, 2]),
    ),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_slots_in_the_rounds_of_one_instant(name: str) -> None:
    """Starts, and slots under strict and under greedy dispatch, worked out by hand."""
    (arrays, *rest), start, slots = ROUNDS[name]
    for dispatch, slot in zip((STRICT, GREEDY), slots, strict=True):
        log = fast.run(replace(arrays, dispatch=dispatch), *rest)
        assert log is not None
        assert log.start.tolist() == [start]
        assert log.slot.tolist() == [slot]


def test_a_duration_too_short_to_move_the_clock() -> None:
    """1 + 1e-17 is 1: task 1 ends at the instant at which it starts, and task 2 follows at once."""
    for dispatch in ("strict", "greedy"):
        case = world([1.0, 1e-17, 1.0], [0, 0, 0], [(0, 1, 0.0), (1, 2, 0.0)], dispatch=dispatch)
        log = fast.run(*case)
        assert log is not None
        assert log.start.tolist() == [[0.0, 1.0, 1.0]]
        assert log.finish.tolist() == [[1.0, 1.0, 2.0]]


@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_only_the_order_of_priorities_matters(dispatch: str) -> None:
    """Ties, gaps, negative numbers and the largest integers rank as a stable sort ranks them."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        arrays, node, variant, _, luck = static_case(rng, dispatch)
        extremes = np.array([-(2**63), -5, 0, 0, 1, 7, 2**63 - 1])
        priority = rng.choice(extremes, arrays.n_tasks)
        # Dense ranks: equal priorities stay equal, which the discipline `priority` reads.
        ranks = np.unique(priority, return_inverse=True)[1].astype(np.int64)
        order = np.argsort(np.argsort(priority, kind="stable"))
        got = fast.run(arrays, node, variant, priority, luck)
        for same in (ranks, order) if arrays.discipline != 1 else (ranks,):
            expected = fast.run(arrays, node, variant, same.astype(np.int64), luck)
            assert (got is None) == (expected is None)
            assert got is None or expected is None or got.first_difference(expected) is None


def test_orders_that_contradict_the_edges_are_lost_and_end() -> None:
    """Task 1 needs task 0 but comes before it on the node."""
    case = world([1.0, 1.0], [0, 0], [(0, 1, 0.0)], dispatch="strict", priority=[1, 0])
    assert fast.run(*case) is None
    arrays, node, variant, priority, luck = case
    result = evaluate_batch(arrays, node[None], variant[None], priority[None], luck)
    assert np.isnan(result.completed).all()
    assert result.makespan.tolist() == [np.inf]
    assert result.lost.tolist() == [1]


def test_orders_of_different_nodes_may_contradict_only_together() -> None:
    """Each node's order fits the edges; together they wait for each other."""
    edges = [(0, 1, 0.0), (2, 3, 0.0)]
    seconds = [1.0] * 4
    for priority, runs in (([1, 2, 0, 3], True), ([3, 0, 2, 1], False)):
        # Node 0 runs tasks 0 and 3, node 1 runs tasks 1 and 2.
        case = world(seconds, [0, 1, 1, 0], edges, dispatch="strict", priority=priority)
        assert (fast.run(*case) is not None) == runs


EXCLUDED: dict[str, dict[str, Any]] = {
    "outage": {"outages": [(0, 1.0, 2.0)]},
    "slow-down": {"slowdowns": [(0, 1.0, 2.0, 2.0)]},
    "degradation": {"degradations": [(0, 1.0, 2.0, 0.5)], "network": "fifo"},
    "network": {"network": "fair"},
    "quorum": {"joins": {1: {"need": 1}}},
    "join deadline": {"joins": {1: {"deadline": 1.0}}},
    "co-run": {"nodes": {"corun": [1.0, 2.0]}},
    "closed loop": {"streams": [{"tasks": [0, 1], "clients": 1}]},
}


@pytest.mark.parametrize("rule", EXCLUDED)
@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_what_is_left_to_the_kernel(rule: str, dispatch: str) -> None:
    case = world([1.0, 1.0], [0, 1], [(0, 1, 1.0)], dispatch=dispatch, **EXCLUDED[rule])
    assert fast.covers(case[0], case[4]) == "kernel"
    assert fast.run(*case) is None


def test_conditional_edges_are_left_to_the_kernel() -> None:
    case = world([1.0, 1.0], [0, 1], [(0, 1, 1.0, {"conditional": True})])
    assert fast.covers(case[0], case[4]) == "kernel"


@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_the_passes_are_compiled(dispatch: str) -> None:
    case = static_case(np.random.default_rng(0), dispatch)
    assert case[0].network == IDEAL
    assert fast.covers(case[0], case[4]) == dispatch
    evaluate_batch(case[0], *(x[None] for x in case[1:4]), case[4])
    compiled = PASSES[dispatch].batch
    assert compiled.nopython_signatures  # type: ignore[attr-defined]
    assert compiled.targetoptions["nogil"]  # type: ignore[attr-defined]
    assert not compiled.targetoptions.get("fastmath")  # type: ignore[attr-defined]


def test_compiled_searches_can_call_the_passes() -> None:
    """Move one task after the other through all nodes, in compiled code; compare with a batch."""
    arrays, node, variant, priority, luck = world(
        [3.0, 2.0, 2.0, 4.0], [0, 1, 0, 1], [(0, 2, 1.0), (1, 3, 1.0)], dispatch="strict"
    )
    plan = static_plan(arrays, luck)
    work = strict_work(plan)
    work.node[:], work.variant[:], work.order[:] = node, variant, range(arrays.n_tasks)
    spans = np.empty((arrays.n_tasks, arrays.n_nodes))
    _spans_of_moves(plan, work, np.empty(1), np.zeros(arrays.n_nodes), spans)
    moved = np.repeat(node[None], arrays.n_tasks * arrays.n_nodes, axis=0)
    moved[np.arange(len(moved)), np.repeat(np.arange(arrays.n_tasks), arrays.n_nodes)] = np.tile(
        np.arange(arrays.n_nodes), arrays.n_tasks
    )
    rows = (np.repeat(x[None], len(moved), axis=0) for x in (variant, priority))
    expected = evaluate_batch(arrays, moved, *rows, luck).makespan
    assert spans.ravel().tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 2


@entry
def _spans_of_moves(plan: Any, work: Any, completed: Any, busy: Any, spans: Any) -> None:
    for t in range(spans.shape[0]):
        before = work.node[t]
        for n in range(spans.shape[1]):
            work.node[t] = n
            run_strict(plan, work, completed, busy)
            spans[t, n] = completed[0]
        work.node[t] = before
