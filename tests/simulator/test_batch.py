"""Batches give what single runs give, on any number of threads, and can be interrupted."""

from __future__ import annotations

import _thread
import itertools
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator import batch as batch_module
from simulator.batch import BatchResult, evaluate_batch
from simulator.engines import execute
from simulator.errors import InvalidAllocation
from simulator.fast.passes import PASSES
from simulator.fast.plan import static_plan
from simulator.runlog import RunLog
from simulator.threads import private_array, run_chunks
from tests.simulator.static_cases import static_case
from tests.worlds import world


def _busy(log: RunLog, node: Any, n_nodes: int) -> Any:
    """Slot-seconds of each node, by (request, task) and then by interruption."""
    hold = np.where(np.isnan(log.finish), 0.0, log.finish - log.start)
    busy = np.zeros(n_nodes)
    np.add.at(busy, np.broadcast_to(node, hold.shape).ravel(), hold.ravel())
    _, task, _, start, end = log.attempts
    np.add.at(busy, node[task], end - start)
    return busy


def _candidates(rng: np.random.Generator, case: Any, n: int) -> tuple[Any, Any, Any]:
    """Draw candidates of which some may contradict the edges; the first is the case's own."""
    arrays, node, variant, priority, _ = case
    nodes = rng.integers(0, arrays.n_nodes, (n, arrays.n_tasks))
    nodes[0] = node
    priorities = np.repeat(priority[None], n, axis=0)
    priorities[n // 2 :] = rng.permuted(priorities[n // 2 :], axis=1)
    return nodes, np.repeat(variant[None], n, axis=0), priorities


@pytest.mark.parametrize("network", [0, 1, 2], ids=["ideal", "fifo", "fair"])
@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_a_batch_gives_what_single_runs_give(network: int, dispatch: str) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        case = static_case(rng, dispatch, network)
        arrays, *_, luck = case
        candidates = _candidates(rng, case, 6)
        result = evaluate_batch(arrays, *candidates, luck)
        for b, (node, variant, priority) in enumerate(zip(*candidates, strict=True)):
            log = execute(arrays, node, variant, priority, luck)
            if np.isnan(log.completed).any():
                assert np.isnan(result.completed[b]).any()
                continue
            assert result.completed[b].tolist() == log.completed.tolist()
            assert result.makespan[b] == log.makespan
            np.testing.assert_allclose(result.busy[b], _busy(log, node, arrays.n_nodes))


@pytest.mark.parametrize("network", [0, 1, 2], ids=["ideal", "fifo", "fair"])
@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_results_do_not_depend_on_the_number_of_threads(network: int, dispatch: str) -> None:
    rng = np.random.default_rng(7)
    case = static_case(rng, dispatch, network, large=True)
    arrays, *_, luck = case
    candidates = _candidates(rng, case, 64)
    one, *others = (evaluate_batch(arrays, *candidates, luck, threads=n) for n in (1, 2, 3, 64))
    for other in others:
        np.testing.assert_array_equal(one.completed, other.completed)
        np.testing.assert_array_equal(one.busy, other.busy)


def test_a_batch_works_on_all_its_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread may start its first chunk before three of them have one."""
    rng = np.random.default_rng(1)
    case = static_case(rng, "greedy")
    meeting = threading.Barrier(3, timeout=60)
    seconds: dict[int, float] = {}
    chunk = batch_module._FastRunner.run

    def observed(*arguments: Any) -> None:
        if threading.get_ident() not in seconds:
            seconds[threading.get_ident()] = 0.0
            meeting.wait()
        before = time.thread_time()
        chunk(*arguments)
        seconds[threading.get_ident()] += time.thread_time() - before

    monkeypatch.setattr(batch_module._FastRunner, "run", observed)
    evaluate_batch(case[0], *_candidates(rng, case, 3000), case[4], threads=3)
    assert len(seconds) == 3
    assert threading.get_ident() not in seconds
    assert all(spent > 0.0 for spent in seconds.values())


def test_compiled_chunks_leave_the_interpreter_to_others() -> None:
    """Python code goes on while one compiled call runs, which it could not if that kept the GIL."""
    rng = np.random.default_rng(3)
    case = static_case(rng, "greedy", large=True)
    plan = static_plan(case[0], case[4])
    greedy = PASSES["greedy"]
    node, variant, priority = _candidates(rng, case, 4000)
    out = BatchResult(
        np.empty((len(node), case[4].n_requests)),
        case[4].arrival,
        np.empty((len(node), case[0].n_nodes)),
    )
    work = greedy.work(plan, False)
    call = (plan, work, node, variant, priority, out.completed, out.busy)
    greedy.batch(*(call[:2]), *(x[:1] for x in call[2:]))
    started = threading.Event()

    def compute() -> None:
        started.set()
        greedy.batch(*call)

    thread = threading.Thread(target=compute)
    thread.start()
    started.wait()
    rounds = 0
    while thread.is_alive():
        rounds += 1
    thread.join()
    assert rounds > 100


def test_a_closed_loop_reports_its_own_arrivals() -> None:
    """Two clients, three requests of one second each on one slot: the third arrives at 1."""
    case = world([1.0], [0], requests=[0.0] * 3, streams=[{"tasks": [0], "clients": 2}])
    arrays, node, variant, priority, luck = case
    result = evaluate_batch(arrays, node[None], variant[None], priority[None], luck)
    assert result.arrival.tolist() == [[0.0, 0.0, 1.0]]
    assert result.completed.tolist() == [[1.0, 2.0, 3.0]]
    assert result.makespan.tolist() == [3.0]
    assert result.busy.tolist() == [[3.0]]


@pytest.mark.parametrize("network", ["ideal", "fifo"])
@pytest.mark.parametrize("dispatch", ["strict", "greedy"])
def test_a_candidate_that_may_not_run_is_lost(network: str, dispatch: str) -> None:
    case = world([1.0, 1.0], [0, 1], [(0, 1, 1.0)], network=network, dispatch=dispatch)
    arrays, *_, luck = case
    seconds = arrays.seconds.copy()
    seconds[1, 0, 1] = np.nan
    arrays = replace(arrays, seconds=seconds)
    nodes = np.array([[0, 0], [0, 1], [1, 0]])
    zero = np.zeros_like(nodes)
    result = evaluate_batch(arrays, nodes, zero, np.tile([0, 1], (3, 1)), luck)
    assert result.makespan.tolist() == [2.0, np.inf, 3.0]
    assert result.lost.tolist() == [0, 1, 0]


@pytest.mark.parametrize("network", ["ideal", "fair"])
def test_a_message_without_a_route_is_lost(network: str) -> None:
    """There is a way from node 0 to node 1 and none back."""
    case = world(
        [1.0, 1.0],
        [0, 1],
        [(0, 1, 1.0)],
        network=network,
        links=[(1.0, 0.0)],
        routes={(0, 1): [0]},
    )
    nodes = np.array([[0, 1], [1, 0]])
    result = evaluate_batch(case[0], nodes, nodes * 0, np.tile([0, 1], (2, 1)), case[4])
    assert result.makespan.tolist() == [3.0, np.inf]


def test_bad_batches_are_refused() -> None:
    arrays, node, variant, priority, luck = world([1.0, 1.0], [0, 1])
    rows = (node[None], variant[None], priority[None])
    with pytest.raises(InvalidAllocation, match=r"node must be one of 0\.\.1, got 2"):
        evaluate_batch(arrays, rows[0] + 1, *rows[1:], luck)
    with pytest.raises(InvalidAllocation, match=r"variant must be one of 0\.\.0, got -1"):
        evaluate_batch(arrays, rows[0], rows[1] - 1, rows[2], luck)
    with pytest.raises(InvalidAllocation, match=r"priority must have shape \(1, 2\)"):
        evaluate_batch(arrays, *rows[:2], rows[2][:, :1], luck)
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        evaluate_batch(arrays, *rows, luck, threads=0)


def test_an_empty_batch_and_read_only_arrays() -> None:
    arrays, node, variant, priority, luck = world([1.0, 2.0], [0, 1])
    rows = [x[None].copy() for x in (node, variant, priority)]
    assert evaluate_batch(arrays, *(x[:0] for x in rows), luck).makespan.shape == (0,)
    for x in rows:
        x.flags.writeable = False
    assert evaluate_batch(arrays, *rows, luck).makespan.tolist() == [2.0]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_chunk_is_raised_and_stops_the_others(threads: int) -> None:
    done: list[int] = []

    def work(low: int, high: int) -> None:
        if low == 3:
            raise ValueError("chunk 3")
        done.append(low)
        time.sleep(0.001)

    with pytest.raises(ValueError, match="chunk 3"):
        run_chunks(work, 10_000, 1, threads)
    count = len(done)
    time.sleep(0.02)
    assert len(done) == count < 10_000


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_takes_effect_between_chunks(threads: int) -> None:
    """Ctrl-C reaches the caller; when it does, no chunk is running and no other one starts."""
    running: set[int] = set()
    done: list[int] = []

    def work(low: int, high: int) -> None:
        running.add(low)
        if low == 5:
            _thread.interrupt_main()
        time.sleep(0.001)
        running.discard(low)
        done.append(low)

    with pytest.raises(KeyboardInterrupt):
        run_chunks(work, 100_000, 1, threads)
    if threads > 1:
        assert not running
    count = len(done)
    time.sleep(0.02)
    assert len(done) == count < 100_000


def test_chunks_cover_everything_once() -> None:
    for total, chunk, threads, least in (
        (0, 3, 2, 1), (1, 3, 2, 1), (10, 3, 2, 2), (12, 3, 5, 1), (7, 7, 1, 1), (99, 40, 2, 5)
    ):  # fmt: skip
        seen = np.zeros(total, dtype=np.int64)

        def work(low: int, high: int, seen: Any = seen) -> None:
            seen[low:high] += 1

        run_chunks(work, total, chunk, threads, least)
        assert (seen == 1).all()


def test_private_arrays_share_no_cache_line() -> None:
    arrays = [private_array(n, dtype) for n in (0, 1, 3, 40) for dtype in (np.int8, np.float64)]
    spans = sorted((x.ctypes.data, x.ctypes.data + x.nbytes) for x in arrays)
    assert all(after[0] - before[1] >= 128 for before, after in itertools.pairwise(spans))
    assert private_array(3, np.int64, -1).tolist() == [-1, -1, -1]
