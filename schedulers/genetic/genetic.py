"""Genetic algorithm over placements and orders, or over pins and priorities.

Papers: J. H. Holland, "Adaptation in natural and artificial systems", 1975; for task graphs on
unequal machines L. Wang, H. J. Siegel, V. P. Roychowdhury, A. A. Maciejewski, JPDC 47(1), 1997,
doi:10.1006/jpdc.1997.1392. Toolbox: DEAP, https://jmlr.org/papers/v13/fortin12a.html.

What we changed, and why: list schedulers' plans are in the first population, random list schedules
beside them instead of random placements; operators and judging are compiled and work on a whole
generation; when the best has not improved for `patience` generations the search begins anew, with
other random individuals, because a population of one family finds nothing any more. With
``genes=pin`` a gene says "this node" or "where it finishes first", and priorities order the ready
tasks: the decoder then does what the genes leave open, which makes good schedules dense.

Cost: O(E + T) for an individual of plain genes, that of HEFT for one of pin genes.

Does badly: on large graphs, where crossover breaks what belongs together; pin genes where earliest
finish is not what is wanted (energy, accuracy), because variants follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.effort import LARGEST_POPULATION, nominal_evaluations
from schedulers.exactness import plan_is_exact
from schedulers.genetic.evolution import next_generation, toolbox_of
from schedulers.genetic.species import Genes, OrderSpecies, PinSpecies, Species, join, take
from schedulers.starts import judged_starts
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from schedulers.timeline import Plan
    from simulator.allocation import Allocation
    from simulator.problem import Problem

PIN_WORK = 8
"""How much longer decoding an individual takes than running an order, roughly."""


@dataclass(frozen=True)
class Genetic:
    """Generations of placements, the better ones having more children.

    Parameters
    ----------
    genes : {"plain", "pin"}
        plain: node, variant and order of every task. pin: a node or "greedy", and a priority.
    population : int
    generations : int
        Where the budget has no limit; 0: what takes about a second.
    tournament : int
        Individuals that a parent must beat, itself included.
    elite : int
        Best individuals that go on living.
    crossover : float
        Share of children with two parents.
    mutations : int
        Most genes of a child that change, at least one.
    patience : int
        Generations without improvement after which the search begins anew; 0: never.
    threads : int
        The answer does not depend on it.
    """

    version: ClassVar[int] = 1
    genes: Literal["plain", "pin"] = "plain"
    population: int = 100
    generations: int = 0
    tournament: int = 3
    elite: int = 2
    crossover: float = 0.9
    mutations: int = 3
    patience: int = 200
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in ("tournament", "mutations", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        for name in ("generations", "elite", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")
        if self.population < max(2, self.elite + 1):
            least = max(2, self.elite + 1)
            raise ValueError(f"population must be >= {least}, got {self.population}")
        if self.population > LARGEST_POPULATION:
            raise ValueError(f"population must be <= {LARGEST_POPULATION:,}, got {self.population}")
        if not 0 <= self.crossover <= 1:
            raise ValueError(f"crossover must be in [0, 1], got {self.crossover}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Evolve until the budget is spent.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        plans, _ = judged_starts(problem, budget, least_left=0.5)
        fallback = plans[0].allocation(problem)
        if not budget.limited:
            budget = budget.portion(1.0, self._effort(problem))
        if budget.left() > 0:
            species: Species = (
                PinSpecies(problem, self.threads)
                if self.genes == "pin"
                else OrderSpecies(problem, self.threads)
            )
            self._evolve(species, plans, budget, rng)
        return fallback if budget.best is None else budget.best

    def _effort(self, problem: Problem) -> int:
        """Evaluations where nothing limits them."""
        if self.generations:
            return self.generations * self.population
        slow = PIN_WORK if self.genes == "pin" and plan_is_exact(problem) else 1
        return max(nominal_evaluations(problem, 0.5 / slow), self.population)

    def _evolve(self, species: Species, plans: list[Plan], budget: Budget, rng: Generator) -> None:
        toolbox = toolbox_of(
            species, budget, rng,
            contest=self.tournament, crossover=self.crossover, most=self.mutations,
        )  # fmt: skip
        heuristics = species.of_plans(plans)
        while budget.left() > 0:
            genes, values = self._population(species, heuristics, budget, rng)
            best, since = values.min(), 0
            while budget.left() > 0 and (since < self.patience or not self.patience):
                genes, values = next_generation(toolbox, genes, values, self.elite)
                since = 0 if values.min() < best else since + 1
                best = min(best, values.min())

    def _population(
        self, species: Species, heuristics: Genes, budget: Budget, rng: Generator
    ) -> tuple[Genes, FloatArray]:
        """Heuristics for at most half of it, random individuals for the rest."""
        some = min(len(heuristics[0]), max(self.population // 2, 1))
        genes = join(
            [take(heuristics, np.arange(some)), species.sample(self.population - some, rng)]
        )
        return genes, species.judge(genes, budget)
