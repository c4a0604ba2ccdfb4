"""NSGA-II: a front of allocations that are best in one way or another, and a choice among them.

Paper: K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic
algorithm: NSGA-II", IEEE Trans. Evolutionary Computation 6(2), 2002, doi:10.1109/4235.996017.
Selection and tournament are DEAP's: F.-A. Fortin et al., "DEAP: evolutionary algorithms made
easy", J. Machine Learning Research 13, 2012.

What we changed, and why: genes are node, variant and an order of the tasks, and every child is
simulated, so that any network, stream and objective will do; all objectives come out of one
simulation. The first population holds the plans of list schedulers and the cheapest places by each
cost, because crossing random placements does not find them. Candidates seen before are not
simulated again, and individuals of equal objectives survive only where there is room, or copies
would crowd out a front of few points. The answer is the front of all that was simulated, not of the
last population, which forgets.

Cost: a generation of P children O(P) simulations, O(P T) for breeding them and O(M P log^(M-1) P)
for sorting.

Does badly: for one objective (use a search for one); with four objectives or more almost every
candidate is non-dominated, so that selection has nothing to go by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from schedulers.effort import LARGEST_POPULATION
from schedulers.pareto.choice import choose, parse_weights
from schedulers.pareto.evolution import Evolution
from schedulers.pareto.terms import AUTO, names_for, parse_names
from schedulers.registry import InvalidSpec, make
from schedulers.starts import QUICK

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.base import Scheduler
    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem


@dataclass(frozen=True)
class Nsga2:
    """Evolves a front for several objectives and returns one of its points.

    Parameters
    ----------
    objectives : str
        Names joined by ``+``: the terms of objectives, ``accuracy`` (1 - mean declared accuracy)
        and ``lost`` (requests). ``auto``: see `schedulers.pareto.terms.names_for`.
    population : int
        0: by the budget, 8 to 100.
    generations : int
        0: until the budget is spent; without one, until about 1 CPU second is.
    choose : {"knee", "weights", "first"}
        Which point of the front is the answer; see `schedulers.pareto.choice.choose`.
    weights : str
        One for each objective, joined by ``+``, for the rule of that name; empty: all alike.
    """

    version: ClassVar[int] = 1
    objectives: str = AUTO
    population: int = 0
    generations: int = 0
    choose: Literal["knee", "weights", "first"] = "knee"
    weights: str = ""

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        names = parse_names(self.objectives)
        if self.population < 0 or 0 < self.population < 4:
            raise ValueError(f"population must be at least 4, or 0, got {self.population}")
        if self.population > LARGEST_POPULATION:
            raise ValueError(f"population must be <= {LARGEST_POPULATION:,}, got {self.population}")
        if self.generations < 0:
            raise ValueError(f"generations must be >= 0, got {self.generations}")
        if not self.weights:
            return
        if self.choose != "weights":
            raise ValueError("weights are for choose=weights")
        count = len(parse_weights(self.weights))
        if names and count != len(names):
            raise ValueError(f"there are {len(names)} objectives, but {count} weights")

    def parts(self) -> tuple[Scheduler, ...]:
        """Schedulers that it starts from; and one that asks for no watts, prices or accuracies."""
        starts = tuple(make(spec) for spec in QUICK)
        return starts if self.objectives == AUTO else (*starts, Nsga2())

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Evolve; sets the front of the budget.

        Raises
        ------
        Infeasible
            No allocation keeps the constraints, or none was found.
        InvalidScenario, InvalidSpec
            Objectives or weights do not fit the problem.
        """
        names = names_for(problem, parse_names(self.objectives))
        weights = self._weights(names)
        run = Evolution(problem, budget, rng, names, self.population)
        try:
            run.begin()
            while budget.left() > 0 and not run.over(self.generations):
                run.generation()
        except KeyboardInterrupt:
            if len(run.archive) == 0:
                raise
            budget.interrupted = True
        if len(run.archive) == 0:
            return run.fallback
        budget.keep_answer = True
        budget.front = run.front()
        return budget.front[choose(run.archive.values, self.choose, weights)].allocation

    def _weights(self, names: tuple[str, ...]) -> tuple[float, ...]:
        """One for each objective; lost requests, if they came in on their own, weigh 1."""
        if not self.weights:
            return ()
        weights = parse_weights(self.weights)
        if len(weights) == len(names) - 1 and names[-1] == "lost":
            weights = (*weights, 1.0)
        if len(weights) != len(names):
            raise InvalidSpec(
                f"nsga2: the objectives are {', '.join(names)}, but there are "
                f"{len(weights)} weights"
            )
        return weights
