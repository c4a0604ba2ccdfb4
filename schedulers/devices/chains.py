"""Balanced chain partition: cut a pipeline into stages, one for each node, by dynamic programming.

Papers: S. H. Bokhari, "Partitioning problems in parallel, pipelined, and distributed computing",
IEEE Trans. Computers 37(1), 1988, doi:10.1109/12.75137 (chains onto chains of processors);
A. Pinar, C. Aykanat, "Fast optimal load balancing algorithms for 1D partitioning", J. Parallel and
Distributed Computing 64(8), 2004, doi:10.1016/j.jpdc.2004.05.003 (review and notation).

Tasks in topological order are cut into stages; stages go to nodes of a given order, each node at
most once, and nodes may be left out. Two values can be minimised:

* latency: durations of all tasks plus, at each cut, latency, bytes over bandwidth, and wake;
* bottleneck: the largest of the loads of the nodes (durations over slots) and of the links between
  stages (bytes over bandwidth): the least time between two requests that all stages can hold.

For a chain of tasks, nodes in the given order, and nodes that pay nothing for sending, both are
exact. For other graphs the topological order stands for the chain: every edge that crosses a cut
counts there in full, whatever it skips, so the values are estimates. Which stages a memory limit
admits is checked while cutting (shared weights once, and the largest working sets).

What we changed, and why: nodes differ in speed, memory and links, so their order matters; both
given and by speed are tried, forwards and backwards, and both values are minimised; the objective
of the problem, simulated, decides. Of several variants the fastest on each node runs; where that
fits no partition, the smallest. If forbidden nodes leave no partition, the tasks concerned count
with their mean duration and go where they finish first.

Cost: O(T^2 N + E T N) time at worst for each order and value, O(T N) memory.

Does badly: on wide graphs, where stages that could run side by side are put in a row; the latency
of a single request gains from a second node only by its speed or its memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.admissible import Rules, rules_of
from schedulers.compiled import entry
from schedulers.immediate import topological_priority
from schedulers.listing import WISH, list_plan
from schedulers.ranks import mean_costs
from schedulers.timeline import Plan
from schedulers.view import View, transfer_seconds, view_of
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem


@entry
def _fill_crossing(view: View, variant: IntArray, crossing: FloatArray) -> None:
    """Bytes that cross each cut (T + 1, N), had the producers run on each node."""
    for t in range(variant.shape[0]):
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            for k in range(view.position[t] + 1, view.position[view.out_dst[i]] + 1):
                for n in range(variant.shape[1]):
                    crossing[k, n] += view.size[view.out_edge[i], variant[t, n]]


@entry
def _cut(
    view: View,
    rules: Rules,
    bottleneck: bool,
    limited: bool,
    cost: FloatArray,
    variant: IntArray,
    crossing: FloatArray,
    order: IntArray,
    value: FloatArray,
    enter: FloatArray,
    before: IntArray,
    cut: IntArray,
    seen: IntArray,
    top: FloatArray,
) -> None:
    """Fill the tables of the dynamic program, in topological positions and indices into `order`.

    `value[j, k]`: least value of the first j tasks if the last stage is on the k-th node; `cut` its
    first task. `enter[i, k]`: least value with which a stage on the k-th node can begin at task i;
    `before` the index of the node that precedes it, -1 for none. Scratch: `seen` (groups,) the
    stage in which a group's weights were counted, `top` (C,) largest working sets.
    """
    n_tasks, n_nodes = cost.shape
    mark = 0
    for j in range(n_tasks + 1):
        for k in range(n_nodes):
            n = order[k]
            value[j, k], cut[j, k] = np.inf, -1
            load, weights = 0.0, 0.0
            mark += 1
            for c in range(top.shape[0]):
                top[c] = 0.0
            for i in range(j - 1, -1, -1):
                t = view.topological[i]
                load += cost[t, n]
                if load == np.inf:
                    break
                if limited:
                    v = variant[t, n]
                    if seen[rules.group[t, v]] != mark:
                        seen[rules.group[t, v]] = mark
                        weights += rules.weights[t, v]
                    size, working = rules.working[t, v], 0.0
                    for c in range(view.slots[n]):
                        if size > top[c]:
                            top[c], size = size, top[c]
                        working += top[c]
                    if weights + working > rules.memory[n]:
                        break
                whole = enter[i, k] + load
                if bottleneck:
                    whole = max(enter[i, k], load / view.slots[n])
                if whole < value[j, k]:
                    value[j, k], cut[j, k] = whole, i
        for k in range(n_nodes):
            enter[j, k], before[j, k] = (0.0 if j == 0 else np.inf), -1
            for m in range(k if j > 0 else 0):
                if value[j, m] == np.inf:
                    continue
                a, b = order[m], order[k]
                seconds = transfer_seconds(view, a, b, crossing[j, a])
                if bottleneck:
                    seconds = max(value[j, m], seconds - view.latency[a, b])
                else:
                    seconds = value[j, m] + (seconds + view.wake[b])
                if seconds < enter[j, k]:
                    enter[j, k], before[j, k] = seconds, m


def partition(
    problem: Problem,
    order: IntArray,
    bottleneck: bool,
    smallest: bool = False,
    strict: bool = True,
    limited: bool = True,
) -> tuple[IntArray, float]:
    """Cut the tasks, in topological order, into stages on nodes that follow each other.

    Parameters
    ----------
    order : (N,) int array
        The nodes in the order in which the stages may use them.
    bottleneck : bool
        Minimise the largest load instead of the latency.
    smallest : bool
        Count the variant of the fewest bytes on each node instead of the fastest one.
    strict : bool
        No stage holds a task that its node does not admit; else such a task counts with its mean.
    limited : bool
        Whether memory limits count.

    Returns
    -------
    node : (T,) int array, -1 everywhere if there is no such partition
    value : float, seconds, +inf if there is none
    """
    view, rules = view_of(problem), rules_of(problem)
    allowed: BoolArray = rules.allowed
    bytes_ = np.where(allowed, (rules.weights + rules.working)[:, :, None], np.inf)
    variant = (bytes_ if smallest else view.hold).argmin(axis=1)
    cost = np.take_along_axis(view.hold, variant[:, None, :], axis=1)[:, 0, :]
    if not strict:
        cost = np.where(cost < np.inf, cost, mean_costs(view)[:, None])
    shape = (view.n_tasks + 1, view.n_nodes)
    crossing = np.zeros(shape)
    _fill_crossing(view, variant, crossing)
    value, enter = np.empty(shape), np.empty(shape)
    before, cut = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    seen = np.zeros(int(rules.group.max()) + 2, dtype=np.int64)
    _cut(
        view, rules, bottleneck, limited and rules.constrained, cost, variant, crossing, order,
        value, enter, before, cut, seen, np.zeros(view.most_slots),
    )  # fmt: skip
    node = np.full(view.n_tasks, -1, dtype=np.int64)
    j, k = view.n_tasks, int(value[-1].argmin())
    least = float(value[j, k])
    while least < np.inf and j > 0:
        i = int(cut[j, k])
        node[view.topological[i:j]] = order[k]
        j, k = i, int(before[i, k])
    return node, least


@dataclass(frozen=True)
class ChainPartition:
    """Stages of tasks that follow each other, one for each node, by dynamic programming.

    Parameters
    ----------
    minimise : {"best", "latency", "bottleneck"}
        What the partition minimises; "best" tries both, and the objective decides.
    order : {"best", "given", "speed"}
        In which order stages use the nodes: as the cluster lists them, fastest first, or whichever
        of these and their reversals gives the better objective.
    """

    version: ClassVar[int] = 1
    minimise: Literal["best", "latency", "bottleneck"] = "best"
    order: Literal["best", "given", "speed"] = "best"

    def plans(self, problem: Problem) -> list[Plan]:
        """Distinct plans, in the order in which they are tried.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        goals = {"latency": (False,), "bottleneck": (True,), "best": (False, True)}[self.minimise]
        wishes: dict[bytes, IntArray] = {}
        for order in self._orders(view_of(problem)):
            for bottleneck in goals:
                wish = _stages(problem, order, bottleneck)
                wishes.setdefault(wish.tobytes(), wish)
        priority = topological_priority(problem)
        return [list_plan(problem, priority, WISH, wish=wish) for wish in wishes.values()]

    def _orders(self, view: View) -> list[IntArray]:
        given = np.arange(view.n_nodes)
        usable = view.fastest < np.inf
        # Relative to the mean of each task, so that long tasks do not decide alone.
        relative = np.where(usable, view.fastest, 0.0) / np.maximum(
            mean_costs(view)[:, None], np.finfo(float).tiny
        )
        slowness = relative.sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
        speed = np.lexsort((given, slowness, -usable.sum(axis=0)))
        if self.order == "given":
            return [given]
        if self.order == "speed":
            return [speed]
        return [given, speed, given[::-1].copy(), speed[::-1].copy()]

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Evaluate every plan."""
        plans = self.plans(problem)
        rows = [np.array([getattr(p, x) for p in plans]) for x in ("node", "variant", "priority")]
        values = budget.evaluate((rows[0], rows[1], rows[2]))
        return plans[int(np.argmin(values))].allocation(problem)


def _stages(problem: Problem, order: IntArray, bottleneck: bool) -> IntArray:
    """Node of each task by the strictest terms under which there is a partition."""
    wish, value = np.full(problem.n_tasks, -1, dtype=np.int64), np.inf
    for smallest, strict, limited in (
        (False, True, True), (True, True, True), (True, False, True), (False, False, False),
    ):  # fmt: skip
        if value == np.inf:
            wish, value = partition(problem, order, bottleneck, smallest, strict, limited)
    return wish
