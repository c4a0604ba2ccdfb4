"""Rules of messages: the three network models, signals, degradations, tables. Worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.engines import Engine
from tests.worlds import world

INF = math.inf
ALL = pytest.mark.parametrize("network", ["ideal", "fifo", "fair"])
SHARED = pytest.mark.parametrize("network", ["fifo", "fair"])


def hops(log: Any) -> list[tuple[float, ...]]:
    """Rows (request, edge, link, start, end)."""
    return list(zip(*(column.tolist() for column in log.hops), strict=True))


@ALL
def test_local_messages_are_free(engine: Engine, network: str) -> None:
    """A billion bytes to a task on the same node: at once, without wake-up or send."""
    case = world([1, 1], [0, 0], [(0, 1, 1e9)], network=network, nodes={"wake_s": 5.0, "send_s": 7})
    log = engine(*case)
    assert log.delivered[0].tolist() == [1.0]
    assert log.finish[0].tolist() == [1.0, 2.0]
    assert hops(log) == []


@pytest.mark.parametrize(
    ("network", "usable", "rows"),
    [
        ("ideal", 8.0, []),
        ("fifo", 10.0, [(0, 0, 0, 1.0, 3.0), (0, 0, 1, 4.0, 8.0)]),
        ("fair", 8.0, [(0, 0, 0, 4.0, 8.0), (0, 0, 1, 4.0, 8.0)]),
    ],
)
def test_one_message_over_two_links(
    engine: Engine, network: str, usable: float, rows: list[tuple[float, ...]]
) -> None:
    """8 bytes sent at 1 over 4 bytes/s + 1 s, then 2 bytes/s + 2 s.

    ideal: 1 + (3 + 8/2) = 8. fifo: served 1-3, at the second link at 4, served 4-8, there at 10.
    fair: latency until 4, then both links at once at 2 bytes/s until 8.
    """
    log = engine(*world([1, 1], [0, 1], [(0, 1, 8.0)], network=network, links=[(4, 1), (2, 2)]))
    assert log.delivered[0].tolist() == [usable]
    assert log.start[0, 1] == usable
    assert hops(log) == rows


@ALL
def test_order_of_the_sums_of_a_delivery(engine: Engine, network: str) -> None:
    """(t + x) + wake = (0.1 + 0.2) + 0.3 = 0.6000000000000001, not 0.1 + 0.5."""
    case = world([0.1, 1], [0, 1], [(0, 1, 0.2)], network=network, nodes={"wake_s": 0.3})
    assert engine(*case).delivered[0, 0] == (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


def test_order_of_the_sums_of_an_ideal_transfer(engine: Engine) -> None:
    """t + (L + bytes / bandwidth) = 0.1 + (0.2 + 0.3) = 0.6, not (0.1 + 0.2) + 0.3."""
    case = world([0.1, 1], [0, 1], [(0, 1, 0.3)], links=[(1.0, 0.2)])
    assert engine(*case).delivered[0, 0] == 0.1 + (0.2 + 0.3) != (0.1 + 0.2) + 0.3


@ALL
def test_every_edge_is_a_message_of_its_own(engine: Engine, network: str) -> None:
    """Two edges of 2 bytes to one node, 1 byte/s, from 1 on.

    ideal: both at 3. fifo: 3 and 5. fair: half a byte/s each: both at 5.
    """
    expected = {"ideal": [3.0, 3.0], "fifo": [3.0, 5.0], "fair": [5.0, 5.0]}
    log = engine(*world([1, 1, 1], [0, 1, 1], [(0, 1, 2.0), (0, 2, 2.0)], network=network))
    assert log.delivered[0].tolist() == expected[network]


def test_n_messages_are_n_flows(engine: Engine) -> None:
    """Two messages of task 0 and one of task 1, 2 bytes each, share 3 bytes/s equally: 2."""
    case = world(
        [0, 0, 1],
        [0, 0, 1],
        [(0, 2, 2.0), (0, 2, 2.0), (1, 2, 2.0)],
        network="fair",
        nodes={"slots": 2},
        links=[(3.0, 0.0)],
    )
    assert engine(*case).delivered[0].tolist() == [2.0, 2.0, 2.0]


def test_fifo_latency_does_not_hold_the_link(engine: Engine) -> None:
    """4 bytes each at 2 bytes/s from 1: served 1-3 and 3-5, there 10 s later."""
    case = world([1, 1], [0, 1], [(0, 1, 4.0), (0, 1, 4.0)], network="fifo", links=[(2.0, 10.0)])
    assert engine(*case).delivered[0].tolist() == [13.0, 15.0]


def test_fifo_ties_go_by_id(engine: Engine) -> None:
    """Tasks 0, 1 of requests 0, 1 all end at 1 and send 1 byte: served by request, then edge.

    Edge 0 leaves task 1 and edge 1 task 0: the ids of the edges decide, not those of the tasks.
    """
    case = world(
        [1, 1, 0],
        [0, 0, 1],
        [(1, 2, 1.0), (0, 2, 1.0)],
        network="fifo",
        nodes={"slots": 4},
        requests=[0, 0],
    )
    assert engine(*case).delivered.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_fifo_earlier_messages_first(engine: Engine) -> None:
    """Edge 2 (3 bytes) is served 0-3; edge 1 joins the queue at 1, edge 0 at 2.

    Edge 1 came first: 3-5; edge 0: 5-7, although its id is lower.
    """
    case = world(
        [1, 2, 0, 0],
        [0, 0, 0, 1],
        [(1, 3, 2.0), (0, 3, 2.0), (2, 3, 3.0)],
        network="fifo",
        nodes={"slots": 3},
    )
    assert engine(*case).delivered[0].tolist() == [7.0, 5.0, 3.0]


def test_fifo_serves_routes_that_cross(engine: Engine) -> None:
    """Both messages end on link 1. From node 0 over links 0, 1; from node 2 over link 1 alone.

    3 bytes from node 2 are served by link 1 in 0-3. 2 bytes from node 0: link 0 in 0-2, then they
    wait for link 1: 3-5.
    """
    case = world(
        [0, 0, 0],
        [0, 2, 1],
        [(0, 2, 2.0), (1, 2, 3.0)],
        network="fifo",
        links=[(1.0, 0.0), (1.0, 0.0)],
        routes={(0, 1): [0, 1], (2, 1): [1]},
    )
    log = engine(*case)
    assert log.delivered[0].tolist() == [5.0, 3.0]
    assert hops(log) == [(0, 0, 0, 0.0, 2.0), (0, 0, 1, 3.0, 5.0), (0, 1, 1, 0.0, 3.0)]


def test_fair_share_grows_when_a_flow_ends(engine: Engine) -> None:
    """2 and 6 bytes share 2 bytes/s from 1: 1 byte/s each until 3; the 4 bytes left need 2 s."""
    case = world([1, 0], [0, 1], [(0, 1, 2.0), (0, 1, 6.0)], network="fair", links=[(2.0, 0.0)])
    assert engine(*case).delivered[0].tolist() == [3.0, 5.0]


def test_fair_bottleneck(engine: Engine) -> None:
    """Links of 10 and 4 bytes/s. Flow 0 uses both, flow 1 the first, flow 2 the second.

    The second link has the least share, 2: flows 0 and 2 get 2, flow 1 the other 8. Flow 0
    (4 bytes) ends at 2; then flow 1 has 26 - 16 = 10 left at 10 bytes/s: 3; flow 2 has 6 - 4 = 2
    left at 4 bytes/s: 2.5.
    """
    case = world(
        [0, 0, 0, 0],
        [0, 3, 1, 2],
        [(0, 2, 4.0), (0, 3, 26.0), (1, 2, 6.0)],
        network="fair",
        links=[(10.0, 0.0), (4.0, 0.0)],
        routes={(0, 1): [0, 1], (0, 2): [0], (3, 1): [1]},
    )
    assert engine(*case).delivered[0].tolist() == [2.0, 3.0, 2.5]


def test_fair_latency_comes_first_and_takes_no_bandwidth(engine: Engine) -> None:
    """8 bytes flow over link 0 (2 bytes/s) from 0. 2 bytes from node 2 pay 2 s, then share it.

    Until 2 the first flow has 4 bytes done; then 1 byte/s each: the second ends at 4; the first
    has 2 bytes left at 2 bytes/s: 5.
    """
    case = world(
        [0, 0, 0],
        [0, 2, 1],
        [(0, 2, 8.0), (1, 2, 2.0)],
        network="fair",
        links=[(2.0, 0.0), (100.0, 2.0)],
        routes={(0, 1): [0], (2, 1): [1, 0]},
    )
    log = engine(*case)
    assert log.delivered[0].tolist() == [5.0, 4.0]
    assert hops(log)[1:] == [(0, 1, 1, 2.0, 4.0), (0, 1, 0, 2.0, 4.0)]


def test_fair_rate_that_stays_is_not_re_timed(engine: Engine) -> None:
    """0.9 bytes at 1 byte/s end at 0.9 although a flow starts on another link at 0.2.

    Re-timing at 0.2 would give 0.2 + (0.9 - 0.2), one bit less.
    """
    assert 0.2 + (0.9 - 0.2) != 0.9
    case = world(
        [0, 0.2, 0, 0],
        [0, 0, 1, 2],
        [(0, 2, 0.9), (1, 3, 0.9)],
        network="fair",
        nodes={"slots": 2},
    )
    assert engine(*case).delivered[0, 0] == 0.9


@pytest.mark.parametrize(("network", "usable"), [("fifo", 13.5), ("fair", 12.5)])
def test_signals_pass_links_that_are_down(engine: Engine, network: str, usable: float) -> None:
    """Link of 2 bytes/s, 1 s, down in [0, 10); wake-up 0.5 s; sent at 0: 4 bytes and a signal.

    The signal is there at 0 + 1 + 0.5. fifo: service 10-12, + 1 + 0.5. fair: the latency is paid
    by 1, the bytes flow 10-12, + 0.5.
    """
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 4.0), (0, 1, 0.0)],
        network=network,
        nodes={"wake_s": [0.0, 0.5]},
        links=[(2.0, 1.0)],
        degradations=[(0, 0.0, 10.0, 0.0)],
    )
    log = engine(*case)
    assert log.delivered[0].tolist() == [usable, 1.5]
    assert [row[1] for row in hops(log)] == [0]  # signals occupy nothing


@ALL
def test_signal_pays_the_latency_of_the_route_once(engine: Engine, network: str) -> None:
    """Latencies 0.1, 0.2, 0.3 sum to 0.6000000000000001 in route order; sent at 1."""
    case = world(
        [1, 0], [0, 1], [(0, 1, 0.0)], network=network, links=[(1, 0.1), (1, 0.2), (1, 0.3)]
    )
    assert engine(*case).delivered[0, 0] == 1.0 + ((0.1 + 0.2) + 0.3)
