"""Every objective on a run worked by hand.

Two nodes: a (1 slot, 10 W idle, 30 W busy, 3.6/h) and b (2 slots, 5 W idle, 25 W busy, 7.2/h).
Three requests arrive at 1, 2, 3 and complete at 4, 4, 11: latencies 3, 2, 8, makespan 10. Node a
is busy for 6 slot-seconds, node b for 4, which is 2 of its 2-slot seconds.
"""

import numpy as np
import pytest

from simulator import Cluster, Node, Objective, Problem, Stream, Task, TaskGraph, Variant
from simulator.objective import METRICS

ARRIVAL = np.array([1.0, 2.0, 3.0])
STREAM = np.array([0, 0, 1])
BUSY = np.array([[6.0, 4.0]])


@pytest.fixture
def problem():
    nodes = [
        Node("a", idle_watts=10.0, busy_watts=30.0, price_per_hour=3.6),
        Node("b", slots=2, idle_watts=5.0, busy_watts=25.0, price_per_hour=7.2),
    ]

    def stream(name, requests, weight):
        task = Task(f"t{name}", (Variant("m", seconds={"*": 1.0}),))
        return Stream(name, TaskGraph((task,)), requests=requests, weight=weight)

    return Problem(Cluster.star("c", nodes, 1.0), (stream("x", 2, 1.0), stream("y", 1, 3.0)))


def value(problem, what, completed=(4.0, 4.0, 11.0), penalty=None):
    objective = Objective(Objective.parse(what).terms, penalty)
    return objective.values(problem, STREAM, ARRIVAL, np.array([completed]), BUSY)[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("makespan", 10.0),
        ("mean_latency", (3 + 2 + 3 * 8) / 5),  # weights 1, 1, 3
        ("p50_latency", 3.0),
        ("p95_latency", 3.0 + 0.9 * 5.0),  # linear between order statistics
        ("p99_latency", 3.0 + 0.98 * 5.0),
        ("throughput", 10.0 / 3),
        ("energy", (6 * 30 + 4 * 10) + (2 * 25 + 8 * 5)),
        ("cost", (3.6 + 7.2) * 10 / 3600),
        ("cost_busy", (3.6 * 6 + 7.2 * 2) / 3600),
        ("balance", 6 / 4),
    ],
)
def test_by_hand(problem, name, expected):
    assert value(problem, name) == pytest.approx(expected, rel=1e-14)


def test_every_metric_has_a_hand_worked_value():
    worked = {m.args[1][i][0] for m in test_by_hand.pytestmark for i in range(len(m.args[1]))}
    assert worked == set(METRICS)


def test_weighted_sum(problem):
    assert value(problem, {"makespan": 2.0, "balance": 4.0}) == pytest.approx(26.0)


def test_a_lost_request_is_infinitely_bad_unless_it_has_a_price(problem):
    lost = (4.0, np.nan, 11.0)
    assert value(problem, "makespan", lost) == np.inf
    assert value(problem, "makespan", lost, penalty=100.0) == pytest.approx(110.0)
    assert value(problem, "p50_latency", lost, penalty=100.0) == pytest.approx(105.5)
    assert value(problem, "mean_latency", lost, penalty=1.0) == pytest.approx((3 + 24) / 4 + 1)
    assert value(problem, "makespan", (np.nan,) * 3, penalty=100.0) == np.inf
