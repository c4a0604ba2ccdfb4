"""Rules of links: degradations and size tables under each network model. Worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.engines import Engine
from tests.worlds import world

INF = math.inf
ALL = pytest.mark.parametrize("network", ["ideal", "fifo", "fair"])
SHARED = pytest.mark.parametrize("network", ["fifo", "fair"])


@SHARED
@pytest.mark.parametrize(("factor", "usable"), [(0.0, 6.0), (0.5, 5.0), (2.0, 3.0)])
def test_degradation(engine: Engine, network: str, factor: float, usable: float) -> None:
    """8 bytes at 2 bytes/s from 0; factor in [1, 3): 2 bytes are done at 1.

    0: nothing happens in [1, 3), 6 bytes are left: 6. 0.5: 2 bytes in [1, 3), 4 left: 5.
    2: 4 bytes/s: the 6 bytes would need 1.5 s: 2.5; with 10 bytes it is 3.
    """
    size = 10.0 if factor == 2.0 else 8.0
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, size)],
        network=network,
        links=[(2.0, 0.0)],
        degradations=[(0, 1.0, 3.0, factor)],
    )
    assert engine(*case).delivered[0, 0] == usable


@SHARED
def test_degradations_multiply_in_list_order(engine: Engine, network: str) -> None:
    """Rate = 1 x (((1.0 x 1.1) x 1.3) x 1.4); the entries start in reverse order."""
    rate = (1.1 * 1.3) * 1.4
    assert 3.0 + 5.0 / rate != 3.0 + 5.0 / ((1.4 * 1.3) * 1.1)
    case = world(
        [3, 0],
        [0, 1],
        [(0, 1, 5.0)],
        network=network,
        degradations=[(0, 2.0, INF, 1.1), (0, 1.0, INF, 1.3), (0, 0.0, INF, 1.4)],
    )
    assert engine(*case).delivered[0, 0] == 3.0 + 5.0 / rate


@SHARED
def test_transfer_that_ends_as_the_link_goes_down(engine: Engine, network: str) -> None:
    """8 bytes at 2 bytes/s end at 4, when the link goes down: they are there."""
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 8.0)],
        network=network,
        links=[(2.0, 0.0)],
        degradations=[(0, 4.0, INF, 0.0)],
    )
    assert engine(*case).delivered[0, 0] == 4.0


@SHARED
def test_link_down_for_good_delivers_nothing(engine: Engine, network: str) -> None:
    """Sent, never delivered, not used; the request is lost."""
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 8.0)],
        network=network,
        degradations=[(0, 3.0, INF, 0.0)],
    )
    log = engine(*case)
    assert np.isnan(log.delivered[0, 0])
    assert log.used[0, 0] == 0
    assert np.isnan(log.completed[0])


def test_degradation_leaves_latency_alone(engine: Engine) -> None:
    """fifo: served 0-2, then 5 s of latency while the link is down: 7."""
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 4.0)],
        network="fifo",
        links=[(2.0, 5.0)],
        degradations=[(0, 3.0, INF, 0.0)],
    )
    assert engine(*case).delivered[0, 0] == 7.0


def test_fifo_queue_waits_for_the_link(engine: Engine) -> None:
    """4 bytes each at 2 bytes/s, down in [2, 5).

    The first is served 0-2. The second enters service at 2, as the link is free, stands still
    until 5 and ends at 7.
    """
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 4.0), (0, 1, 4.0)],
        network="fifo",
        links=[(2.0, 0.0)],
        degradations=[(0, 2.0, 5.0, 0.0)],
    )
    log = engine(*case)
    assert log.delivered[0].tolist() == [2.0, 7.0]
    assert [column.tolist() for column in log.hops[3:]] == [[0.0, 2.0], [2.0, 7.0]]


@pytest.mark.parametrize(("network", "usable"), [("ideal", 6.0), ("fifo", 8.0), ("fair", 6.0)])
def test_size_table(engine: Engine, network: str, usable: float) -> None:
    """2 bytes sent at 1; link 0: 1 byte 1 s, 3 bytes 5 s, so 2 bytes 3 s; link 1: 1 byte/s.

    Nominal bandwidths 4 and 1, latency 1 s each. ideal: 1 + (2 + max(3, 2)) = 6. fifo: 3 s on
    link 0 and 2 s on link 1: 1 + 3 + 1 + 2 + 1 = 8. fair: the 3 s times 1 byte/s are 3 bytes, which
    share from 3 on at 1 byte/s: 6.
    """
    case = world(
        [1, 0],
        [0, 1],
        [(0, 1, 2.0)],
        network=network,
        links=[(4.0, 1.0), (1.0, 1.0)],
        tables={0: [(1.0, 1.0), (3.0, 5.0)]},
    )
    assert engine(*case).delivered[0, 0] == usable


@ALL
@pytest.mark.parametrize(
    ("table", "size", "seconds"),
    [
        ([(4.0, 2.0)], 6.0, 3.0),  # one point: proportional
        ([(1.0, 1.0), (3.0, 5.0)], 5.0, 9.0),  # beyond the last point
        ([(2.0, 3.0), (4.0, 5.0)], 1.0, 2.0),  # before the first point
        ([(2.0, 1.0), (4.0, 5.0)], 1.0, 0.0),  # never below 0
        ([(1.0, 1.0), (2.0, 2.0), (4.0, 8.0)], 3.0, 5.0),  # in the second piece
    ],
)
def test_size_table_interpolates(
    engine: Engine, network: str, table: list[tuple[float, float]], size: float, seconds: float
) -> None:
    """Service on an idle link of 8 bytes/s comes from the table alone, plus 1 s of latency."""
    case = world(
        [0, 0], [0, 1], [(0, 1, size)], network=network, links=[(8.0, 1.0)], tables={0: table}
    )
    assert engine(*case).delivered[0, 0] == seconds + 1.0


@ALL
def test_size_table_leaves_signals_alone(engine: Engine, network: str) -> None:
    """The table says 2 s even for tiny messages; a signal pays the latency only."""
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 0.0)],
        network=network,
        links=[(8.0, 1.0)],
        tables={0: [(1.0, 2.0), (2.0, 2.0)]},
    )
    assert engine(*case).delivered[0, 0] == 1.0


@SHARED
def test_degraded_size_table(engine: Engine, network: str) -> None:
    """2 bytes need 3 s by the table; at half the bandwidth 6 s."""
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 2.0)],
        network=network,
        links=[(4.0, 0.0)],
        tables={0: [(1.0, 1.0), (3.0, 5.0)]},
        degradations=[(0, 0.0, INF, 0.5)],
    )
    assert engine(*case).delivered[0, 0] == 6.0


def test_shared_size_table(engine: Engine) -> None:
    """fair: two messages of 2 bytes, 3 s each by the table, share the link: both end at 6."""
    case = world(
        [0, 0],
        [0, 1],
        [(0, 1, 2.0), (0, 1, 2.0)],
        network="fair",
        links=[(4.0, 0.0)],
        tables={0: [(1.0, 1.0), (3.0, 5.0)]},
    )
    assert engine(*case).delivered[0].tolist() == [6.0, 6.0]
