"""Rules of nodes: order of ready tasks, slots, the hold and its pace. All worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines import Engine
from tests.worlds import world

NAN = float("nan")


@pytest.mark.parametrize(
    ("discipline", "start"),
    [
        ("fifo", [[1.0, 0.0], [3.0, 2.0]]),
        ("priority", [[2.0, 0.0], [3.0, 1.0]]),
        ("edf", [[1.0, 0.0], [3.0, 2.0]]),
    ],
)
def test_disciplines(engine: Engine, discipline: str, start: list[list[float]]) -> None:
    """Two requests at 0 of two tasks of 1 s; task 1 has the better priority.

    fifo: all of request 0 (task 1, task 0), then request 1. priority: task 1 of both requests
    first. edf without deadlines: every deadline is inf, so the request decides as in fifo.
    """
    log = engine(*world([1, 1], [0, 0], priority=[1, 0], requests=[0, 0], discipline=discipline))
    assert log.start.tolist() == start


@pytest.mark.parametrize("discipline", ["fifo", "priority", "edf"])
def test_equal_priorities_go_by_task(engine: Engine, discipline: str) -> None:
    """Three tasks of 1 s with one priority run in the order of their ids."""
    log = engine(*world([1, 1, 1], [0, 0, 0], priority=[4, 4, 4], discipline=discipline))
    assert log.start[0].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("discipline", "start"), [("fifo", [0, 1, 2]), ("edf", [2, 0, 1])])
def test_earliest_deadline_first(engine: Engine, discipline: str, start: list[float]) -> None:
    """Deadlines count from the arrival, not from 0.

    Request 0 of stream 0 is due at 0 + 10, requests 1 and 2 of stream 1 (at 0 and 0.5) at 3 and
    3.5. edf: request 1 at 0; at 1 request 2 (3.5) before request 0 (10). fifo: by number.
    """
    streams = [{"tasks": [0], "deadline": 10.0}, {"tasks": [1], "deadline": 3.0}]
    requests = [(0.0, 0), (0.0, 1), (0.5, 1)]
    log = engine(*world([1, 1], [0, 0], streams=streams, requests=requests, discipline=discipline))
    assert np.nanmin(log.start, axis=1).tolist() == start


def test_deadlines_count_from_the_arrival(engine: Engine) -> None:
    """Request 1 (9 s, due at 1) runs first. Request 0 is due at 0 + 10, request 2 at 8 + 3 = 11.

    So request 0 goes at 9 and request 2 at 10, although its stream allows less time.
    """
    streams = [
        {"tasks": [0], "deadline": 10.0},
        {"tasks": [1], "deadline": 3.0},
        {"tasks": [2], "deadline": 1.0},
    ]
    requests = [(0.0, 0), (0.0, 2), (8.0, 1)]
    log = engine(*world([1, 1, 9], [0] * 3, streams=streams, requests=requests, discipline="edf"))
    assert np.nanmin(log.start, axis=1).tolist() == [9.0, 0.0, 10.0]


@pytest.mark.parametrize("discipline", ["fifo", "priority", "edf"])
def test_class_goes_before_everything(engine: Engine, discipline: str) -> None:
    """Request 1 has the worse priority and deadline and the higher number, but class 0."""
    streams = [
        {"tasks": [0], "class": 1, "deadline": 1.0},
        {"tasks": [1], "class": 0, "deadline": 9.0},
    ]
    requests = [(0.0, 0), (0.0, 1)]
    log = engine(*world([1, 1], [0, 0], streams=streams, requests=requests, discipline=discipline))
    assert np.nanmin(log.start, axis=1).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("dispatch", "start"), [("greedy", [0.0, 5.0, 0.0]), ("strict", [0.0, 5.0, 6.0])]
)
def test_strict_waits_for_its_head(engine: Engine, dispatch: str, start: list[float]) -> None:
    """Task 0 (2 s, node 1) sends 3 bytes at 1 byte/s to task 1 (node 0): usable at 5.

    Task 2 is ready at 0. greedy runs it at once; strict keeps node 0 for task 1 until 5.
    """
    log = engine(*world([2, 1, 1], [1, 0, 0], [(0, 1, 3.0)], dispatch=dispatch))
    assert log.start[0].tolist() == start


@pytest.mark.parametrize(("dispatch", "start"), [("greedy", [1.0, 0.0]), ("strict", [0.0, 1.0])])
def test_strict_does_not_read_the_class(engine: Engine, dispatch: str, start: list[float]) -> None:
    """Request 1 is of the more urgent class; strict keeps to the order of the requests."""
    streams = [{"tasks": [0], "class": 5}, {"tasks": [1], "class": 0}]
    requests = [(0.0, 0), (0.0, 1)]
    log = engine(*world([1, 1], [0, 0], streams=streams, requests=requests, dispatch=dispatch))
    assert np.nanmin(log.start, axis=1).tolist() == start


def test_strict_unrolls_requests(engine: Engine) -> None:
    """Two requests at 0 of two tasks of 1 s: all of request 0, task 1 first, then request 1."""
    log = engine(*world([1, 1], [0, 0], priority=[1, 0], requests=[0, 0], dispatch="strict"))
    assert log.start.tolist() == [[1.0, 0.0], [3.0, 2.0]]


@pytest.mark.parametrize("dispatch", ["greedy", "strict"])
def test_settle_before_choosing(engine: Engine, dispatch: str) -> None:
    """At 1 task 0 frees the slot of node 0 and readies task 2; task 1 on node 1 readies task 3.

    Whichever completion comes out of the queue first, task 3 has the better priority and gets the
    slot at 1; task 2 follows at 2.
    """
    case = world(
        [1, 1, 1, 1],
        [0, 1, 0, 0],
        [(0, 2, 1.0), (1, 3, 0.0)],
        priority=[0, 0, 2, 1],
        dispatch=dispatch,
    )
    log = engine(*case)
    assert log.start[0].tolist() == [0.0, 0.0, 2.0, 1.0]
    assert log.ready[0].tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("slots", "start", "slot"), [(1, [0, 0, 1], [0, 0, 0]), (2, [0, 0, 0], [0, 0, 1])]
)
def test_tasks_without_duration(
    engine: Engine, slots: int, start: list[float], slot: list[int]
) -> None:
    """Task 0 lasts 0 s and readies task 1 (1 s); task 2 (1 s) is ready at 0, last in priority.

    One slot: task 0 takes it and frees it at 0; in the next round of that instant task 1 is ready
    and goes before task 2. Two slots: task 2 takes slot 1 in the first round, task 1 slot 0.
    """
    log = engine(*world([0, 1, 1], [0, 0, 0], [(0, 1, 1.0)], nodes={"slots": slots}))
    assert log.start[0].tolist() == start
    assert log.slot[0].tolist() == slot


def test_lowest_free_slot_first(engine: Engine) -> None:
    """Two slots, tasks of 3, 1, 1, 2, 1 s: slot 1 is free at 1 and 2; at 3 slot 0 is; at 4 slot 1.

    Task 3 runs in slot 1 from 2 to 4, task 4 in slot 0 from 3.
    """
    log = engine(*world([3, 1, 1, 2, 1], [0] * 5, nodes={"slots": 2}))
    assert log.start[0].tolist() == [0.0, 0.0, 1.0, 2.0, 3.0]
    assert log.slot[0].tolist() == [0, 1, 1, 1, 0]


def test_strict_with_two_slots(engine: Engine) -> None:
    """Task 1 on node 0 waits until 2 for a signal from node 1; tasks 2 and 3 stand behind it.

    At 2 tasks 1 and 2 take the two slots, task 3 one of them at 3.
    """
    case = world([2, 1, 1, 1], [1, 0, 0, 0], [(0, 1, 0.0)], dispatch="strict", nodes={"slots": 2})
    assert engine(*case).start[0].tolist() == [0.0, 2.0, 2.0, 3.0]


def test_co_running_tasks_slow_each_other(engine: Engine) -> None:
    """Factor 2 with two running. Tasks of 2 s and 4 s start at 0.

    At rate 1/2 task 0 ends at 4; task 1 has 2 s left then, alone at rate 1: 6.
    """
    log = engine(*world([2, 4], [0, 0], nodes={"slots": 2, "corun": [1.0, 2.0]}))
    assert log.finish[0].tolist() == [4.0, 6.0]


def test_co_run_factor_beyond_the_table_is_one(engine: Engine) -> None:
    """Factors 1, 2 for one and two tasks; three running tasks have none, so they run at rate 1.

    Tasks of 1, 2, 2 s: at 1 the first ends; two are left with 1 s each at rate 1/2: 3.
    """
    log = engine(*world([1, 2, 2], [0] * 3, nodes={"slots": 3, "corun": [1.0, 2.0]}))
    assert log.finish[0].tolist() == [1.0, 3.0, 3.0]


def test_overheads_of_dispatch_send_and_wake(engine: Engine) -> None:
    """Task 0 (2 s) on node 0 pays dispatch 0.5 s and 0.25 s + 0.125 s/byte a remote message.

    Edges: 8 bytes remote (1.25), 8 bytes local (free), a remote signal (0.25), a remote edge not
    taken and one to a request that does not exist (nothing). Hold = (0.5 + 2) + 1.5 = 4. The link
    has 4 bytes/s and 1 s, node 1 wakes in 0.5 s: 4 + (1 + 2) + 0.5 = 7.5, the signal 4 + 1 + 0.5.
    The local consumer starts at 4 and holds 0.5 + 1 s; dispatch on node 1 is free.
    """
    case = world(
        [2, 1, 1, 1, 1],
        [0, 1, 0, 1, 1],
        [
            (0, 1, 8.0),
            (0, 2, 8.0),
            (0, 3, 0.0),
            (0, 4, 8.0, {"conditional": True}),
            (0, 1, 8.0, {"lag": 1}),
        ],
        nodes={
            "dispatch_s": [0.5, 0.0],
            "send_s": 0.25,
            "send_s_per_byte": 0.125,
            "wake_s": [9.0, 0.5],
        },
        links=[(4.0, 1.0)],
        not_taken=[(0, 3)],
    )
    log = engine(*case)
    assert log.finish[0].tolist()[:4] == [4.0, 8.5, 5.5, 6.5]
    assert log.delivered[0].tolist()[:3] == [7.5, 4.0, 5.5]
    assert np.isnan(log.delivered[0, 3:]).all()
    assert log.used[0].tolist() == [1, 1, 1, -1, -1]


def test_order_of_the_sums_in_a_hold(engine: Engine) -> None:
    """(dispatch + work) + S = (0.1 + 0.2) + 0.3 = 0.6000000000000001; other orders give 0.6."""
    case = world([0.2, 0], [0, 1], [(0, 1, 0.0)], nodes={"dispatch_s": [0.1, 0], "send_s": 0.3})
    assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
    assert engine(*case).finish[0, 0] == (0.1 + 0.2) + 0.3


def test_order_of_the_sum_of_sends(engine: Engine) -> None:
    """S = ((0.0 + 0.1) + 0.2) + 0.3 in edge order; from the last edge on it would be 0.6."""
    edges = [(0, 1, 0.1), (0, 1, 0.2), (0, 1, 0.3)]
    case = world([0, 0], [0, 1], edges, nodes={"send_s_per_byte": [1.0, 0.0]})
    assert engine(*case).finish[0, 0] == 0.6000000000000001


def test_factors_scale_work_and_bytes(engine: Engine) -> None:
    """Task 0: 2 s x 1.5 = 3 s. Message: 4 bytes x 0.5 = 2 bytes at 1 byte/s: usable at 5."""
    case = world([2, 1], [0, 1], [(0, 1, 4.0)], task_factor=[[1.5, 2.0]], edge_factor=[[0.5]])
    log = engine(*case)
    assert log.finish[0].tolist() == [3.0, 7.0]
    assert log.delivered[0].tolist() == [5.0]


def test_a_factor_of_zero_makes_a_signal(engine: Engine) -> None:
    """4 bytes x 0 arrive after the latency alone, whatever the bandwidth: 2 + 3 = 5."""
    case = world([2, 1], [0, 1], [(0, 1, 4.0)], edge_factor=[[0.0]], links=[(1e-9, 3.0)])
    assert engine(*case).delivered[0].tolist() == [5.0]


def test_a_finish_is_not_recomputed_without_need(engine: Engine) -> None:
    """A hold of 0.9 s ends at 0.9 although at 0.2 another task starts beside it.

    Its pace stays 1. Re-timing it at 0.2 would give 0.2 + (0.9 - 0.2) = 0.9 - 1 ulp.
    """
    assert 0.2 + (0.9 - 0.2) != 0.9
    streams = [{"tasks": [0]}, {"tasks": [1]}]
    case = world(
        [0.9, 3.0], [0, 0], streams=streams, requests=[(0.0, 0), (0.2, 1)], nodes={"slots": 2}
    )
    assert engine(*case).finish[0, 0] == 0.9


def test_ready_needs_arrival(engine: Engine) -> None:
    """A request that arrives at 3 is ready then and not before; latency counts from there."""
    log = engine(*world([1], [0], requests=[3.0]))
    assert (log.ready[0, 0], log.start[0, 0], log.completed[0]) == (3.0, 3.0, 4.0)
    assert (log.arrival[0], log.makespan, log.idle_at) == (3.0, 1.0, 4.0)
