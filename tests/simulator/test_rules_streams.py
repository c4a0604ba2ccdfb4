"""Rules of requests: streams, lag, closed loops, lost requests. All worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulator.runlog import ABSENT, CANCELLED, FINISHED, LOST, SKIPPED
from tests.engines import Engine
from tests.worlds import world

INF = math.inf
WIDE = {"slots": 8}


def test_a_request_has_the_tasks_of_its_stream(engine: Engine) -> None:
    """Tasks of other streams are absent from it; each request completes by its own tasks."""
    streams = [{"tasks": [0, 1]}, {"tasks": [2]}]
    case = world(
        [1, 2, 5], [0] * 3, [(0, 1, 1)], streams=streams, requests=[(0, 0), (1, 1)], nodes=WIDE
    )
    log = engine(*case)
    assert log.state.tolist() == [[FINISHED, FINISHED, ABSENT], [ABSENT, ABSENT, FINISHED]]
    assert log.completed.tolist() == [3.0, 6.0]
    assert np.isnan(log.ready[log.state == ABSENT]).all()


def test_completion_is_the_last_exit_task(engine: Engine) -> None:
    """Exits at 3 and 5. Task 0 at 1 is none; makespan 5 - 0."""
    log = engine(*world([1, 2, 4], [0] * 3, [(0, 1, 1), (0, 2, 1)], nodes=WIDE))
    assert log.completed[0] == 5.0
    assert log.makespan == 5.0


def test_makespan_counts_from_the_first_arrival(engine: Engine) -> None:
    """Requests at 2 and 3 of 4 s on one slot: done at 6 and 10; makespan 10 - 2."""
    log = engine(*world([4], [0], requests=[2, 3]))
    assert log.completed.tolist() == [6.0, 10.0]
    assert log.makespan == 8.0


def test_completion_and_idleness_differ(engine: Engine) -> None:
    """The exit ends at 2; a straggler that nobody waits for keeps node 1 busy until 9."""
    case = world([1, 9, 1], [0, 1, 0], [(0, 2, 1), (1, 2, 0)], joins={2: {"need": 1}})
    log = engine(*case)
    assert log.makespan == 2.0
    assert log.idle_at == 9.0


def test_lag_starts_up_without_inputs(engine: Engine) -> None:
    """Task 0 (2 s) feeds itself one request later: requests at 0 run 0-2, 2-4, 4-6 on 8 slots."""
    log = engine(*world([2], [0], [(0, 0, 1, {"lag": 1})], requests=[0, 0, 0], nodes=WIDE))
    assert log.start[:, 0].tolist() == [0.0, 2.0, 4.0]
    assert log.ready[:, 0].tolist() == [0.0, 2.0, 4.0]


def test_lag_of_two(engine: Engine) -> None:
    """The first two requests have no input; the third waits for the first, the fourth likewise."""
    case = world([2], [0], [(0, 0, 1, {"lag": 2})], requests=[0, 1, 1, 1], nodes=WIDE)
    assert engine(*case).start[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_last_requests_send_nothing(engine: Engine) -> None:
    """A remote lag edge costs 1 s to send; the last request has nobody to send to.

    Request 0 holds 2 + 1 s, request 1 (after it on one slot) 2 s: 5.
    """
    case = world(
        [2, 0],
        [0, 1],
        [(0, 1, 4, {"lag": 1})],
        requests=[0, 0],
        nodes={"send_s": [1.0, 0.0]},
    )
    log = engine(*case)
    assert log.finish[:, 0].tolist() == [3.0, 5.0]
    assert log.start[:, 1].tolist() == [0.0, 7.0]
    assert log.used[:, 0].tolist() == [1, -1]
    assert log.delivered[0, 0] == 7.0
    assert np.isnan(log.delivered[1, 0])


def test_lag_counts_requests_of_the_same_stream(engine: Engine) -> None:
    """Requests 0 and 2 are of stream 0, request 1 of stream 1: request 2 waits for request 0."""
    streams = [{"tasks": [0]}, {"tasks": [1]}]
    case = world(
        [5, 1],
        [0, 0],
        [(0, 0, 1, {"lag": 1}), (1, 1, 1, {"lag": 1})],
        streams=streams,
        requests=[(0, 0), (1, 1), (2, 0)],
        nodes=WIDE,
    )
    log = engine(*case)
    assert [log.start[0, 0], log.start[1, 1], log.start[2, 0]] == [0.0, 1.0, 5.0]
    assert log.used.tolist() == [[1, -1], [-1, -1], [-1, -1]]


def test_cycle_with_lag(engine: Engine) -> None:
    """0 -> 1 -> 0 of the next request, on two nodes, 1 byte at 1 byte/s each way.

    Request 0: task 0 runs 0-2, task 1 3-4; the message back is usable at 5. Request 1: 5-7, 8-9.
    """
    case = world(
        [2, 1], [0, 1], [(0, 1, 1), (1, 0, 1, {"lag": 1})], requests=[0, 0], dispatch="strict"
    )
    assert engine(*case).start.tolist() == [[0.0, 3.0], [5.0, 8.0]]


def test_no_input_where_there_is_no_earlier_request(engine: Engine) -> None:
    """Task 1 needs both task 0 and itself one request earlier; request 0 does with task 0."""
    case = world([1, 4], [0, 1], [(0, 1, 0), (1, 1, 1, {"lag": 1})], requests=[0, 0])
    assert engine(*case).start[:, 1].tolist() == [1.0, 5.0]


CLOSED = [{"tasks": range(8), "clients": 1}]


def test_closed_loop_with_think_times(engine: Engine) -> None:
    """One client, 2 s a request: 0-2; 1 s of thought: 3-5; none: 5-7. Arrivals are not read."""
    log = engine(*world([2], [0], streams=CLOSED, requests=[0, 77, 78], think=[9.0, 1.0, 0.0]))
    assert log.arrival.tolist() == [0.0, 3.0, 5.0]
    assert log.completed.tolist() == [2.0, 5.0, 7.0]


def test_closed_loop_without_think_times(engine: Engine) -> None:
    """No think times are none at all: back to back."""
    log = engine(*world([2], [0], streams=CLOSED, requests=[0, 0, 0]))
    assert log.arrival.tolist() == [0.0, 2.0, 4.0]


def test_closed_loop_with_more_clients_than_requests(engine: Engine) -> None:
    streams = [{"tasks": [0], "clients": 5}]
    log = engine(*world([2], [0], streams=streams, requests=[0, 0]))
    assert log.arrival.tolist() == [0.0, 0.0]
    assert log.completed.tolist() == [2.0, 4.0]


def test_closed_loop_releases_in_order_of_completion(engine: Engine) -> None:
    """Two clients; requests 0 and 1 take 4 and 3 s. Request 1 is done first, at 3: it releases 2.

    Request 2 thinks 5 s and arrives at 8; request 0 is done at 4 and releases 3: thinks 1 s: 5.
    """
    streams = [{"tasks": [0], "clients": 2}]
    case = world(
        [1],
        [0],
        streams=streams,
        requests=[0] * 4,
        task_factor=[[4.0], [3.0], [1.0], [1.0]],
        think=[0.0, 0.0, 5.0, 1.0],
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.arrival.tolist() == [0.0, 0.0, 8.0, 5.0]
    assert log.completed.tolist() == [4.0, 3.0, 9.0, 6.0]


def test_closed_loop_completions_at_one_instant(engine: Engine) -> None:
    """Both clients are done at 2: requests 2 and 3 follow after 1 and 3 s."""
    streams = [{"tasks": [0], "clients": 2}]
    case = world([2], [0], streams=streams, requests=[0] * 4, think=[0, 0, 1.0, 3.0], nodes=WIDE)
    assert engine(*case).arrival.tolist() == [0.0, 0.0, 3.0, 5.0]


def test_released_request_arrives_in_the_next_round(engine: Engine) -> None:
    """Tasks 0 -> 1 of 1 s on one slot, priority before request; two clients, no thought.

    Task 0 of both requests, 0-2; task 1 of request 0, 2-3. At 3 request 2 is released, but the
    slot is given away before it arrives: task 1 of request 1, 3-4, although task 0 is preferred.
    """
    streams = [{"tasks": [0, 1], "clients": 2}]
    case = world(
        [1, 1],
        [0, 0],
        [(0, 1, 1)],
        streams=streams,
        requests=[0] * 3,
        discipline="priority",
    )
    log = engine(*case)
    assert log.start.tolist() == [[0.0, 2.0], [1.0, 3.0], [4.0, 5.0]]
    assert log.arrival[2] == 3.0


def test_skipped_request_releases_the_next(engine: Engine) -> None:
    """All later requests are skipped at 2, but complete when they arrive, 1 s after each other."""
    edge = (0, 0, 1, {"lag": 1, "conditional": True})
    case = world(
        [2],
        [0],
        [edge],
        streams=CLOSED,
        requests=[0, 0, 0],
        not_taken=[(0, 0)],
        think=[0.0, 1.0, 1.0],
    )
    log = engine(*case)
    assert log.state[:, 0].tolist() == [FINISHED, SKIPPED, SKIPPED]
    assert log.arrival.tolist() == [0.0, 3.0, 4.0]
    assert log.completed.tolist() == [2.0, 3.0, 4.0]


def test_closed_loop_stops_when_a_request_is_lost(engine: Engine) -> None:
    """The node dies at 3 while request 1 runs: request 2 is never released, has no arrival."""
    case = world([2], [0], streams=CLOSED, requests=[0, 0, 0], outages=[(0, 3.0, INF)])
    log = engine(*case)
    assert log.state[:, 0].tolist() == [FINISHED, LOST, LOST]
    assert log.arrival.tolist()[:2] == [0.0, 2.0]
    assert np.isnan(log.arrival[2])
    assert np.isnan(log.completed[1:]).all()
    assert log.makespan == 2.0


def test_head_that_never_runs_loses_everything_behind_it(engine: Engine) -> None:
    """Strict: task 1 waits for task 0 on a dead node; task 2 and the next request are lost."""
    case = world(
        [1, 1, 1],
        [1, 0, 0],
        [(0, 1, 0)],
        requests=[0, 1],
        dispatch="strict",
        outages=[(1, 0.0, INF)],
    )
    log = engine(*case)
    assert (log.state == LOST).all()
    assert np.isnan(log.makespan)


@pytest.mark.parametrize("dispatch", ["greedy", "strict"])
def test_lost_request_does_not_stop_others(engine: Engine, dispatch: str) -> None:
    """Request 0 needs node 1, dead from 1 on; request 1 of the other stream runs on node 0."""
    streams = [{"tasks": [0]}, {"tasks": [1]}]
    case = world(
        [5, 1],
        [1, 0],
        streams=streams,
        requests=[(0, 0), (2, 1)],
        dispatch=dispatch,
        outages=[(1, 1.0, INF)],
    )
    log = engine(*case)
    assert [log.state[0, 0], log.state[1, 1]] == [LOST, FINISHED]
    assert log.makespan == 3.0


def test_cancelled_work_does_not_hold_up_completion(engine: Engine) -> None:
    """A removed task is no exit, so the request completes with its exit at 2."""
    case = world(
        [1, 4, 1, 1],
        [0, 1, 1, 0],
        [(0, 3, 0), (1, 2, 0), (2, 3, 0)],
        joins={3: {"need": 1, "cancel": True}},
    )
    log = engine(*case)
    assert log.state[0, 2] == CANCELLED
    assert log.completed[0] == 2.0
