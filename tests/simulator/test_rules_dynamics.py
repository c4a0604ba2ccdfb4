"""Rules of outages and slow-downs. All worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulator.runlog import FINISHED, LOST
from tests.engines import Engine
from tests.worlds import world

INF = math.inf


def test_outage_restarts_the_task(engine: Engine) -> None:
    """4 s from 0; down in [1, 2): starts anew at 2, ends at 6. The first attempt is on record."""
    log = engine(*world([4], [0], outages=[(0, 1.0, 2.0)]))
    assert (log.ready[0, 0], log.start[0, 0], log.finish[0, 0]) == (0.0, 2.0, 6.0)
    assert [column.tolist() for column in log.attempts] == [[0], [0], [0], [0.0], [1.0]]


def test_finish_exactly_at_the_start_of_an_outage(engine: Engine) -> None:
    """Task 0 ends at 2, when the node fails: it counts. Task 1 waits for the end at 3."""
    log = engine(*world([2, 1], [0, 0], outages=[(0, 2.0, 3.0)]))
    assert log.start[0].tolist() == [0.0, 3.0]
    assert log.finish[0].tolist() == [2.0, 4.0]
    assert len(log.attempts[0]) == 0


def test_work_without_duration_at_the_start_of_an_outage(engine: Engine) -> None:
    """Task 0 ends at 2; task 1 (0 s) would start at 2, but the node is down before the settle."""
    log = engine(*world([2, 0], [0, 0], [(0, 1, 0.0)], outages=[(0, 2.0, 3.0)]))
    assert log.finish[0].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("outages", "start"),
    [
        ([(0, 1.0, 4.0), (0, 2.0, 3.0)], 4.0),  # one within the other
        ([(0, 1.0, 3.0), (0, 2.0, 4.0)], 4.0),  # overlapping
        ([(0, 1.0, 2.0), (0, 2.0, 3.0)], 3.0),  # one begins as the other ends
        ([(0, 2.0, 3.0), (0, 1.0, 2.0)], 3.0),  # the same in the other order of the list
        ([(0, 1.0, 2.0), (0, 1.0, 2.0)], 2.0),  # twice the same
    ],
)
def test_overlapping_outages_are_counted(
    engine: Engine, outages: list[tuple[int, float, float]], start: float
) -> None:
    """The node is up again when the last of the outages has ended; one attempt is lost."""
    log = engine(*world([5], [0], outages=outages))
    assert (log.start[0, 0], log.finish[0, 0]) == (start, start + 5.0)
    assert len(log.attempts[0]) == 1


def test_restart_at_every_outage(engine: Engine) -> None:
    """2 s; down in [1, 2) and [3, 4): starts at 0, 2 and 4, ends at 6."""
    log = engine(*world([2], [0], outages=[(0, 1.0, 2.0), (0, 3.0, 4.0)]))
    assert log.finish[0, 0] == 6.0
    assert [column.tolist() for column in log.attempts[3:]] == [[0.0, 2.0], [1.0, 3.0]]


def test_outage_without_end_loses_the_request(engine: Engine) -> None:
    """Task 0 runs on node 1, task 1 on node 0, which dies at 1. Request 0 never completes."""
    log = engine(*world([3, 5], [1, 0], outages=[(0, 1.0, INF)]))
    assert log.state[0].tolist() == [FINISHED, LOST]
    assert np.isnan([log.start[0, 1], log.finish[0, 1], log.completed[0], log.makespan]).all()
    assert [column.tolist() for column in log.attempts] == [[0], [1], [0], [0.0], [1.0]]


def test_lost_tasks_lose_what_follows(engine: Engine) -> None:
    """Node 1 is down for good from 0: task 0 never runs, task 1 is never ready. Request 1 too."""
    log = engine(*world([1, 1], [1, 0], [(0, 1, 1.0)], requests=[0, 5], outages=[(1, 0.0, INF)]))
    assert (log.state == LOST).all()
    assert log.ready[:, 0].tolist() == [0.0, 5.0]
    assert np.isnan(log.ready[:, 1]).all()
    assert (log.used == -1).all()


def test_messages_and_outputs_survive_outages(engine: Engine) -> None:
    """Task 0 (1 s, node 0) sends 4 bytes at 1 byte/s: usable at 5.

    Its own node is down in [2, 9), the receiver's in [3, 6): task 1 starts at 6.
    """
    log = engine(*world([1, 1], [0, 1], [(0, 1, 4.0)], outages=[(0, 2.0, 9.0), (1, 3.0, 6.0)]))
    assert log.delivered[0, 0] == 5.0
    assert log.start[0].tolist() == [0.0, 6.0]


def test_strict_restarts_in_sequence_order(engine: Engine) -> None:
    """Two slots; tasks of 3, 1, 1, 1 s; down in [1.5, 2).

    Task 1 ends at 1, tasks 0 and 2 are interrupted. At 2 they start again, before task 3, which
    follows task 2 at 3.
    """
    case = world(
        [3, 1, 1, 1],
        [0] * 4,
        dispatch="strict",
        nodes={"slots": 2},
        outages=[(0, 1.5, 2.0)],
    )
    log = engine(*case)
    assert log.start[0].tolist() == [2.0, 0.0, 2.0, 3.0]
    assert log.finish[0].tolist() == [5.0, 1.0, 3.0, 4.0]
    assert [column.tolist() for column in log.attempts[:2]] == [[0, 0], [0, 2]]


def test_interrupted_task_competes_by_its_key(engine: Engine) -> None:
    """Greedy: task 1 (3 s) is interrupted at 1; meanwhile task 0, better in priority, is ready.

    Task 2 (node 1, 1.5 s) readies task 0 by a signal at 1.5. At 2 task 0 goes first.
    """
    log = engine(*world([1, 3, 1.5], [0, 0, 1], [(2, 0, 0.0)], outages=[(0, 1.0, 2.0)], nodes={}))
    assert log.start[0].tolist() == [2.0, 3.0, 0.0]


def test_slow_down(engine: Engine) -> None:
    """4 s; factor 2 in [1, 3): 1 s done at 1, 2 s at 3, the rest at full speed: 5."""
    log = engine(*world([4], [0], slowdowns=[(0, 1.0, 3.0, 2.0)]))
    assert log.finish[0, 0] == 5.0


def test_slow_down_of_another_node(engine: Engine) -> None:
    """Slow-downs of node 1 do not touch node 0."""
    log = engine(*world([4, 1], [0, 1], slowdowns=[(1, 0.0, 3.0, 2.0)]))
    assert log.finish[0].tolist() == [4.0, 2.0]


def test_finish_exactly_at_the_start_of_a_slow_down(engine: Engine) -> None:
    """Task 0 ends at 2, task 1 starts at 2 at half speed."""
    log = engine(*world([2, 1], [0, 0], slowdowns=[(0, 2.0, INF, 2.0)]))
    assert log.finish[0].tolist() == [2.0, 4.0]


def test_the_whole_hold_is_slowed(engine: Engine) -> None:
    """Hold = (1 dispatch + 2 work) + 1 send = 4 s at factor 2: 8 s; the message leaves then."""
    case = world(
        [2, 0],
        [0, 1],
        [(0, 1, 0.0)],
        nodes={"dispatch_s": [1.0, 0.0], "send_s": 1.0},
        slowdowns=[(0, 0.0, INF, 2.0)],
    )
    assert engine(*case).finish[0].tolist() == [8.0, 8.0]


def test_slow_down_product_in_list_order(engine: Engine) -> None:
    """Factors 1.1, 1.3, 1.4 in list order give (1.1 x 1.3) x 1.4; they start in reverse order.

    The pace enters as a rate: finish = 3 + 1 / (1.0 / pace), not 3 + 1 x pace.
    """
    pace = (1.1 * 1.3) * 1.4
    assert 3.0 + 1.0 / (1.0 / pace) != 3.0 + 1.0 / (1.0 / ((1.4 * 1.3) * 1.1))
    factors = [(0, 2.0, INF, 1.1), (0, 1.0, INF, 1.3), (0, 0.0, INF, 1.4)]
    log = engine(*world([1], [0], requests=[3.0], slowdowns=factors))
    assert log.finish[0, 0] == 3.0 + 1.0 / (1.0 / pace)


def test_slow_down_times_co_run(engine: Engine) -> None:
    """Two tasks of 3 s side by side: rate = 1.0 / (1.1 x 1.7), finish = 0 + 3 / rate."""
    rate = 1.0 / (1.1 * 1.7)
    assert 3.0 / rate != 3.0 / (1.0 / 1.1 / 1.7)
    case = world(
        [3, 3],
        [0, 0],
        nodes={"slots": 2, "corun": [1.0, 1.7]},
        slowdowns=[(0, 0.0, INF, 1.1)],
    )
    assert engine(*case).finish[0].tolist() == [3.0 / rate] * 2


def test_equal_product_keeps_the_finish(engine: Engine) -> None:
    """At 0.2 one slow-down of factor 1 ends and another starts: nothing is re-timed.

    0.9 s end at 0.9; re-timing at 0.2 would lose the last bit.
    """
    assert 0.2 + (0.9 - 0.2) != 0.9
    log = engine(*world([0.9], [0], slowdowns=[(0, 0.0, 0.2, 1.0), (0, 0.2, 9.0, 1.0)]))
    assert log.finish[0, 0] == 0.9


def test_the_product_decides_whether_to_re_time(engine: Engine) -> None:
    """1 s; factor 1.9 until 0.1, then the next float above it, whose rate 1.0 / factor is equal.

    The product changed, so the finish is computed anew: 0.1 + (1 - rate x 0.1) / rate.
    """
    above = math.nextafter(1.9, 2.0)
    rate = 1.0 / 1.9
    assert rate == 1.0 / above
    expected = 0.1 + (1.0 - rate * 0.1) / rate
    assert expected != 1.0 / rate
    log = engine(*world([1], [0], slowdowns=[(0, 0.0, 0.1, 1.9), (0, 0.1, INF, above)]))
    assert log.finish[0, 0] == expected


def test_interrupted_work_is_the_same_again(engine: Engine) -> None:
    """2 s x factor 1.5, slowed by 2 from 4 on: lost at 1, again from 4: 4 + 3 x 2 = 10."""
    case = world(
        [2],
        [0],
        task_factor=[[1.5]],
        outages=[(0, 1.0, 4.0)],
        slowdowns=[(0, 4.0, INF, 2.0)],
    )
    assert engine(*case).finish[0, 0] == 10.0
