"""Rules of conditional edges and skips. All worked by hand; messages are local unless said."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.runlog import CANCELLED, FINISHED, SKIPPED
from tests.engines import Engine
from tests.worlds import world

WIDE = {"slots": 8}
IF = {"conditional": True}


def test_skips_pass_on(engine: Engine) -> None:
    """0 -> 1 -> 2, the first edge not taken: 1 and 2 are skipped at 1, and the request is done."""
    log = engine(*world([1, 5, 5], [0] * 3, [(0, 1, 1, IF), (1, 2, 1)], not_taken=[(0, 0)]))
    assert log.state[0].tolist() == [FINISHED, SKIPPED, SKIPPED]
    assert log.completed[0] == 1.0
    assert np.isnan(log.start[0, 1:]).all()
    assert np.isnan(log.ready[0, 1:]).all()
    assert log.used[0].tolist() == [-1, -1]


def test_taken_edge_is_an_ordinary_one(engine: Engine) -> None:
    log = engine(*world([1, 5], [0, 0], [(0, 1, 1, IF)]))
    assert log.finish[0].tolist() == [1.0, 6.0]


def test_join_does_without_skipped_inputs(engine: Engine) -> None:
    """Task 2 has inputs from task 0 and from task 1, which is skipped: ready at 1."""
    edges = [(0, 1, 1, IF), (1, 2, 1), (0, 2, 1)]
    log = engine(*world([1, 5, 1], [0] * 3, edges, not_taken=[(0, 0)]))
    assert log.start[0, 2] == 1.0
    assert log.used[0].tolist() == [-1, -1, 1]


def test_branch_outcome_is_known_at_the_finish(engine: Engine) -> None:
    """Task 2 has an input at 1; that of task 1 turns out not taken only at 3: ready at 3."""
    edges = [(0, 2, 1), (1, 2, 1, IF)]
    log = engine(*world([1, 3, 1], [0] * 3, edges, not_taken=[(0, 1)], nodes=WIDE))
    assert log.start[0, 2] == 3.0


@pytest.mark.parametrize(
    ("not_taken", "start", "used"),
    [
        ([], 2.0, [1, 1, 0]),
        ([(0, 0)], 3.0, [-1, 1, 1]),  # min(2, 3 - 1) = 2
        ([(0, 0), (0, 1)], 3.0, [-1, -1, 1]),  # min(2, 3 - 2) = 1
        ([(0, 1), (0, 2)], 3.0, [1, -1, -1]),  # known only at 3 that one must do
    ],
)
def test_quorum_with_inputs_not_taken(
    engine: Engine, not_taken: list[tuple[int, int]], start: float, used: list[int]
) -> None:
    """Two of three inputs needed, from producers that end at 1, 2 and 3."""
    case = world(
        [1, 2, 3, 1],
        [0] * 4,
        [(0, 3, 1, IF), (1, 3, 1, IF), (2, 3, 1, IF)],
        joins={3: {"need": 2}},
        not_taken=not_taken,
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 3] == start
    assert log.used[0].tolist() == used


def test_join_without_any_input_left_is_skipped(engine: Engine) -> None:
    """Both inputs are not taken, at 1 and 3: skipped at 3, deadline and quorum notwithstanding."""
    case = world(
        [1, 3, 1],
        [0] * 3,
        [(0, 2, 1, IF), (1, 2, 1, IF)],
        joins={2: {"need": 1, "deadline": 2.0}},
        not_taken=[(0, 0), (0, 1)],
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.state[0, 2] == SKIPPED
    assert log.completed[0] == 3.0


def test_skips_pass_on_to_later_requests(engine: Engine) -> None:
    """Task 1 has inputs from task 0 and from itself one request earlier (lag 1).

    Request 0: not taken, skipped at 1. Request 1: its input from request 0 is missing, that from
    task 0 comes at 2. Request 2: input from request 1 at 5 and from task 0 at 3: ready at 5.
    """
    case = world(
        [1, 3],
        [0, 1],
        [(0, 1, 0, IF), (1, 1, 1, {"lag": 1})],
        requests=[0, 0, 0],
        not_taken=[(0, 0)],
    )
    log = engine(*case)
    assert log.state[:, 1].tolist() == [SKIPPED, FINISHED, FINISHED]
    assert log.ready[1:, 1].tolist() == [2.0, 5.0]
    assert log.used.tolist() == [[-1, -1], [1, 1], [1, -1]]


def test_skip_along_lag_alone(engine: Engine) -> None:
    """Task 0 of request 1 has only the lag edge as input; not taken: skipped, request 2 too.

    They are skipped at 1, but complete only when they arrive, at 10 and 20.
    """
    case = world([1], [0], [(0, 0, 1, {"lag": 1, **IF})], requests=[0, 10, 20], not_taken=[(0, 0)])
    log = engine(*case)
    assert log.state[:, 0].tolist() == [FINISHED, SKIPPED, SKIPPED]
    assert log.completed.tolist() == [1.0, 10.0, 20.0]


@pytest.mark.parametrize(("fast", "state"), [(1.0, SKIPPED), (0.5, CANCELLED)])
def test_skipped_and_cancelled(engine: Engine, fast: float, state: int) -> None:
    """Task 1 loses its input at 1; it feeds task 3, which cancels and closes with task 2.

    Both at 1: it is skipped. Task 3 closes at 0.5: it is cancelled, and stays so at 1.
    """
    case = world(
        [1, 1, fast, 1],
        [0] * 4,
        [(0, 1, 1, IF), (1, 3, 1), (2, 3, 1)],
        joins={3: {"need": 1, "cancel": True}},
        not_taken=[(0, 0)],
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.state[0, 1] == state
    assert log.start[0, 3] == fast


def test_join_closes_before_its_request_arrives(engine: Engine) -> None:
    """Task 2 needs one of task 0 of the request before and task 1 of its own.

    Request 0 has no request before: its only input comes at 2. Task 0 of request 0 delivers at 1
    to task 2 of request 1, which is closed from then on and ready when it arrives at 10; task 1
    of request 1 delivers at 12, unused.
    """
    case = world(
        [1, 2, 1],
        [0] * 3,
        [(0, 2, 1, {"lag": 1}), (1, 2, 1)],
        joins={2: {"need": 1}},
        nodes=WIDE,
        requests=[0, 10],
    )
    log = engine(*case)
    assert log.ready[:, 2].tolist() == [2.0, 10.0]
    assert log.used.tolist() == [[1, 1], [-1, 0]]


def test_sends_look_the_branch_up_beforehand(engine: Engine) -> None:
    """S counts taken edges only: 1 s for edge 1, nothing for edge 0: the hold is 2 + 1 s."""
    edges = [(0, 1, 1, IF), (0, 2, 1)]
    case = world([2, 1, 1], [0, 1, 1], edges, not_taken=[(0, 0)], nodes={"send_s": [1.0, 0.0]})
    assert engine(*case).finish[0, 0] == 3.0


def test_strict_order_passes_over_skipped_tasks(engine: Engine) -> None:
    """Node 0 runs 0, 1, 2 in this order; task 1 is skipped at 1, so task 2 starts then."""
    case = world([1, 1, 1], [0] * 3, [(0, 1, 1, IF)], not_taken=[(0, 0)], dispatch="strict")
    assert engine(*case).start[0, 2] == 1.0
