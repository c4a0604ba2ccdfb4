"""The generational loop: DEAP's toolbox holds the operators, which work on whole generations.

F.-A. Fortin, F.-M. De Rainville, M.-A. Gardner, M. Parizeau, C. Gagné, "DEAP: evolutionary
algorithms made easy", JMLR 13, 2012, https://jmlr.org/papers/v13/fortin12a.html. Individuals are
rows of arrays instead of objects: at a microsecond an evaluation, one Python call for each
individual would cost more than judging it. Nothing is registered outside the toolbox, and chance
comes from the search's own generator instead of the global one that DEAP's operators use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.genetic.species import Genes, Species, join, take
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget


def tournament(values: FloatArray, count: int, size: int, rng: Generator) -> IntArray:
    """(count,) winners of tournaments of `size` individuals drawn with replacement."""
    drawn = rng.integers(0, len(values), (count, size))
    return np.asarray(drawn[np.arange(count), values[drawn].argmin(axis=1)])


def toolbox_of(
    species: Species, budget: Budget, rng: Generator, *, contest: int, crossover: float, most: int
) -> Any:
    """A DEAP toolbox with the operators of a species.

    ``select(values, count)``, ``mate(parents, pick)``, ``mutate(genes)`` and ``evaluate(genes)``;
    each may be replaced by registering another one.
    """
    from deap import base

    toolbox = base.Toolbox()
    toolbox.register("select", tournament, size=contest, rng=rng)
    toolbox.register("mate", species.mate, crossover=crossover, rng=rng)
    toolbox.register("mutate", species.mutate, most=most, rng=rng)
    toolbox.register("evaluate", species.judge, budget=budget)
    return toolbox


def offspring(toolbox: Any, genes: Genes, values: FloatArray, count: int) -> Genes:
    """Children of a generation, mated and mutated."""
    pick = toolbox.select(values, 2 * count).reshape(count, 2)
    child = toolbox.mate(genes, pick)
    toolbox.mutate(child)
    return child


def next_generation(
    toolbox: Any, genes: Genes, values: FloatArray, elite: int
) -> tuple[Genes, FloatArray]:
    """The best individuals, and children instead of all others."""
    best = np.argsort(values, kind="stable")[:elite]
    child = offspring(toolbox, genes, values, len(values) - elite)
    judged = toolbox.evaluate(child)
    return join([take(genes, best), child]), np.concatenate([values[best], judged])
