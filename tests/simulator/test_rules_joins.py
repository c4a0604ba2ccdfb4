"""Rules of joins and branches: quorum, deadline, late cancel, skips. All worked by hand.

Unless a test says otherwise, messages are local and therefore free.
"""

from __future__ import annotations

import numpy as np
import pytest

from simulator.runlog import CANCELLED, FINISHED
from tests.engines import Engine
from tests.worlds import world

WIDE = {"slots": 8}


def test_all_inputs_by_default(engine: Engine) -> None:
    """Inputs at 1 and 3: ready at 3."""
    log = engine(*world([1, 3, 1], [0] * 3, [(0, 2, 1), (1, 2, 1)], nodes=WIDE))
    assert (log.ready[0, 2], log.start[0, 2]) == (3.0, 3.0)


def test_quorum(engine: Engine) -> None:
    """Inputs at 1, 2 and 4, two needed: ready at 2; the third is computed, sent and not used."""
    case = world(
        [1, 2, 4, 1],
        [0] * 4,
        [(0, 3, 1), (1, 3, 1), (2, 3, 1)],
        joins={3: {"need": 2}},
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 3] == 2.0
    assert log.delivered[0].tolist() == [1.0, 2.0, 4.0]
    assert log.used[0].tolist() == [1, 1, 0]
    assert log.completed[0] == 3.0  # the straggler is no exit task


def test_quorum_tie_goes_by_edge(engine: Engine) -> None:
    """Two inputs at 1, one needed. Edge 0 is used although it comes from the higher task."""
    case = world([1, 1, 1], [0] * 3, [(1, 2, 1), (0, 2, 1)], joins={2: {"need": 1}}, nodes=WIDE)
    assert engine(*case).used[0].tolist() == [1, 0]


def test_quorum_goes_by_time_before_edge(engine: Engine) -> None:
    """Two of three needed. Edge 2 comes at 1; edges 0 and 1 both at 2: edges 2 and 0 are used."""
    case = world(
        [2, 2, 1, 1],
        [0] * 4,
        [(1, 3, 1), (0, 3, 1), (2, 3, 1)],
        joins={3: {"need": 2}},
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 3] == 2.0
    assert log.used[0].tolist() == [1, 0, 1]


def test_quorum_counts_usable_times(engine: Engine) -> None:
    """Node 1 wakes in 1 s: edge 0 is delivered at 1 and usable at 2; a local one at 1.5 wins."""
    case = world(
        [1, 1.5, 1],
        [0, 1, 1],
        [(0, 2, 0), (1, 2, 1)],
        joins={2: {"need": 1}},
        nodes={"slots": 2, "wake_s": 1.0},
    )
    log = engine(*case)
    assert log.start[0, 2] == 1.5
    assert log.used[0].tolist() == [0, 1]


@pytest.mark.parametrize(("second", "used"), [(2.0, [1, 1]), (2.5, [1, 0])])
def test_delivery_exactly_at_the_deadline(engine: Engine, second: float, used: list[int]) -> None:
    """Two inputs needed, deadline 2: one at 1, the other at 2 (counts) or 2.5 (does not)."""
    case = world(
        [1, second, 1], [0] * 3, [(0, 2, 1), (1, 2, 1)], joins={2: {"deadline": 2.0}}, nodes=WIDE
    )
    log = engine(*case)
    assert log.start[0, 2] == 2.0
    assert log.used[0].tolist() == used


def test_deadline_waits_until_the_instant_is_over(engine: Engine) -> None:
    """Task 1 ends at 2; task 2 (0 s) follows it and delivers at 2, in a later round: it counts."""
    case = world(
        [1, 2, 0, 1],
        [0] * 4,
        [(0, 3, 1), (1, 2, 1), (2, 3, 1)],
        joins={3: {"deadline": 2.0}},
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 3] == 2.0
    assert log.used[0].tolist() == [1, 1, 1]


def test_deadline_takes_all_that_is_there(engine: Engine) -> None:
    """Three inputs needed; at the deadline 2 those of 1 and 1.5 are there, and both are used."""
    case = world(
        [1, 1.5, 3, 1],
        [0] * 4,
        [(0, 3, 1), (1, 3, 1), (2, 3, 1)],
        joins={3: {"deadline": 2.0}},
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 3] == 2.0
    assert log.used[0].tolist() == [1, 1, 0]


