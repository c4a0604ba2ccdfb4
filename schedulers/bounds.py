"""Lower bounds: what no allocation can beat, however good.

Everything is counted at its cheapest: each task at the least seconds any admissible variant takes
on any admissible node, dispatch included (under the smallest co-run factor and the product of the
slow-downs below 1 of that node, so that helpful factors cannot break the bound), no transfers, no
sending, no waiting. Only what a request cannot complete without is counted:

* Branches are known in a realisation: tasks skipped because of edges not taken count nothing, save
  that a branch is decided when its producer finishes. A task whose skipping depends on other
  requests (lag) counts nothing either.
* A join that needs k of n inputs waits for the k-th earliest of its live inputs at best; if fewer
  are live, for all of them and until the others are known to be dead; with a deadline d for the
  first input or the arrival + d, whichever is later, if that is earlier.
* Inputs with lag are taken to be there from the beginning.

Critical path. Propagating these earliest finishes in topological order gives for every request an
instant before which it cannot complete: all engines start a task no earlier than its inputs and
finish it no earlier than start + hold, and floating-point addition is monotone, so rounding does
not break the argument.

Area. A task is mandatory if its request cannot complete without it: exits that are not skipped,
and backwards the inputs of mandatory joins that need all of them. Of a mandatory quorum the
cheapest producers that could make it up are counted, each for one quorum only. For any set of
nodes U, the mandatory tasks that may only run inside U must be done on the slots of U; those of
requests arriving after some time cannot begin before it. U runs over the sets of nodes that some
task is confined to.

Heads and tails. Transfers cannot all be avoided: either producers share the node of their consumer
and run there one after the other, or a message travels. See `schedulers.bounding.headtail` for the
argument and `schedulers.bounding.requests` for the edges on which it holds.

Loads. Mandatory work divided over unlike nodes by fractions: `schedulers.bounding.loads`.

Makespan: the largest of these. Latencies: critical path or heads and tails of each request (the
p-quantile of larger numbers is larger). Throughput: the makespan's bound over all requests. Energy
and cost: the cheapest joules and prices of mandatory work, plus idle watts and reserved prices over
the bound of the makespan. Balance: 1. A weighted sum: the sum of the terms' bounds. Closed loops:
arrivals are known only from below (0), and the chains of W clients are averaged.

No bound is given where requests may be lost for a penalty: losing them all can be cheap.
Cost: O(R (T + E)) time and memory for R requests.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from schedulers.bounding.loads import fractional_load
from schedulers.bounding.requests import latencies
from schedulers.cheapest import total_by_node
from schedulers.necessity import Necessity, necessity
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.realisation import Realisation

SAFETY = 1.0 - 1e-12
"""Long sums, and integrals of changing rates, round either way: bounds that rest on them are
lowered by this factor."""

_KNOWN: weakref.WeakKeyDictionary[Problem, float | None] = weakref.WeakKeyDictionary()


def lower_bound(problem: Problem, realisation: Realisation | None = None) -> float | None:
    """Value that no allocation's objective falls below.

    Parameters
    ----------
    problem : Problem
    realisation : Realisation or None
        The luck of one run. None: the bounds of the plan realisations, put together as
        `Problem.evaluate` does with their values (mean, quantile or CVaR, all monotone).

    Returns
    -------
    float or None
        None where nothing is known.
    """
    if realisation is not None:
        return _of_run(problem, realisation)
    if problem not in _KNOWN:
        bounds = [_of_run(problem, luck) for luck in problem.plan]
        known = [b for b in bounds if b is not None]
        _KNOWN[problem] = None
        if len(known) == len(bounds):
            _KNOWN[problem] = float(problem.plan_risk.over(np.array(known)[:, None])[0])
    return _KNOWN[problem]


def _of_run(problem: Problem, luck: Realisation) -> float | None:
    dynamics = problem.dynamics
    may_lose = bool(dynamics.outages or dynamics.degradations)
    if problem.objective.lost_penalty is not None and may_lose:
        return None
    run = Minimum(problem, luck)
    return float(sum(weight * run.term(name) for name, weight in problem.objective.terms))


def bounds(problem: Problem) -> dict[str, float]:
    """What bounds the makespan from below, by name: the largest one binds.

    Returns
    -------
    dict of name to seconds
        critical_path, heads_and_tails, area, loads and chains of the plan realisations, put
        together as `Problem.evaluate` does with their values.
    """
    runs = [Minimum(problem, luck).parts() for luck in problem.plan]
    return {
        name: float(problem.plan_risk.over(np.array([run[name] for run in runs])[:, None])[0])
        for name in runs[0]
    }


def makespan_bound(problem: Problem, realisation: Realisation) -> float:
    """Seconds from the first arrival before which no allocation completes every request."""
    return Minimum(problem, realisation).makespan


@dataclass(frozen=True, eq=False)
class Minimum:
    """What one run takes at least, whatever the allocation."""

    problem: Problem
    luck: Realisation

    @cached_property
    def _needs(self) -> Necessity:
        return necessity(self.problem, self.luck)

    @cached_property
    def _steady(self) -> float:
        """1, or `SAFETY` where rates change during a run."""
        changing = len(self.luck.slow_node) > 0 or bool((self.problem.arrays.corun != 1.0).any())
        return SAFETY if changing or self._clients else 1.0

    @property
    def _clients(self) -> int:
        return int(self.problem.arrays.clients.max())

    @property
    def latency(self) -> FloatArray:
        """(R,) seconds from the arrival to the completion of every request."""
        return np.maximum(self._needs.latency * self._steady, self.heads_and_tails)

    @cached_property
    def heads_and_tails(self) -> FloatArray:
        """(R,) the same, as far as transfers and co-location bound it; 0 where they do not."""
        return np.maximum(latencies(self._needs), 0.0) * self._steady

    @cached_property
    def makespan(self) -> float:
        """Seconds from the first arrival to the last completion."""
        return max(self.parts().values())

    def parts(self) -> dict[str, float]:
        """What bounds the makespan, by name."""
        needs = self._needs
        first = float(needs.arrival.min())
        wait = needs.arrival - first
        work = total_by_node(self.problem, self.luck, needs.mandatory)
        return {
            "critical_path": (float(needs.complete.max()) - first) * self._steady,
            "heads_and_tails": float((wait + self.heads_and_tails).max()) * SAFETY,
            "area": self._area() * SAFETY,
            "loads": fractional_load(work, self.problem.arrays.slots) * SAFETY,
            "chains": self._chains() * SAFETY,
        }

    def _area(self) -> float:
        """Mandatory work of late requests over the slots that may do it."""
        needs, slots = self._needs, self.problem.arrays.slots
        nodes = self.problem.allowed.any(axis=1)
        work = np.where(needs.mandatory, needs.seconds, 0.0)
        wait = needs.arrival - needs.arrival.min()
        best = 0.0
        for inside in np.unique(np.vstack([nodes, nodes.any(axis=0)]), axis=0):
            confined = ~(nodes & ~inside).any(axis=1)
            area = work[:, confined].sum(axis=1)
            if confined.all():
                area = area + needs.quorum_seconds
            later = np.cumsum(area[::-1])[::-1]  # of this request and those that come after it
            best = max(best, float((wait + later / slots[inside].sum()).max()))
        return best

    def _chains(self) -> float:
        """Closed loop: each client's requests follow each other; the mean over the clients."""
        if not self._clients:
            return 0.0
        think = float(self.luck.think[self._clients :].sum()) if len(self.luck.think) else 0.0
        return (float(self.latency.sum()) + think) / self._clients

    def _work(self, price: FloatArray) -> float:
        """Least sum of (slot-seconds x price of the node) over the mandatory tasks."""
        cost = self._needs.least(price)
        return float(np.where(self._needs.mandatory, cost, 0.0).sum()) * SAFETY

    def _energy(self) -> float:
        """Joules: idle watts all the time, and what work adds to them."""
        problem = self.problem
        busy, idle, slots = problem.busy_watts, problem.idle_watts, problem.arrays.slots
        if (busy >= idle).all():
            return float(idle.sum()) * self.makespan * SAFETY + self._work((busy - idle) / slots)
        return self._work(busy / slots)

    def term(self, name: str) -> float:
        """Least value of one metric of `simulator.objective.METRICS`."""
        problem = self.problem
        requests = len(self.luck.arrival)
        rounded = SAFETY if requests > 1 else 1.0
        if name == "makespan":
            return self.makespan
        if name == "throughput":
            return self.makespan / requests
        if name == "mean_latency":
            weight: FloatArray = problem.stream_weight[self.luck.stream]
            return float((self.latency * weight).sum() / weight.sum()) * rounded
        if name.endswith("_latency"):
            return float(np.quantile(self.latency, float(name[1:3]) / 100.0)) * rounded
        if name == "energy":
            return self._energy()
        if name == "cost":
            return float(problem.price_per_s.sum()) * self.makespan * SAFETY
        if name == "cost_busy":
            return self._work(problem.price_per_s / problem.arrays.slots)
        return SAFETY  # balance: the maximum is no less than the mean
