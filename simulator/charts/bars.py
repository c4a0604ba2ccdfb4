"""What a Gantt chart draws: rows for slots and links, and the bars that go into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.occupancy import Occupancy

if TYPE_CHECKING:
    from simulator.trace import Trace

MOST_NODES, MOST_LINKS = 24, 8
"""Nodes beyond this are shown only if they ran something; of links the busiest are shown."""

FEW = 24
"""Executions that a window shows at least, unless it grew beyond three times the latency."""

GAP, LINK_GAP, SECTION_GAP = 0.22, 0.12, 0.75
"""Space between nodes, between links, and between the two sections, in rows."""


@dataclass(frozen=True)
class Band:
    """The rows of one node or link.

    Parameters
    ----------
    index : int, of the node or link
    name : str
    is_link : bool
    top, height : float
        Vertical position in rows, downwards.
    lanes : int
        Slots of a node; messages side by side on a link.
    """

    index: int
    name: str
    is_link: bool
    top: float
    height: float
    lanes: int

    @property
    def middle(self) -> float:
        """Vertical centre."""
        return self.top + self.height / 2


@dataclass(frozen=True, eq=False)
class Bars:
    """B rectangles: executions or messages.

    Parameters
    ----------
    band, lane, request, item : (B,) int arrays
        `item` is the task or the edge.
    start, end : (B,) float arrays, seconds
    finished : (B,) bool array, False for an execution ended by an outage
    """

    band: IntArray
    lane: IntArray
    request: IntArray
    item: IntArray
    start: FloatArray
    end: FloatArray
    finished: BoolArray

    def __len__(self) -> int:
        return len(self.start)

    def within(self, window: tuple[float, float]) -> Bars:
        """The bars that a window of time shows at least in part."""
        keep = (self.end >= window[0]) & (self.start <= window[1])
        return self.where(keep)

    def where(self, keep: BoolArray) -> Bars:
        """The bars selected by a mask."""
        return Bars(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


def executions(trace: Trace) -> Bars:
    """Every execution; `band` is the node, `lane` the slot."""
    x = trace.record.executions
    return Bars(x.node, x.slot, x.request, x.task, x.start, x.end, x.finished)


def transfers(trace: Trace) -> Bars:
    """Every message on every link it occupies; `band` is the link."""
    o = Occupancy(trace.record)
    lane = np.array([lane for _, lane in o.threads], dtype=np.int64)
    lanes = lane[o.tid] if len(o.tid) else o.tid
    return Bars(o.link, lanes, o.request, o.edge, o.start, o.end, np.ones(len(o.tid), np.bool_))


def node_bands(trace: Trace, shown: Bars) -> tuple[list[Band], int]:
    """Rows of the nodes, a row for each slot, and how many idle nodes were left out."""
    problem = trace.problem
    busy = set(np.unique(shown.band).tolist())
    chosen = [n for n in range(problem.n_nodes) if n in busy or problem.n_nodes <= MOST_NODES]
    bands: list[Band] = []
    top = 0.0
    for n in chosen:
        slots = int(problem.arrays.slots[n])
        height = 1.0 if slots == 1 else 0.72 * slots
        bands.append(Band(n, problem.node_names[n], False, top, height, slots))
        top += height + GAP
    return bands, problem.n_nodes - len(chosen)


def link_bands(trace: Trace, shown: Bars, top: float) -> tuple[list[Band], int]:
    """Rows of the busiest links that carry something, and how many more there are."""
    names = trace.problem.link_names
    seconds = np.bincount(shown.band, weights=shown.end - shown.start, minlength=len(names))
    used = np.unique(shown.band)
    chosen = np.sort(used[np.argsort(-seconds[used], kind="stable")][:MOST_LINKS])
    bands: list[Band] = []
    low = 0.62 if top < 16 else 1.0  # where rows are low anyway, those of links are not lower
    for link in chosen.tolist():
        lanes = int(shown.lane[shown.band == link].max()) + 1
        height = low * min(max(lanes, 1), 3) ** 0.6
        bands.append(Band(link, names[link], True, top, height, lanes))
        top += height + LINK_GAP
    return bands, len(used) - len(chosen)


def depth_of_tasks(trace: Trace) -> IntArray:
    """(T,) number of lag-0 edges on the longest path from an entry task."""
    arrays = trace.record.arrays
    depth = np.zeros(arrays.n_tasks, dtype=np.int64)
    ptr, edges = arrays.in_csr
    for t in arrays.topological:
        for e in edges[ptr[t] : ptr[t + 1]]:
            if arrays.edge_lag[e] == 0:
                depth[t] = max(depth[t], depth[arrays.edge_src[e]] + 1)
    return depth


def telling_window(trace: Trace, bars: Bars, most: int) -> tuple[float, float] | None:
    """Part of a long run worth looking at: around the request at the 99th percentile of latency.

    Returns
    -------
    (begin, end) in seconds, or None when the whole run has at most `most` executions.
    """
    if len(bars) <= most or trace.record.n_requests == 1:
        return None
    r = telling_request(trace)
    if r is None:
        return None
    log = trace.log
    begin, end = float(log.arrival[r]), float(log.completed[r])
    span = max(end - begin, 1e-12)
    begin, end = begin - 0.5 * span, end + 0.5 * span
    order = np.sort(bars.start[(bars.end >= begin) & (bars.start <= end)])
    if len(order) > most * 2 // 3:  # a crowded system: the end of its stay, where it is served
        return float(order[-most * 2 // 3]), end
    if len(order) < FEW:  # a quiet one: some neighbours on either side
        every = np.sort(bars.start)
        middle = int(np.searchsorted(every, (begin + end) / 2))
        low, high = max(middle - FEW // 2, 0), min(middle + FEW // 2, len(every) - 1)
        begin = max(min(begin, float(every[low])), begin - 0.5 * span)
        end = min(max(end, float(every[high])), end + 0.5 * span)
    return begin, end


def telling_request(trace: Trace) -> int | None:
    """The completed request whose latency is nearest to the 99th percentile."""
    latency = trace.log.completed - trace.log.arrival
    done = np.flatnonzero(np.isfinite(latency))
    if len(done) == 0:
        return None
    target = np.quantile(latency[done], 0.99)
    return int(done[np.argmin(np.abs(latency[done] - target))])