def test_delivery_caused_by_a_deadline_is_too_late(engine: Engine) -> None:
    """Joins 3 and 4 both have one input at 1, another at 9 and the deadline 2; 3 feeds 4.

    At 2 both close with one input. Task 3 (0 s) then delivers at 2, after the deadline of task 4.
    """
    case = world(
        [1, 9, 0, 0, 1],
        [0] * 5,
        [(0, 3, 1), (1, 3, 1), (0, 4, 1), (1, 4, 1), (3, 4, 1)],
        joins={3: {"deadline": 2.0}, 4: {"deadline": 2.0}},
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 3:].tolist() == [2.0, 2.0]
    assert log.delivered[0, 4] == 2.0
    assert log.used[0].tolist() == [1, 0, 1, 0, 0]


@pytest.mark.parametrize(("durations", "used"), [([3, 4], [0, 1]), ([3, 3], [1, 0])])
def test_deadline_without_input(engine: Engine, durations: list[float], used: list[int]) -> None:
    """Nothing is there at 1, so the first input closes the join at 3, alone.

    Edge 1 comes from task 0, edge 0 from task 1: at 4, or at 3 too, when its lower id decides.
    """
    case = world(
        [*durations, 1], [0] * 3, [(1, 2, 1), (0, 2, 1)], joins={2: {"deadline": 1.0}}, nodes=WIDE
    )
    log = engine(*case)
    assert log.start[0, 2] == 3.0
    assert log.used[0].tolist() == used


def test_deadline_counts_from_the_arrival(engine: Engine) -> None:
    """The request comes at 10, inputs at 11 and 19, deadline 10 + 2."""
    case = world(
        [1, 9, 1],
        [0] * 3,
        [(0, 2, 1), (1, 2, 1)],
        joins={2: {"deadline": 2.0}},
        nodes=WIDE,
        requests=[10.0],
    )
    assert engine(*case).start[0, 2] == 12.0


def test_quorum_before_the_deadline(engine: Engine) -> None:
    """One needed, at 1; the deadline at 2 changes nothing any more."""
    case = world(
        [1, 1.5, 1],
        [0] * 3,
        [(0, 2, 1), (1, 2, 1)],
        joins={2: {"need": 1, "deadline": 2.0}},
        nodes=WIDE,
    )
    log = engine(*case)
    assert log.start[0, 2] == 1.0
    assert log.used[0].tolist() == [1, 0]


# Task 3 waits for the first of task 0 (1 s, node 0) and the chain 1 -> 2 on node 1.
CHAIN = [(0, 3, 0), (1, 2, 0), (2, 3, 0)]


def test_late_cancel(engine: Engine) -> None:
    """Task 1 runs 0-4, so it goes on; task 2 has not started at 1: removed. Its input is unused."""
    case = world([1, 4, 1, 1], [0, 1, 1, 0], CHAIN, joins={3: {"need": 1, "cancel": True}})
    log = engine(*case)
    assert log.state[0].tolist() == [FINISHED, FINISHED, CANCELLED, FINISHED]
    assert np.isnan([log.ready[0, 2], log.start[0, 2], log.finish[0, 2]]).all()
    assert log.delivered[0].tolist()[:2] == [1.0, 4.0]
    assert log.used[0].tolist() == [1, 0, -1]


def test_late_keep(engine: Engine) -> None:
    """The same join without cancel: task 2 runs 4-5, its message is not used."""
    log = engine(*world([1, 4, 1, 1], [0, 1, 1, 0], CHAIN, joins={3: {"need": 1}}))
    assert (log.state[0] == FINISHED).all()
    assert log.finish[0].tolist() == [1.0, 4.0, 5.0, 2.0]
    assert log.used[0].tolist() == [1, 1, 0]


def test_late_cancel_goes_back_along_a_chain(engine: Engine) -> None:
    """Task 4 (3 s) keeps node 1 busy, so task 1 has not started at 1: tasks 2 and 1 are removed."""
    case = world(
        [1, 4, 1, 1, 3],
        [0, 1, 1, 0, 1],
        CHAIN,
        priority=[1, 1, 1, 1, 0],
        joins={3: {"need": 1, "cancel": True}},
    )
    log = engine(*case)
    assert log.state[0].tolist() == [FINISHED, CANCELLED, CANCELLED, FINISHED, FINISHED]
    assert log.ready[0, 1] == 0.0
    assert log.slot[0, 1] == -1


