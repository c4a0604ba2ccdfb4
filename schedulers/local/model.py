"""A problem as the compiled local search takes it: flat tables, one number for each question.

Everything is derived from the `View`: the same holds, the same transfers, bit for bit.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schedulers.compiled import entry
from schedulers.view import View, transfer_seconds, view_of
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

IndexArray = NDArray[np.uint32]

MOST_CELLS = 2_000_000
"""Transfers that are tabulated, by edge, variant and class of node pairs (16 MB)."""


class Model(NamedTuple):
    """Tables of a problem. A slot is an edge in the order of `View.in_src`; C counts classes.

    Parameters
    ----------
    n_variants, n_nodes : int
    hold : (T * V * N,) float array, seconds, +inf where not allowed
    in_ptr, in_src : edges entering each task: producers
    out_ptr, out_dst, out_slot : edges leaving each task: consumers and slots
    tabulated : bool, whether transfers are read from `transfer`, else latency + bytes / bandwidth
    n_classes : int
    pair_class : (N * N,) index array, ordered pairs of nodes with the same route and wake
    transfer : (slots * V * C,) float array, seconds by slot, variant and class
    latency, bandwidth : (N * N,) float arrays
    size : (slots * V,) float array, bytes
    wakes : bool; wake : (N * N,) float array, 0 on the diagonal
    option_ptr, option_node, option_variant : choices of each task, by node and then variant
    exits : index array, tasks without consumers
    floor : (T,) float array
        Least seconds from a task's finish to the end, whatever the placement.
    slots : (N,) int array; most_slots : int
    sends : bool; send_s, send_s_per_byte, rate : (N,) float arrays
    bare : (T * V * N,) float array, seconds without sending
    """

    n_variants: int
    n_nodes: int
    hold: FloatArray
    in_ptr: IndexArray
    in_src: IndexArray
    out_ptr: IndexArray
    out_dst: IndexArray
    out_slot: IndexArray
    tabulated: bool
    n_classes: int
    pair_class: IndexArray
    transfer: FloatArray
    latency: FloatArray
    bandwidth: FloatArray
    size: FloatArray
    wakes: bool
    wake: FloatArray
    option_ptr: IndexArray
    option_node: IndexArray
    option_variant: IndexArray
    exits: IndexArray
    floor: FloatArray
    slots: IntArray
    most_slots: int
    sends: bool
    send_s: FloatArray
    send_s_per_byte: FloatArray
    rate: FloatArray
    bare: FloatArray

    @property
    def n_tasks(self) -> int:
        """Number of tasks T."""
        return len(self.in_ptr) - 1

    @property
    def linear(self) -> bool:
        """Whether a finish is a longest path: one slot everywhere, and sending costs nothing."""
        return self.most_slots == 1 and not self.sends


_MODELS: weakref.WeakKeyDictionary[Problem, Model] = weakref.WeakKeyDictionary()


def model_of(problem: Problem) -> Model:
    """The tables of a problem; made once and kept while the problem lives."""
    model = _MODELS.get(problem)
    if model is None:
        model = _MODELS[problem] = _build(problem)
    return model


def indices(values: object) -> IndexArray:
    """A contiguous uint32 array."""
    return np.ascontiguousarray(values, dtype=np.uint32)


def _build(problem: Problem) -> Model:
    view = view_of(problem)
    n_tasks, n_variants, n_nodes = view.hold.shape
    pair_class, first = _classes(view, problem)
    cells = view.in_size.size * len(first)
    tabulated = view.has_tables or cells <= MOST_CELLS
    transfer = np.zeros(cells if tabulated else 0)
    if tabulated:
        _tabulate(view, view.in_size.reshape(-1), first, transfer)
    wake = np.broadcast_to(view.wake, (n_nodes, n_nodes)).copy()
    np.fill_diagonal(wake, 0.0)
    allowed: BoolArray = np.asarray(np.isfinite(view.hold))
    task, node, variant = np.nonzero(allowed.transpose(0, 2, 1))
    return Model(
        n_variants=n_variants,
        n_nodes=n_nodes,
        hold=view.hold.reshape(-1).copy(),
        in_ptr=indices(view.in_ptr),
        in_src=indices(view.in_src),
        out_ptr=indices(view.out_ptr),
        out_dst=indices(view.out_dst),
        out_slot=indices(_out_slots(view, problem)),
        tabulated=bool(tabulated),
        n_classes=len(first),
        pair_class=indices(pair_class),
        transfer=transfer,
        latency=np.nan_to_num(view.latency.reshape(-1), nan=0.0),
        bandwidth=np.nan_to_num(view.bandwidth.reshape(-1), nan=np.inf, posinf=np.inf),
        size=view.in_size.reshape(-1).copy(),
        wakes=bool(view.wake.any()),
        wake=wake.reshape(-1),
        option_ptr=indices(np.concatenate([[0], np.cumsum(np.bincount(task, minlength=n_tasks))])),
        option_node=indices(node),
        option_variant=indices(variant),
        exits=indices(np.flatnonzero(np.diff(view.out_ptr) == 0)),
        floor=_floor(view),
        slots=view.slots,
        most_slots=view.most_slots,
        sends=view.sends,
        send_s=view.send_s,
        send_s_per_byte=view.send_s_per_byte,
        rate=view.rate,
        bare=view.bare.reshape(-1).copy(),
    )


def _classes(view: View, problem: Problem) -> tuple[IntArray, IntArray]:
    """(class of every ordered pair, first pair of every class); class 0 is the diagonal."""
    n = view.n_nodes
    if view.has_tables:
        pairs = np.arange(n * n)
        diagonal = pairs // n == pairs % n
        number = np.where(diagonal, 0, np.cumsum(~diagonal))
        first = np.concatenate([[0], pairs[~diagonal]])
        return number, first
    keys = np.stack([view.latency.reshape(-1), view.bandwidth.reshape(-1)], axis=1)
    keys = np.where(np.isnan(keys), -1.0, keys)
    keys[:: n + 1] = (-2.0, -2.0)
    _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return number.reshape(-1), first


@entry
def _tabulate(view: View, size: FloatArray, first: IntArray, transfer: FloatArray) -> None:
    """Transfer seconds of every message for one pair of each class."""
    n, count = view.latency.shape[0], first.shape[0]
    for i in range(size.shape[0]):
        for c in range(count):
            a, b = first[c] // n, first[c] % n
            if a != b:
                transfer[i * count + c] = transfer_seconds(view, a, b, size[i])


def _out_slots(view: View, problem: Problem) -> IntArray:
    """(edges,) slot of every outgoing edge."""
    now = np.flatnonzero(problem.arrays.edge_lag == 0)
    incoming = now[np.argsort(problem.arrays.edge_dst[now], kind="stable")]
    slot = np.zeros(problem.n_edges, dtype=np.int64)
    slot[incoming] = np.arange(len(incoming))
    return slot[view.out_edge]


def _floor(view: View) -> FloatArray:
    """(T,) longest path of fastest holds behind each task."""
    least = view.hold.reshape(view.n_tasks, -1).min(axis=1)
    if view.sends:
        least = (view.bare / view.rate).reshape(view.n_tasks, -1).min(axis=1)
    floor = np.zeros(view.n_tasks)
    for t in view.topological[::-1]:
        for s in view.out_dst[view.out_ptr[t] : view.out_ptr[t + 1]]:
            floor[t] = max(floor[t], least[s] + floor[s])
    return floor
