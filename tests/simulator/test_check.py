"""Certificates: true runs pass, and every kind of lie about a run is found, by the right rule."""

from __future__ import annotations

import ast
import json
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.check import check_record
from simulator.check.flows import max_min
from simulator.record import Record
from simulator.runlog import RunLog
from tests import conformance
from tests.engines import Engine
from tests.simulator.mutants import MUTANTS
from tests.simulator.random_runs import random_run
from tests.worlds import EngineCase, world

DATA = Path(__file__).parent.parent / "data" / "conformance"
ROOT = Path(__file__).resolve().parent.parent.parent
NOTHING = (*(np.empty(0, np.int64) for _ in range(3)), np.empty(0), np.empty(0))
"""No hops, or no interruptions."""


def rules(record: Record, **changed: Any) -> set[str]:
    """Rules that a record breaks after some fields of its log are changed."""
    return {v.rule for v in check_record(replace(record, log=replace(record.log, **changed)))}


def hand_log(case: EngineCase, **given: Any) -> Record:
    """A run written down by hand; what is not given is empty."""
    shape = (case[4].n_requests, case[0].n_tasks)
    edges = (shape[0], case[0].n_edges)
    fields: dict[str, Any] = {
        "slot": np.zeros(shape, np.int64),
        "state": np.full(shape, 2, np.int8),
        "delivered": np.empty(edges),
        "used": np.ones(edges, np.int8),
        "arrival": case[4].arrival.copy(),
        "attempts": NOTHING,
        "hops": NOTHING,
    }
    fields |= {k: v if isinstance(v, tuple) else np.array(v, np.float64) for k, v in given.items()}
    for name in ("slot", "state", "used"):
        fields[name] = np.asarray(fields[name]).astype(np.int8 if name != "slot" else np.int64)
    return Record(*case, RunLog(**fields))


def columns(*rows: tuple[int, int, int, float, float]) -> tuple[Any, ...]:
    """Rows of hops or attempts as the columns of a run log."""
    parts = list(zip(*rows, strict=True))
    return tuple(np.array(p, np.int64) for p in parts[:3]) + tuple(np.array(p) for p in parts[3:])


def fork() -> Record:
    """Task 0 (2 s, node 0) feeds 1 (3 s, node 0) and, by 4 bytes at 1 byte/s, 2 (1 s, node 1).

    0 runs over [0, 2), 1 over [2, 5), the message arrives at 6, 2 runs over [6, 7).
    """
    case = world([2, 3, 1], [0, 0, 1], [(0, 1, 4.0), (0, 2, 4.0)])
    return hand_log(case, ready=[[0, 2, 6]], start=[[0, 2, 6]], finish=[[2, 5, 7]],
                    delivered=[[2, 6]], completed=[7])  # fmt: skip


def test_a_run_worked_out_by_hand_passes() -> None:
    assert check_record(fork()) == []


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"start": [[0, 1, 6]], "finish": [[2, 4, 7]]}, "slot"),
        ({"start": [[0, 1, 6]], "finish": [[2, 4, 7]]}, "start"),
        ({"start": [[0, 3, 6]], "finish": [[2, 6, 7]]}, "idle"),
        ({"finish": [[2, 5, 7.5]], "completed": [7.5]}, "hold"),
        ({"delivered": [[2, 5]], "ready": [[0, 2, 5]]}, "message"),
        ({"delivered": [[2.5, 6]]}, "message"),
        ({"ready": [[0, 2, 5]]}, "ready"),
        ({"arrival": [1.0]}, "arrival"),
        ({"completed": [5.0]}, "complete"),
        ({"used": [[1, 0]]}, "input"),
        ({"used": [[1, -1]]}, "input"),
        ({"state": [[2, 2, 1]]}, "state"),
        ({"slot": [[0, 0, 1]]}, "state"),
        ({"finish": [[2, 1, 7]]}, "state"),
        ({"ready": [[0, 2, np.nan]]}, "state"),
    ],
)
def test_each_lie_about_it_is_found_by_its_rule(changed: dict[str, Any], rule: str) -> None:
    record = fork()
    dtype = {"state": np.int8, "used": np.int8, "slot": np.int64}
    arrays = {k: np.array(v, dtype.get(k, np.float64)) for k, v in changed.items()}
    assert rule in rules(record, **arrays)


def test_a_task_on_another_node_than_its_allocation_is_found() -> None:
    record = fork()
    moved = replace(record, node=np.array([0, 1, 1]))
    assert {v.rule for v in check_record(moved)} >= {"message"}


def two_waiting(dispatch: str, discipline: str = "fifo") -> Record:
    """Tasks 0 (rank 1) and 1 (rank 0), 2 s each, on one node: 1 goes first."""
    case = world([2, 2], [0, 0], priority=[1, 0], dispatch=dispatch, discipline=discipline)
    return hand_log(case, ready=[[0, 0]], start=[[2, 0]], finish=[[4, 2]],
                    delivered=np.empty((1, 0)), completed=[4])  # fmt: skip


@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_exchanged_turns_are_found(dispatch: str) -> None:
    record = two_waiting(dispatch)
    assert check_record(record) == []
    swapped = {"start": np.array([[0.0, 2]]), "finish": np.array([[2.0, 4]])}
    assert rules(record, **swapped) == {"order"}


def outage_run() -> Record:
    """2 s of work from 0; the node is down over [1, 3): interrupted at 1, again over [3, 5)."""
    case = world([2], [0], outages=[(0, 1.0, 3.0)])
    return hand_log(case, ready=[[0]], start=[[3]], finish=[[5]], delivered=np.empty((1, 0)),
                    completed=[5], attempts=columns((0, 0, 0, 0.0, 1.0)))  # fmt: skip


