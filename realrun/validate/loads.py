"""Light and heavy load without luck, and what the simulator predicts for them.

Luck is not what is validated: sizes stand at their nominal value and noise is off, so that what
remains is the machine's own. Outcomes of branches are drawn, the same for prediction and run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from realrun.validate.choice import Candidate
from simulator.allocation import Allocation
from simulator.arrays import FloatArray
from simulator.dynamics import Dynamics
from simulator.engines import simulate
from simulator.luck import draw
from simulator.problem import Problem
from simulator.realisation import Realisation
from simulator.trace import Trace
from simulator.workload import Arrivals, Distribution, Size, Stream

LIGHT, HEAVY = "light", "heavy"
LOADS = (LIGHT, HEAVY)

SPACING = 1.3
"""Light load: seconds between arrivals over the predicted latency of one request."""

UTILISATION = 0.8
"""Heavy load: arrivals over the most that the best allocation could serve."""

MEASURES = ("makespan", "mean_latency")
HEADLINE = {LIGHT: "mean_latency", HEAVY: "makespan"}
"""By load the measure that errors and rankings are about; of one request both are the same."""


@dataclass(frozen=True)
class Case:
    """One allocation under one load, with its prediction.

    Parameters
    ----------
    load : {"light", "heavy"}
    candidate : Candidate
    problem : Problem
    realisation : Realisation
    predicted : Trace
    """

    load: str
    candidate: Candidate
    problem: Problem
    realisation: Realisation
    predicted: Trace

    @property
    def name(self) -> str:
        """Load and allocation, as in the rows."""
        return f"{self.load}/{self.candidate.name}"


def quiet(stream: Stream, times: Sequence[float] = ()) -> Stream:
    """The stream without luck: nominal sizes, no noise, arrivals at given times (or one at 0)."""
    sizes = {
        name: Size(Distribution("constant", {"value": size.nominal}), size.nominal)
        for name, size in stream.sizes.items()
    }
    arrivals = Arrivals(kind="trace", times=tuple(times)) if len(times) else Arrivals()
    return replace(stream, sizes=sizes, noise=None, arrivals=arrivals, requests=max(len(times), 1))


def without_luck(problem: Problem) -> Problem:
    """The problem with one request of every stream, without noise, sizes and dynamics."""
    return replace(
        problem,
        streams=tuple(quiet(s) for s in problem.streams),
        dynamics=Dynamics(),
        dispatch=problem.dispatch or "greedy",
        plan_draws=1,
    )


def at_times(problem: Problem, times: Sequence[Sequence[float]]) -> Problem:
    """The problem with quiet streams whose requests arrive at the given times."""
    streams = tuple(quiet(s, t) for s, t in zip(problem.streams, times, strict=True))
    return replace(problem, streams=streams)


def rates(streams: Sequence[Stream]) -> FloatArray:
    """(S,) share of each stream among all requests, by the rates that the scenario gives."""
    given = [s.arrivals.rate if s.arrivals.kind in ("constant", "poisson") else 0.0
             for s in streams]  # fmt: skip
    values = np.array(given) if all(r > 0 for r in given) else np.ones(len(streams))
    return np.asarray(values / values.sum())


def turns(share: FloatArray, requests: int) -> list[int]:
    """Which stream each of the requests belongs to: every stream in turn, by its share.

    Examples
    --------
    >>> turns(np.array([0.75, 0.25]), 8)
    [0, 0, 1, 0, 0, 0, 1, 0]
    """
    credit, out = np.zeros(len(share)), []
    for _ in range(max(requests, len(share))):
        credit += share
        out.append(int(np.argmax(credit)))
        credit[out[-1]] -= 1.0
    missing = [s for s in range(len(share)) if s not in out]
    return out + missing


def light_times(
    problem: Problem, allocation: Allocation, order: Sequence[int]
) -> list[list[float]]:
    """Arrivals so far apart that requests never meet: 1.3 x the latency of the one before."""
    single = without_luck(problem)
    latency = np.empty(len(problem.streams))
    for s in range(len(problem.streams)):
        alone = replace(single, streams=tuple(single.streams[s : s + 1]))
        latency[s] = simulate(alone, part_of(allocation, problem, s)).makespan
    times: list[list[float]] = [[] for _ in problem.streams]
    now = 0.0
    for s in order:
        times[s].append(now)
        now += SPACING * float(latency[s])
    return times


def part_of(allocation: Allocation, problem: Problem, stream: int) -> Allocation:
    """The placements of one stream, under the names that its tasks have alone."""
    rows = []
    for p in allocation.placements:
        t = problem.task_index[p.task]
        if problem.arrays.task_stream[t] == stream:
            rows.append(p._replace(task=problem.tasks[t].name))
    return Allocation(tuple(rows), allocation.note)


def bottleneck_s(problem: Problem, allocation: Allocation) -> float:
    """Seconds that the busiest node or link needs for one request of average share."""
    share = rates(problem.streams)
    single = without_luck(problem)
    trace = simulate(single, allocation)
    stream_share = share[problem.arrays.task_stream]
    node = trace.record.node
    hold = np.nanmax(np.where(np.isfinite(trace.record.hold_s), trace.record.hold_s, 0.0), axis=0)
    busy = np.bincount(node, weights=hold * stream_share, minlength=problem.n_nodes)
    return float((busy / problem.arrays.slots).max())


def heavy_times(
    order: Sequence[int], n_streams: int, period_s: float, seed: int
) -> list[list[float]]:
    """Poisson arrivals, the same for every allocation."""
    rng = np.random.default_rng([seed, 2])
    at = np.concatenate([[0.0], np.cumsum(rng.exponential(period_s, size=len(order) - 1))])
    times: list[list[float]] = [[] for _ in range(n_streams)]
    for s, t in zip(order, at, strict=True):
        times[s].append(float(t))
    return times


def cases(
    problem: Problem,
    candidates: Sequence[Candidate],
    light_requests: int,
    heavy_requests: int,
    seed: int = 0,
    loads: Sequence[str] = LOADS,
    watch: Callable[[int], None] = lambda _: None,
) -> list[Case]:
    """Every allocation under every load, simulated.

    The period of heavy load is fixed by the allocation that could serve most, so that all are
    offered the same arrivals and most of them are overloaded.
    """
    share = rates(problem.streams)
    base = without_luck(problem)
    period = min(bottleneck_s(problem, c.allocation) for c in candidates) / UTILISATION
    crowd = heavy_times(turns(share, heavy_requests), len(problem.streams), period, seed)
    out = []
    for load in loads:
        for candidate in candidates:
            times = crowd if load == HEAVY else light_times(
                problem, candidate.allocation, turns(share, light_requests)
            )  # fmt: skip
            placed = at_times(base, times)
            luck = draw(placed, seed)
            trace = simulate(placed, candidate.allocation, realisation=luck)
            out.append(Case(load, candidate, placed, luck, trace))
            watch(len(out))
    return out


def measures(trace: Trace) -> dict[str, float]:
    """What is compared: makespan, and mean latency over all requests, alike for every stream."""
    latency = trace.log.completed - trace.log.arrival
    return {"makespan": trace.makespan, "mean_latency": float(np.mean(latency))}
