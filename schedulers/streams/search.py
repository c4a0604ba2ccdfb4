"""Search for streams of requests: a queueing model proposes, races pick, simulation decides.

Papers: J. F. C. Kingman, "The single server queue in heavy traffic", Mathematical Proceedings of
the Cambridge Philosophical Society 57(4), 1961. doi:10.1017/S0305004100036094. W. Whitt, "The
queueing network analyzer", Bell System Technical Journal 62(9), 1983.
doi:10.1002/j.1538-7305.1983.tb03204.x. K. Jamieson, A. Talwalkar, "Non-stochastic best arm
identification and hyperparameter optimization", AISTATS 2016 (successive halving).

The model (`schedulers.streams.model`) takes every node and link for a queue. Common random numbers:
all candidates meet the same plan realisations.

What we changed, and why: the model is only a filter, so it is annealed and its best distinct places
are kept, not its best; a first rung runs only the first eighth of the requests (200 at least); what
is left is a local search on the truth, its neighbours tried in the order of the model, mixed half
and half with ones by lot because the model is wrong where it matters. From a local optimum a few
units are kicked elsewhere.

Cost: about a microsecond a candidate of the model at ten tasks, and for each simulated one a run of
all requests, 1 to 3 ms for 2,000 requests of the catalogue's scenarios.

Does badly: with one plan realisation near saturation it fits the luck of that realisation; give
`plan_draws` and `plan_risk`. Priorities matter little under first come, first served, and are only
varied a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.effort import nominal_evaluations
from schedulers.local.annealing import Annealing
from schedulers.starts import judged_starts, rows
from schedulers.streams.anneal import Elite
from schedulers.streams.demand import bottleneck_demand
from schedulers.streams.judge import Judge, Rows, keys_of, taken
from schedulers.streams.neighbours import neighbours
from schedulers.streams.surrogate import Surrogate
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.base import Scheduler
    from schedulers.budget import Budget
    from schedulers.timeline import Plan
    from simulator.allocation import Allocation
    from simulator.problem import Problem

STARTS = 4
"""Best starts that are annealed."""

PORTION = 2_000
"""Moves on the model between two looks at what is left."""

MOVES_PER_TASK = 2_000
MOST_MOVES = 60_000
"""Moves from each start; more do not help once the list of the best is full."""

HOT, COLD = 0.1, 0.002
CHUNK = 32
"""Neighbours that are tried together; a quarter of them survives shortened runs."""

PATIENCE = 6
"""Chunks without improvement after which a neighbourhood is given up."""

MOST_SIMULATED = 2_000
"""Simulations after which a search without limits ends, if it would take less than a second."""


def improve_stream(
    problem: Problem,
    budget: Budget,
    rng: Generator,
    starts: Sequence[Plan],
    values: FloatArray | None = None,
    surrogate_share: float = 0.2,
    elite: int = 32,
    kicks: int = 3,
) -> None:
    """Search until the budget is spent; the best allocation is offered to the budget.

    Parameters
    ----------
    problem : Problem
    budget : Budget
    rng : Generator
    starts : sequence of Plan
        Admissible, best first.
    values : (B,) float array or None
        Their objectives; None simulates the first few.
    surrogate_share : float in [0, 1)
        Share of the budget for the model, at most.
    elite : int
        Distinct places that leave the model for the race.
    kicks : int
        Units that are moved at once to leave a local optimum.
    """
    model, judge = Surrogate(problem), Judge(problem, budget)
    limit = None
    if not budget.limited:
        limit = min(nominal_evaluations(problem), MOST_SIMULATED)
    given = rows(starts)
    if values is None:
        judge.whole(taken(given, list(range(min(STARTS, len(starts))))))
    else:
        judge.know(given, values)
    first = taken(given, list(range(min(STARTS, len(starts)))))
    found = _proposals(problem, model, budget, rng, first, surrogate_share, elite)
    stage = budget.portion(1.0, limit)
    judge.budget = stage
    if stage.left() > 0:
        _race(judge, found)
    _local_search(model, judge, rng, kicks)


def _proposals(
    problem: Problem,
    model: Surrogate,
    budget: Budget,
    rng: Generator,
    starts: Rows,
    share: float,
    elite: int,
) -> Rows:
    """The best distinct places by the model, annealed from each start and the best bottleneck."""
    node, variant, _ = starts
    best, balanced = model.new_elite(elite), model.new_elite(1)
    each = min(MOVES_PER_TASK * problem.n_tasks, MOST_MOVES)
    if share > 0:
        even = Surrogate(problem, bottleneck_demand(problem, model.view))
        stage = budget.portion(share / (len(node) + 2))
        _anneal(even, node[0], variant[0], balanced, stage, each, rng)
        if np.isfinite(balanced.value[0]):
            node, variant = np.vstack([node, balanced.node]), np.vstack([variant, balanced.variant])
        stage = budget.portion(share)
        for b in range(len(node)):
            _anneal(model, node[b], variant[b], best, stage, each, rng)
    kept = np.flatnonzero(np.isfinite(best.value))
    kept = kept[np.argsort(best.value[kept], kind="stable")]
    nodes = np.vstack([best.node[kept], node])
    variants = np.vstack([best.variant[kept], variant])
    return nodes, variants, model.ranks(nodes, variants)


def _anneal(
    model: Surrogate,
    node: IntArray,
    variant: IntArray,
    best: Elite,
    budget: Budget,
    moves: int,
    rng: Generator,
) -> None:
    """Anneal from one start, in portions, within the budget."""
    walk = model.new_walk(node, variant, int(rng.integers(2**63)))
    done = 0
    while done < moves and budget.left() > 0:
        portion = int(min(PORTION, moves - done, budget.evaluations_left()))
        if portion == 0:
            return
        warm = [HOT * (COLD / HOT) ** (x / moves) for x in (done, done + portion)]
        model.anneal(walk, best, portion, warm[0], warm[1])
        budget.charge(portion)
        done += portion


def _race(judge: Judge, found: Rows) -> None:
    """Successive halving: short runs of all, whole runs of the better half."""
    left = judge.budget.evaluations_left()
    count = int(min(len(found[0]), max(left // 4, 1)))
    found = taken(found, list(range(count)))
    if judge.has_short and count > 4:
        values = judge.short(found)
        found = taken(found, np.argsort(values, kind="stable")[: (count + 1) // 2])
    for low in range(0, len(found[0]), 8):
        if judge.budget.left() == 0:
            return
        judge.whole(taken(found, list(range(low, min(low + 8, len(found[0]))))))


def _local_search(model: Surrogate, judge: Judge, rng: Generator, kicks: int) -> None:
    """Descend from the best, then from kicked copies of it, until the budget is spent."""
    if judge.best is None:
        return
    centre, value = judge.best, judge.best_value
    idle = 0
    while judge.budget.left() > 0 and idle < 50:
        before = judge.budget.evaluations
        _descend(model, judge, rng, centre, value)
        idle = idle + 1 if judge.budget.evaluations == before else 0
        if judge.budget.left() == 0:
            return
        centre = _kicked(model, judge.best, rng, kicks)
        value = float(judge.whole(centre)[0])


def _descend(model: Surrogate, judge: Judge, rng: Generator, centre: Rows, value: float) -> None:
    """Go to the best of a chunk of neighbours as long as that is better."""
    improved = True
    while improved and judge.budget.left() > 0:
        improved = False
        around = neighbours(model, centre, rng)
        keys = keys_of(around)
        fresh = [b for b, key in enumerate(keys) if not judge.is_known(key)]
        fresh = _mixed(fresh, rng)
        for low in range(0, min(len(fresh), CHUNK * PATIENCE), CHUNK):
            if judge.budget.left() == 0:
                return
            chunk = taken(around, fresh[low : low + CHUNK])
            if judge.has_short:
                order = np.argsort(judge.short(chunk), kind="stable")
                chunk = taken(chunk, order[: CHUNK // 4])
            values = judge.whole(chunk)
            b = int(np.argmin(values))
            if values[b] < value:
                centre, value, improved = taken(chunk, [b]), float(values[b]), True
                break


def _mixed(ordered: list[int], rng: Generator) -> list[int]:
    """The best by the model and ones by lot in turn, no one twice."""
    lot = rng.permutation(ordered).tolist() if ordered else []
    out: dict[int, None] = {}
    for a, b in zip(ordered, lot, strict=True):
        out[a] = None
        out[b] = None
    return list(out)


def _kicked(model: Surrogate, best: Rows, rng: Generator, kicks: int) -> Rows:
    """Some units somewhere else."""
    node, variant = best[0][0].copy(), best[1][0].copy()
    units, allowed = model.units, model.rules.allowed
    count = len(units.ptr) - 1
    for u in rng.permutation(count)[: max(min(kicks, count), 1)]:
        places = units.open_node[units.open_ptr[u] : units.open_ptr[u + 1]]
        n = int(places[rng.integers(len(places))])
        for t in units.tasks[units.ptr[u] : units.ptr[u + 1]]:
            options: IntArray = np.flatnonzero(allowed[t, :, n])
            node[t], variant[t] = n, int(options[rng.integers(len(options))])
    return node[None], variant[None], model.ranks(node[None], variant[None])


@dataclass(frozen=True)
class StreamSearch:
    """Search for many requests: queueing model, race, local search on simulated runs.

    Parameters
    ----------
    surrogate_share : float
        Share of the budget for the model, at most.
    elite : int
        Distinct places that leave the model for the race.
    kicks : int
        Units that are moved at once to leave a local optimum.
    """

    version: ClassVar[int] = 2
    surrogate_share: float = 0.2
    elite: int = 32
    kicks: int = 3

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if not 0 <= self.surrogate_share < 1:
            raise ValueError(f"surrogate_share must be in [0, 1), got {self.surrogate_share}")
        if self.elite < 1 or self.kicks < 1:
            raise ValueError("elite and kicks must be at least 1")

    def parts(self) -> tuple[Scheduler, ...]:
        """Schedulers that may run, for `schedulers.warm`."""
        return (Annealing(),)

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Search until the budget is spent; where nothing queues behind a request, by annealing.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        if all(stream.requests == 1 for stream in problem.streams):
            return Annealing().schedule(problem, budget, rng)
        plans, values = judged_starts(problem, budget, least_left=0.75)
        if budget.left() > 0:
            improve_stream(
                problem, budget, rng, plans, values,
                self.surrogate_share, self.elite, self.kicks,
            )  # fmt: skip
        return plans[0].allocation(problem) if budget.best is None else budget.best