def test_outages_are_certified() -> None:
    record = outage_run()
    assert check_record(record) == []
    through = {"attempts": NOTHING, "start": np.array([[0.0]]),
               "finish": np.array([[2.0]]), "completed": np.array([2.0])}  # fmt: skip
    assert rules(record, **through) == {"outage"}
    assert rules(record, attempts=NOTHING) == {"idle"}
    assert "outage" in rules(record, attempts=columns((0, 0, 0, 0.0, 0.5)))


def shared_link(network: str) -> Record:
    """Tasks 0 and 1 (1 s on nodes 0 and 1) both send 2 bytes over one link of 1 byte/s to node 2.

    `fifo`: edge 0 is served over [1, 3), edge 1 over [3, 5). `fair`: both over [1, 5).
    """
    case = world([1, 1, 0], [0, 1, 2], [(0, 2, 2.0), (1, 2, 2.0)], network=network,
                 links=[(1.0, 0.0)])  # fmt: skip
    spans = [(1.0, 3.0), (3.0, 5.0)] if network == "fifo" else [(1.0, 5.0)] * 2
    return hand_log(case, ready=[[0, 0, 5]], start=[[0, 0, 5]], finish=[[1, 1, 5]],
                    delivered=[[spans[0][1], 5]], completed=[5],
                    hops=columns((0, 0, 0, *spans[0]), (0, 1, 0, *spans[1])))  # fmt: skip


@pytest.mark.parametrize("network", ["fifo", "fair"])
def test_a_shared_link_is_certified(network: str) -> None:
    assert check_record(shared_link(network)) == []


def test_two_messages_at_once_on_a_fifo_link_are_found() -> None:
    both = columns((0, 0, 0, 1.0, 3.0), (0, 1, 0, 1.0, 3.0))
    lie = {"hops": both, "delivered": np.array([[3.0, 3]]), "ready": np.array([[0.0, 0, 3]]),
           "start": np.array([[0.0, 0, 3]]), "finish": np.array([[1.0, 1, 3]]),
           "completed": np.array([3.0])}  # fmt: skip
    assert rules(shared_link("fifo"), **lie) == {"link"}


def test_exchanged_service_on_a_fifo_link_is_found() -> None:
    turned = columns((0, 0, 0, 3.0, 5.0), (0, 1, 0, 1.0, 3.0))
    lie = {"hops": turned, "delivered": np.array([[5.0, 3]])}
    assert rules(shared_link("fifo"), **lie) == {"link"}


def test_a_fair_link_above_its_capacity_is_found() -> None:
    both = columns((0, 0, 0, 1.0, 4.0), (0, 1, 0, 1.0, 4.0))
    lie = {"hops": both, "delivered": np.array([[4.0, 4]]), "ready": np.array([[0.0, 0, 4]]),
           "start": np.array([[0.0, 0, 4]]), "finish": np.array([[1.0, 1, 4]]),
           "completed": np.array([4.0])}  # fmt: skip
    assert rules(shared_link("fair"), **lie) == {"flow"}


def test_unequal_shares_of_a_fair_link_are_found() -> None:
    """As under `fifo`: the same bytes in the same time, but not shared."""
    unfair = columns((0, 0, 0, 1.0, 3.0), (0, 1, 0, 1.0, 5.0))
    assert rules(shared_link("fair"), hops=unfair, delivered=np.array([[3.0, 5]])) == {"flow"}


def test_max_min_rates_of_the_textbook_example() -> None:
    """Links of 1 and 2: flows on {0}, {0, 1}, {1} get 1/2, 1/2 and what is left, 3/2."""
    routes = [np.array([0]), np.array([0, 1]), np.array([1])]
    assert max_min(np.array([1.0, 2.0]), routes).tolist() == [0.5, 0.5, 1.5]


def test_certificates_import_no_engine() -> None:
    for path in (ROOT / "simulator" / "check").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not name.startswith(("simulator.reference", "simulator.kernel",
                                            "simulator.fast", "simulator.costs")), path  # fmt: skip


def test_every_published_case_passes(engine: Engine) -> None:
    for path in sorted(DATA.glob("*.json")):
        case = conformance.load(json.loads(path.read_text(encoding="utf-8"))["case"])
        found = check_record(Record(*case, engine(*case)))
        assert not found, f"{path.name}: {found[0]}"


@pytest.mark.parametrize("network", ["ideal", "fifo", "fair"])
def test_random_runs_pass(engine: Engine, network: str) -> None:
    states: Counter[int] = Counter()
    interruptions = 0
    for seed in range(150):
        case = random_run(seed, network)
        log = engine(*case)
        found = check_record(Record(*case, log))
        assert not found, f"seed {seed}: {found[0]}"
        states.update(log.state.ravel().tolist())
        interruptions += len(log.attempts[0])
    assert set(states) == {0, 1, 2, 3, 4}, "the worlds must reach every state"
    assert interruptions > 0


@cache
def true_run(seed: int) -> Record:
    case = random_run(seed)
    return Record(*case, Engine("reference")(*case))


@pytest.mark.parametrize("name", MUTANTS)
def test_every_lie_about_a_random_run_is_found(name: str) -> None:
    tried = 0
    for seed in range(400):
        record = true_run(seed)
        log = MUTANTS[name](record, np.random.default_rng(seed))
        if log is None:
            continue
        tried += 1
        assert check_record(replace(record, log=log)), f"seed {seed} tells a lie that is not found"
        if tried == 40:
            break
    assert tried >= 20
