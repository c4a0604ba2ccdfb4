"""Bookings of messages on links, as compiled planners take them.

`fifo`: a link serves one whole message at a time and the next link of the route begins when it has
arrived there. `fair`: all links of the route take their share of the message from the instant at
which its latency is paid, each for bytes over its own bandwidth; the slowest decides. So a fast
link that carries many slow flows is as busy as they make it, which is what fluid sharing does to
the last of the flows; the others are planned a little early or late.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from schedulers.compiled import helper
from schedulers.view import View, table_seconds
from simulator.arrays import Arrays, FloatArray, IntArray

COUNT = 0
"""Index into `Links.memo`: bookings made so far."""


class Links(NamedTuple):
    """Bookings on all links; B is the largest number of bookings that there can be.

    Parameters
    ----------
    latency : (L,) float array, seconds
    first, last : (L,) int arrays, first and last booking of a link, -1 if there is none
    before, after : (B,) int arrays, neighbours of a booking on its link, -1 at the ends
    link, edge : (B,) int arrays
    start, finish : (B,) float arrays, seconds
    memo : (1,) int array
    """

    latency: FloatArray
    first: IntArray
    last: IntArray
    before: IntArray
    after: IntArray
    link: IntArray
    edge: IntArray
    start: FloatArray
    finish: FloatArray
    memo: IntArray


def new_links(arrays: Arrays) -> Links:
    """Links without bookings, with room for a message of every edge over the longest route."""
    longest = int(np.diff(arrays.route_ptr).max(initial=0))
    rooms = longest * arrays.n_edges
    ends = np.full((2, arrays.n_links), -1, dtype=np.int64)
    chain = np.empty((4, rooms), dtype=np.int64)
    times = np.empty((2, rooms))
    return Links(
        latency=np.array(arrays.latency),
        first=ends[0],
        last=ends[1],
        before=chain[0],
        after=chain[1],
        link=chain[2],
        edge=chain[3],
        start=times[0],
        finish=times[1],
        memo=np.zeros(1, dtype=np.int64),
    )


@helper
def link_service(view: View, link: int, size: float) -> float:
    """Seconds that an idle link needs for a message."""
    tables = view.tables
    lo, hi = tables.table_ptr[link], tables.table_ptr[link + 1]
    if hi > lo:
        return table_seconds(tables.table_bytes, tables.table_s, lo, hi, size)
    return size / tables.bandwidth[link]


@helper
def book_link(
    links: Links, insertion: bool, link: int, edge: int, ready: float, service: float
) -> float:
    """Book a message in the first gap that holds it, or after the last booking; its finish."""
    behind = links.last[link]
    begin = ready if behind < 0 else max(ready, links.finish[behind])
    ahead = -1 + 0 * behind
    if insertion:
        at, next_one = behind, ahead
        while at >= 0 and links.start[at] >= ready + service:
            next_one = at
            at = links.before[at]
            there = ready if at < 0 else max(ready, links.finish[at])
            if there + service <= links.start[next_one]:
                begin, behind, ahead = there, at, next_one
    b = links.memo[COUNT]
    links.memo[COUNT] = b + 1
    links.link[b] = link
    links.edge[b] = edge
    links.start[b] = begin
    links.finish[b] = begin + service
    links.before[b] = behind
    links.after[b] = ahead
    if behind >= 0:
        links.after[behind] = b
    else:
        links.first[link] = b
    if ahead >= 0:
        links.before[ahead] = b
    else:
        links.last[link] = b
    return begin + service


@helper
def take_back(links: Links, until: int) -> None:
    """Undo the latest bookings, so that `until` are left."""
    b = links.memo[COUNT]
    while b > until:
        b -= 1
        link = links.link[b]
        if links.before[b] >= 0:
            links.after[links.before[b]] = links.after[b]
        else:
            links.first[link] = links.after[b]
        if links.after[b] >= 0:
            links.before[links.after[b]] = links.before[b]
        else:
            links.last[link] = links.before[b]
    links.memo[COUNT] = until


@helper
def book_message(
    view: View,
    links: Links,
    insertion: bool,
    fair: bool,
    edge: int,
    a: int,
    b: int,
    sent: float,
    size: float,
) -> float:
    """Book a message on its route; when the node b can use it."""
    if size == 0.0:  # a signal passes everything
        return (sent + view.latency[a, b]) + view.wake[b]
    pair = a * view.latency.shape[0] + b
    there = sent + view.latency[a, b] if fair else sent
    begin = there
    for i in range(view.tables.route_ptr[pair], view.tables.route_ptr[pair + 1]):
        link = view.tables.route_links[i]
        service = link_service(view, link, size)
        if fair:
            there = max(there, book_link(links, insertion, link, edge, begin, service))
        else:
            there = book_link(links, insertion, link, edge, there, service) + links.latency[link]
    return there + view.wake[b]
