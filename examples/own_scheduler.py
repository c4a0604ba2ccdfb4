"""A scheduler of one's own, compared with others: stay where the largest input comes from.

python examples/own_scheduler.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scenarios.generate import generate
from schedulers import solve
from schedulers.budget import Budget
from simulator import simulate
from simulator.allocation import Allocation
from simulator.problem import Problem


@dataclass(frozen=True)
class StayClose:
    """Each task beside the task that sends it most, unless another node is much faster.

    Parameters
    ----------
    patience : float
        How many times its fastest duration a task may take in order to stay.
    """

    version: ClassVar[int] = 1
    patience: float = 2.0

    def schedule(self, problem: Problem, budget: Budget, rng: np.random.Generator) -> Allocation:
        """Allocate; a constructive scheduler needs neither budget nor chance."""
        seconds = np.where(problem.allowed, problem.seconds, np.inf).min(axis=1)  # (T, N)
        a = problem.arrays
        load = np.zeros(problem.n_nodes)
        node = np.zeros(problem.n_tasks, dtype=int)
        for t in problem.topological:
            node[t] = np.argmin(load + seconds[t])
            inputs = np.flatnonzero((a.edge_dst == t) & (a.edge_lag == 0))
            if len(inputs):
                heaviest = inputs[np.argmax(a.edge_bytes[inputs, 0])]
                beside = node[a.edge_src[heaviest]]
                if seconds[t, beside] <= self.patience * seconds[t].min():
                    node[t] = beside
            load[node[t]] += seconds[t, node[t]]
        return Allocation.of(problem, node)


def main() -> None:
    print(f"{'scheduler':<26}{'CCR 0.1':>10}{'CCR 1':>10}{'CCR 10':>10}   makespan")
    problems = [generate("layered", tasks=60, nodes=4, ccr=c).problem() for c in (0.1, 1, 10)]
    for scheduler in (StayClose(1.0), StayClose(2.0), StayClose(10.0), "heft", "single_node"):
        found = [solve(scheduler, problem, seed=0) for problem in problems]
        spans = [simulate(p, o.allocation).makespan for p, o in zip(problems, found, strict=True)]
        print(f"{scheduler!s:<26}" + "".join(f"{s:>8.1f} s" for s in spans))


if __name__ == "__main__":
    main()
