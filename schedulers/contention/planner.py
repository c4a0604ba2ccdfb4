"""List scheduling in which messages are booked on the links of their route."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.contention.links import COUNT, Links, book_message, new_links, take_back
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, book, earliest, new_lanes
from schedulers.view import View, view_of
from simulator.arrays import FAIR, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

NEXT = 0
"""Index into `State.memo`: how many tasks have been placed."""


class Inputs(NamedTuple):
    """Edges of lag 0 entering each task, and room to sort those of one task.

    Parameters
    ----------
    edge : int array, parallel to `View.in_src`
    order : int array, positions in `View.in_src`
    """

    edge: IntArray
    order: IntArray


class Transfers(NamedTuple):
    """Planned messages, one row for each link that a message crosses.

    Parameters
    ----------
    edge, link : (B,) int arrays
    start, finish : (B,) float arrays, seconds
    """

    edge: IntArray
    link: IntArray
    start: FloatArray
    finish: FloatArray


@helper
def _sort_inputs(view: View, inputs: Inputs, state: State, t: int) -> int:
    """Sort the inputs of a task by (finish of the producer, edge); their number."""
    lo, hi = view.in_ptr[t], view.in_ptr[t + 1]
    for k in range(hi - lo):
        i, at = lo + k, k
        done = state.finish[view.in_src[i]]
        while at > 0 and state.finish[view.in_src[inputs.order[at - 1]]] > done:
            inputs.order[at] = inputs.order[at - 1]
            at -= 1
        inputs.order[at] = i
    return hi - lo


@helper
def _receive(
    view: View,
    links: Links,
    inputs: Inputs,
    state: State,
    count: int,
    b: int,
    insertion: bool,
    fair: bool,
) -> float:
    """Book all inputs of the task whose inputs are sorted; when the last can be used on node b."""
    ready = 0.0
    for k in range(count):
        i = inputs.order[k]
        p = view.in_src[i]
        there = state.finish[p]
        if state.node[p] != b:
            size = view.in_size[i, state.variant[p]]
            edge = inputs.edge[i]
            there = book_message(view, links, insertion, fair, edge, state.node[p], b, there, size)
        ready = max(ready, there)
    return ready


@helper
def _best(
    view: View, lanes: Lanes, state: State, t: int, insertion: bool, bias: FloatArray
) -> tuple[int, int]:
    """(variant, node) of least finish plus bias among the open ones; -1, -1 if none is."""
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    best_v, best_n = -1, -1
    best, best_finish = 0.0, 0.0
    for n in range(n_nodes):
        for v in range(n_variants):
            if not state.fit[t, v, n]:
                continue
            hold = view.hold[t, v, n]
            done = earliest(lanes, view.slots, insertion, n, state.ready[n], hold) + hold
            key = done + bias[t, n]
            if best_n < 0 or key < best or (key == best and done < best_finish):
                best_v, best_n, best, best_finish = v, n, key, done
    return best_v, best_n


@entry
def _contention_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    links: Links,
    inputs: Inputs,
    insertion: bool,
    gaps: bool,
    fair: bool,
    bias: FloatArray,
) -> int:
    """Place the tasks of the queue in order; `DONE`, `STUCK`, or `ASK` for a verdict."""
    memo = state.memo
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if t < 0:
            if memo[NEXT] == state.queue.shape[0]:
                return DONE
            t = state.queue[memo[NEXT]]
            state.choice[CHOICE_T] = t
            count = _sort_inputs(view, inputs, state, t)
            before = links.memo[COUNT]
            for m in range(n_nodes):
                is_open = False
                for u in range(n_variants):
                    is_open = is_open or state.fit[t, u, m]
                if is_open:
                    state.ready[m] = _receive(view, links, inputs, state, count, m, gaps, fair)
                    take_back(links, before)
        if n < 0:
            v, n = _best(view, lanes, state, t, insertion, bias)
            if n < 0:
                return STUCK
            state.choice[CHOICE_V], state.choice[CHOICE_N] = v, n
            if state.judged[0]:
                return ASK
        count = _sort_inputs(view, inputs, state, t)
        ready = _receive(view, links, inputs, state, count, n, gaps, fair)
        hold = view.hold[t, v, n]
        start = earliest(lanes, view.slots, insertion, n, ready, hold)
        finish = start + hold
        book(lanes, view.slots, insertion, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        memo[NEXT] += 1
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n


def contention_plan(
    problem: Problem,
    priority: FloatArray,
    insertion: bool = True,
    gaps: bool = True,
    bias: FloatArray | None = None,
) -> tuple[Plan, Transfers]:
    """Schedule one average request, its messages included, on a network that is not `ideal`.

    Parameters
    ----------
    priority : (T,) float array
        The highest goes first; ties go by topological order. No task may have a higher priority
        than what it depends on: upward ranks have not.
    insertion : bool
        Whether tasks may fill gaps on nodes.
    gaps : bool
        Whether messages may fill gaps on links.
    bias : (T, N) float array or None, seconds added to the finish when choosing

    Returns
    -------
    Plan
        Its starts and finishes are those planned with the messages.
    Transfers

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    view, arrays = view_of(problem), problem.arrays
    order = np.lexsort((view.position, -priority))
    bias = np.zeros((view.n_tasks, view.n_nodes)) if bias is None else bias
    now = np.flatnonzero(arrays.edge_lag == 0)
    entering = now[np.argsort(arrays.edge_dst[now], kind="stable")]
    most = int(view.inputs.max(initial=1))
    inputs = Inputs(entering, np.empty(most, dtype=np.int64))
    fair = arrays.network == FAIR
    last: list[tuple[State, Links]] = []

    def begin(state: State) -> Lanes:
        state.queue[:] = order
        last[:] = [(state, new_links(arrays))]
        return new_lanes(view, insertion)

    def core(state: State, lanes: Lanes) -> int:
        code: int = _contention_schedule(
            view, lanes, state, last[0][1], inputs, insertion, gaps, fair, bias
        )
        return code

    plan = run_planner(problem, begin, core)
    state, links = last[0]
    used = slice(0, int(links.memo[COUNT]))
    booked = Transfers(links.edge[used], links.link[used], links.start[used], links.finish[used])
    return replace(plan, start=state.start, finish=state.finish), booked