def test_late_cancel_spares_what_others_need(engine: Engine) -> None:
    """Task 2 also feeds task 4, so it is still useful after task 3 has closed, and so is task 1."""
    case = world(
        [1, 4, 1, 1, 1],
        [0, 1, 1, 0, 1],
        [*CHAIN, (2, 4, 1)],
        joins={3: {"need": 1, "cancel": True}},
    )
    log = engine(*case)
    assert (log.state[0] == FINISHED).all()
    assert log.finish[0, 4] == 6.0


def test_late_cancel_waits_for_the_last_consumer(engine: Engine) -> None:
    """Task 2 (ready behind task 4 until 9) feeds joins 3 and 5, closed at 1 and 2: removed at 2."""
    case = world(
        [1, 2, 1, 0, 9, 0],
        [0, 0, 1, 0, 1, 0],
        [(0, 3, 1), (2, 3, 0), (1, 5, 1), (2, 5, 0)],
        priority=[0, 0, 1, 0, 0, 0],
        joins={3: {"need": 1, "cancel": True}, 5: {"need": 1, "cancel": True}},
        nodes={"slots": [2, 1]},
    )
    log = engine(*case)
    assert log.state[0].tolist() == [FINISHED, FINISHED, CANCELLED, FINISHED, FINISHED, FINISHED]
    assert log.completed[0] == 9.0


def test_late_cancel_spares_exit_tasks(engine: Engine) -> None:
    """Task 0 feeds only the next request (lag 1), so it is an exit task: it runs although unused.

    Task 3 (5 s) keeps node 1 busy; task 2 of request 1 closes at 2 with task 1 alone.
    """
    case = world(
        [1, 1, 0, 5],
        [1, 0, 0, 1],
        [(0, 2, 0, {"lag": 1}), (1, 2, 1)],
        priority=[1, 0, 0, 0],
        joins={2: {"need": 1, "cancel": True}},
        requests=[0, 0],
    )
    log = engine(*case)
    assert (log.state == FINISHED).all()
    assert log.start[:, 2].tolist() == [1.0, 2.0]
    assert log.start[:, 0].tolist() == [5.0, 11.0]
    assert log.used[0].tolist() == [0, 1]


def test_interrupted_task_counts_as_not_started(engine: Engine) -> None:
    """Task 1 (10 s) runs when task 2 closes at 1; an outage interrupts it at 3: removed."""
    case = world(
        [1, 10, 1],
        [0, 1, 0],
        [(0, 2, 1), (1, 2, 0)],
        joins={2: {"need": 1, "cancel": True}},
        outages=[(1, 3.0, 4.0)],
    )
    log = engine(*case)
    assert log.state[0].tolist() == [FINISHED, CANCELLED, FINISHED]
    simulation = engine.start(*case)
    simulation.run(3.0)
    assert simulation.log().state[0, 1] == CANCELLED  # at 3 already, after the outage began
    assert [column.tolist() for column in log.attempts] == [[0], [1], [0], [0.0], [3.0]]
    assert np.isnan(log.start[0, 1])


def test_inputs_stay_used_when_their_consumer_is_cancelled(engine: Engine) -> None:
    """Task 2 closes at 1 with the output of task 0 but waits behind task 4 (9 s).

    Task 3 closes at 2 with task 1 and cancels task 2. What task 0 sent was an input nevertheless.
    """
    case = world(
        [1, 2, 1, 1, 9],
        [0, 0, 1, 0, 1],
        [(0, 2, 0), (2, 3, 0), (1, 3, 0)],
        priority=[0, 0, 1, 0, 0],
        joins={3: {"need": 1, "cancel": True}},
        nodes={"slots": [2, 1]},
    )
    log = engine(*case)
    assert log.state[0, 2] == CANCELLED
    assert log.used[0].tolist() == [1, -1, 1]


def test_strict_order_passes_over_cancelled_tasks(engine: Engine) -> None:
    """Node 1 runs 1, 2, 4 in this order; task 2 is removed at 1, so task 4 follows task 1 at 4."""
    case = world(
        [1, 4, 1, 1, 1],
        [0, 1, 1, 0, 1],
        CHAIN,
        joins={3: {"need": 1, "cancel": True}},
        dispatch="strict",
    )
    assert engine(*case).start[0].tolist()[3:] == [1.0, 4.0]


def test_strict_order_waits_for_late_quorum_members(engine: Engine) -> None:
    """Without cancel task 2 keeps its place, although nobody uses it: task 4 starts at 5."""
    case = world([1, 4, 1, 1, 1], [0, 1, 1, 0, 1], CHAIN, joins={3: {"need": 1}}, dispatch="strict")
    assert engine(*case).start[0].tolist()[3:] == [1.0, 5.0]
