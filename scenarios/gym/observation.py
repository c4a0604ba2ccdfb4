"""What an agent sees: tasks, nodes, the plan so far, and what every place would offer.

All times are in units of HEFT's planned makespan of the same problem, so that numbers are of the
same size whatever the problem is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.ranks import Ranks
from schedulers.stepwise import Steps
from simulator.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASK_FEATURES = (
    "exists", "mean_seconds", "least_seconds", "upward_rank", "downward_rank", "inputs_missing",
    "ready", "placed", "start", "finish",
)  # fmt: skip
NODE_FEATURES = ("exists", "free_from", "share_of_tasks", "busy_seconds", "mean_seconds", "slots")
OFFER_FEATURES = ("open", "start", "finish", "seconds", "idle_before")
"""Columns of the observation's arrays, in this order."""

Observation = dict[str, "NDArray[Any]"]


def observe(
    steps: Steps, ranks: Ranks, unit: float, mask: BoolArray, shape: tuple[int, int]
) -> Observation:
    """Arrays of the sizes (tasks, nodes) = `shape`; what does not exist is 0.

    Parameters
    ----------
    steps : Steps
    ranks : Ranks
    unit : float, seconds
    mask : (actions,) bool array
    shape : (int, int)

    Returns
    -------
    dict
        ``tasks`` (T, 10), ``nodes`` (N, 6), ``offers`` (T, N, 5), ``messages`` (T, T): mean
        transfer from task to task, ``action_mask`` (actions,).
    """
    n_tasks, n_nodes = shape
    tasks = np.zeros((n_tasks, len(TASK_FEATURES)), dtype=np.float32)
    nodes = np.zeros((n_nodes, len(NODE_FEATURES)), dtype=np.float32)
    offers = np.zeros((n_tasks, n_nodes, len(OFFER_FEATURES)), dtype=np.float32)
    messages = np.zeros((n_tasks, n_tasks), dtype=np.float32)
    t, n = steps.view.n_tasks, steps.view.n_nodes
    tasks[:t] = _tasks(steps, ranks, unit)
    nodes[:n] = _nodes(steps, unit)
    offers[:t, :n] = _offers(steps, unit)
    _messages(steps, ranks, unit, messages)
    return {
        "tasks": tasks,
        "nodes": nodes,
        "offers": offers,
        "messages": messages,
        "action_mask": mask.astype(np.int8),
    }


def _tasks(steps: Steps, ranks: Ranks, unit: float) -> FloatArray:
    placed = steps.node >= 0
    return np.stack(
        [
            np.ones(len(placed)),
            ranks.task / unit,
            steps.view.fastest.min(axis=1) / unit,
            ranks.up / unit,
            ranks.down / unit,
            steps.waiting,
            steps.offers.open.any(axis=1),
            placed,
            steps.start / unit,
            steps.finish / unit,
        ],
        axis=1,
    )


def _nodes(steps: Steps, unit: float) -> FloatArray:
    view, there = steps.view, steps.node >= 0
    busy = np.zeros(view.n_nodes)
    np.add.at(busy, steps.node[there], (steps.finish - steps.start)[there])
    usable = np.isfinite(view.fastest)
    seconds = np.where(usable, view.fastest, 0.0).sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
    return np.stack(
        [
            np.ones(view.n_nodes),
            steps.free / unit,
            np.bincount(steps.node[there], minlength=view.n_nodes) / view.n_tasks,
            busy / unit,
            seconds / unit,
            view.slots,
        ],
        axis=1,
    )


def _offers(steps: Steps, unit: float) -> FloatArray:
    """Idle time before a start is what the node waits after its last task; 0 when filling a gap."""
    offers = steps.offers
    idle = np.where(offers.open, np.maximum(offers.start - steps.free, 0.0), 0.0)
    return np.stack(
        [offers.open, offers.start / unit, offers.finish / unit,
         (offers.finish - offers.start) / unit, idle / unit],
        axis=2,
    )  # fmt: skip


def _messages(steps: Steps, ranks: Ranks, unit: float, out: Any) -> None:
    """Several edges between two tasks count as the longest of them."""
    view = steps.view
    for t in range(view.n_tasks):
        for i in range(int(view.out_ptr[t]), int(view.out_ptr[t + 1])):
            mean = ranks.edge[view.out_edge[i]] / unit
            dst = view.out_dst[i]
            out[t, dst] = max(out[t, dst], mean)
