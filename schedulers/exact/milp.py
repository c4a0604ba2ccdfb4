"""The same model as a mixed-integer linear program, for HiGHS through scipy.

Slots become processors of their own. For each two tasks that no path orders, a binary says which
goes first if they share a processor; the horizon is the constant that switches the row off. Time is
scaled to the horizon. HiGHS keeps its rows to about 1e-6, so its bound is lowered by `TOLERANCE`
of the horizon; where ticks are whole it may then be rounded up, which usually closes the proof.

Much weaker than CP-SAT: proofs up to about 12 tasks. HiGHS cannot be interrupted before its time
limit; it returns at the end only. Without a limit of seconds it is limited to nodes of its tree,
`NODES` by default and one for each evaluation of a budget, so that answers repeat.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from schedulers.exact.model import Model
from schedulers.exact.rows import Rows
from schedulers.exactness import plan_is_exact
from schedulers.timeline import Plan, replayed

if TYPE_CHECKING:
    from schedulers.budget import Budget

TOLERANCE = 1e-5
NODES = 500

Places = dict[tuple[int, int, int, int], int]
"""(t, v, n, slot) -> variable."""


def solve_milp(model: Model, plan: Plan, budget: Budget) -> None:
    """Search for something better than a plan; hand in what was found and what was proved."""
    rows = Rows()
    place, start, makespan = _variables(model, rows)
    options: dict[str, float | int] = {}
    if math.isfinite(budget.seconds_left()):
        options["time_limit"] = budget.seconds_left()
    if math.isfinite(budget.evaluations_left()):
        options["node_limit"] = int(budget.evaluations_left())
    elif not budget.limited:
        options["node_limit"] = NODES
    if budget.left() == 0 or 0 in options.values():
        return
    result = rows.minimise(makespan, options)
    if result.mip_node_count is not None:
        budget.charge(int(min(result.mip_node_count, max(budget.evaluations_left() - 1, 0))))
    if result.x is not None:
        _offer(model, result.x, place, start, budget)
    if plan_is_exact(model.problem) and result.mip_dual_bound is not None:
        ticks = (result.mip_dual_bound - TOLERANCE) * model.horizon
        budget.prove(model.tick.bound(max(math.ceil(ticks) if model.tick.whole else ticks, 0)))


def _offer(model: Model, x: np.ndarray, place: Places, start: list[int], budget: Budget) -> None:
    node, variant = np.zeros((2, len(start)), dtype=np.int64)
    for (t, v, n, _), i in place.items():
        if x[i] > 0.5:
            node[t], variant[t] = n, v
    begin = x[start] * (model.horizon * model.tick.seconds)
    # Rows hold up to a tolerance: a start is never before the finishes that it follows by more.
    for t in model.order:
        for k in np.flatnonzero(model.dst == t):
            begin[t] = max(begin[t], begin[model.src[k]])
    hold = model.view.hold[np.arange(len(node)), variant, node]
    plan = replayed(model.view, node, variant, begin, begin + hold)
    ranked = np.lexsort((model.view.position, begin))
    priority = np.empty_like(plan.priority)
    priority[ranked] = np.arange(len(ranked))
    budget.evaluate((node[None], variant[None], priority[None]))


def _variables(model: Model, rows: Rows) -> tuple[Places, list[int], int]:
    """Build the program; its places, starts and makespan."""
    horizon = float(model.horizon)
    makespan = rows.variable(min(model.least / horizon, 1.0), 1.0)
    start = [rows.variable(min(h / horizon, 1.0), 1.0) for h in model.head]
    place: Places = {
        (int(t), int(v), int(n), c): rows.variable(whole=True)
        for t, v, n in np.argwhere(model.hold >= 0)
        for c in range(int(model.view.slots[n]))
    }
    length: list[list[tuple[int, float]]] = [[] for _ in start]
    for (t, v, n, _), i in place.items():
        length[t].append((i, model.hold[t, v, n] / horizon))
    for t in range(len(start)):
        rows.equal([(i, 1.0) for (u, *_), i in place.items() if u == t], 1.0)
    _messages(model, rows, place, start, length)
    for t, begin in enumerate(start):
        late = -model.tail[t] / horizon
        rows.at_most([(begin, 1.0), *length[t], (makespan, -1.0)], late)
    _orders(model, rows, place, start, length)
    for n, c in enumerate(model.view.slots):
        load = [(i, model.hold[t, v, n] / horizon) for (t, v, m, _), i in place.items() if m == n]
        rows.at_most([*load, (makespan, -float(c))], 0.0)
    _twins(model, rows, place)
    _groups(model, rows, place)
    _memory(model, rows, place)
    return place, start, makespan


def _on(place: Places, t: int, n: int, v: int | None = None) -> list[int]:
    return [i for (u, w, m, _), i in place.items() if (u, m) == (t, n) and v in (None, w)]


def _messages(
    model: Model,
    rows: Rows,
    place: Places,
    start: list[int],
    length: list[list[tuple[int, float]]],
) -> None:
    """Transfers, and what sending adds to the producers; these come first."""
    horizon = float(model.horizon)
    waits: list[tuple[int, int, int]] = []
    for k, (p, t) in enumerate(zip(model.src.tolist(), model.dst.tolist(), strict=True)):
        wait = rows.variable()
        waits.append((p, t, wait))
        sending = rows.variable() if model.send[k].any() else -1
        if sending >= 0:
            length[p].append((sending, 1.0))
        for v, a in np.argwhere(model.hold[p] >= 0).tolist():
            mine = [(i, 1.0) for i in _on(place, p, a, v)]
            together = [(i, -1.0) for i in _on(place, t, a)]
            cost = model.send[k, v, a] / horizon
            if sending >= 0 and cost > 0:
                both = [(i, f * cost) for i, f in mine + together]
                rows.at_most([*both, (sending, -1.0)], 0.0)
            for b in np.flatnonzero((model.hold[t] >= 0).any(axis=0)).tolist():
                there = [(i, 1.0) for i in _on(place, t, b)]
                delay = model.delay[k, v, a, b] / horizon
                if a != b and delay < 0:
                    rows.at_most(mine + there, 1.0)
                elif a != b and delay > 0:
                    both = [(i, f * delay) for i, f in mine + there]
                    rows.at_most([*both, (wait, -1.0)], delay)
    for p, t, wait in waits:
        rows.at_most([(start[p], 1.0), *length[p], (wait, 1.0), (start[t], -1.0)], 0.0)


def _orders(
    model: Model,
    rows: Rows,
    place: Places,
    start: list[int],
    length: list[list[tuple[int, float]]],
) -> None:
    """Tasks on one processor follow each other."""
    reach = np.eye(len(start), dtype=np.bool_)
    for t in model.order[::-1]:
        for k in np.flatnonzero(model.src == t):
            reach[t] |= reach[model.dst[k]]
    seats: dict[tuple[int, int], dict[int, list[tuple[int, float]]]] = {}
    for (t, _, n, c), i in place.items():
        seats.setdefault((n, c), {}).setdefault(t, []).append((i, 1.0))
    for a in range(len(start)):
        for b in range(a):
            if reach[a, b] or reach[b, a]:
                continue
            first = rows.variable(whole=True)
            for users in seats.values():
                if a in users and b in users:
                    both = users[a] + users[b]
                    before = [(start[a], 1.0), *length[a], (start[b], -1.0)]
                    after = [(start[b], 1.0), *length[b], (start[a], -1.0)]
                    rows.at_most([*before, *both, (first, 1.0)], 3.0)
                    rows.at_most([*after, *both, (first, -1.0)], 2.0)


def _twins(model: Model, rows: Rows, place: Places) -> None:
    for n, before in enumerate(model.twins):
        earlier: list[tuple[int, float]] = []
        for t in model.order if before >= 0 else ():
            rows.at_most([(i, 1.0) for i in _on(place, int(t), n)] + earlier, 0.0)
            earlier += [(i, -1.0) for i in _on(place, int(t), int(before))]


def _groups(model: Model, rows: Rows, place: Places) -> None:
    for n in range(model.hold.shape[2]):
        for group in model.problem.place_with:
            one = [(i, 1.0) for i in _on(place, group[0], n)]
            for t in group[1:]:
                rows.equal(one + [(i, -1.0) for i in _on(place, t, n)], 0.0)
        for group in model.problem.apart:
            rows.at_most([(i, 1.0) for t in group for i in _on(place, t, n)], 1.0)


def _memory(model: Model, rows: Rows, place: Places) -> None:
    """As `schedulers.exact.memory`, in shares of a node's memory."""
    problem = model.problem
    for n, room in enumerate(problem.memory_bytes):
        here = [(t, v, i) for (t, v, m, _), i in place.items() if m == n]
        if not np.isfinite(room) or room <= 0:
            continue
        terms: list[tuple[int, float]] = []
        for g in np.unique([problem.weights_group[t, v] for t, v, _ in here]):
            users = [(t, v, i) for t, v, i in here if problem.weights_group[t, v] == g]
            used = rows.variable()
            for _, _, i in users:
                rows.at_most([(i, 1.0), (used, -1.0)], 0.0)
            least = min(problem.weights_bytes[t, v] for t, v, _ in users)
            terms.append((used, float(least / room)))
        q = rows.variable()
        terms.append((q, float(model.view.slots[n])))
        for t, v, i in here:
            over = rows.variable()
            share = float(problem.working_bytes[t, v] / room)
            rows.at_most([(i, share), (q, -1.0), (over, -1.0)], 0.0)
            terms.append((over, 1.0))
        rows.at_most(terms, 1.0)
