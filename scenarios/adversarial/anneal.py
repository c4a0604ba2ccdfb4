"""Simulated annealing over instances: where is one scheduler worst against another?

Paper: J. R. Coleman, B. Krishnamachari, "PISA: An Adversarial Approach To Comparing Task Graph
Scheduling Algorithms", arXiv:2403.07120, 2024.

What we changed, and why: the energy is the logarithm of the ratio of makespans, so that a change
from 1 to 2 counts as much as one from 2 to 4; the search starts again several times, each time from
the best of many random instances, and at last from the best one found; numbers move on a
logarithmic scale and to the ends of their ranges, where the worst instances lie.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.adversarial.contender import Contender
from scenarios.adversarial.lean import lean_problem
from scenarios.adversarial.moves import draw, neighbour

if TYPE_CHECKING:
    from numpy.random import Generator

    from scenarios.adversarial.instance import Instance
    from scenarios.adversarial.limits import Limits

STARTS, REPEATS = 6, 2
"""Starts from random instances, and starts from the best instance so far."""

SCREEN = 0.1
"""Share of a start that draws random instances, of which the best one is annealed."""

PATIENCE = 200
"""Changes in a row that limits may forbid before an instance is drawn anew."""

HOT, COLD = 0.3, 0.003
"""First and last temperature, in units of the logarithm of the ratio."""


@dataclass(frozen=True)
class Found:
    """The worst instance for scheduler a against b.

    Parameters
    ----------
    a, b : str, specs
    instance : Instance
    ratio : float, makespan of a over makespan of b, simulated
    makespan_a, makespan_b : float, seconds
    evaluations : int, instances on which both were run
    cpu_seconds : float
    curve : tuple of (evaluations, seconds, ratio), strictly rising
    """

    a: str
    b: str
    instance: Instance
    ratio: float
    makespan_a: float
    makespan_b: float
    evaluations: int
    cpu_seconds: float
    curve: tuple[tuple[int, float, float], ...]


class _Duel:
    """Two schedulers, what has been spent, and the best instance so far."""

    def __init__(
        self, a: Contender, b: Contender, seconds: float | None, evaluations: int | None
    ) -> None:
        self.a, self.b = a, b
        self.seconds, self.most = seconds, evaluations
        self.evaluations, self.began = 0, time.process_time()
        self.best: Instance | None = None
        self.best_value = -math.inf
        self.curve: list[tuple[int, float, float]] = []

    def elapsed(self) -> float:
        return time.process_time() - self.began

    def spent(self) -> float:
        """Share of the budget, 1 or more when it is used up."""
        share = 0.0 if self.most is None else self.evaluations / self.most
        return share if self.seconds is None else max(share, self.elapsed() / self.seconds)

    def value(self, instance: Instance) -> float:
        """Logarithm of the ratio; -inf where one of them finds no answer."""
        problem = lean_problem(instance)
        self.evaluations += 1
        ratio = self.a.makespan(problem) / self.b.makespan(problem)
        value = math.log(ratio) if ratio > 0 else -math.inf  # NaN is not
        if value > self.best_value or self.best is None:
            self.best, self.best_value = instance, value
            self.curve.append((self.evaluations, self.elapsed(), ratio))
        return value


def search(
    a: str,
    b: str,
    limits: Limits,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
) -> Found:
    """Find an instance on which scheduler a does much worse than b.

    Parameters
    ----------
    a, b : str, specs
    limits : Limits
    seconds : float or None, CPU seconds of this process
    evaluations : int or None
        Instances on which both are run. The same number and seed give the same instance.
    seed : int

    Returns
    -------
    Found
        Its figures come from `solve` and `simulate` on the instance as a scenario.

    Raises
    ------
    UnknownName, InvalidSpec, InvalidScenario
    """
    first, second = Contender(a, seed), Contender(b, seed)
    rng = _generator(seed, first.spec, second.spec)
    warm = lean_problem(draw(limits, np.random.default_rng(0)))
    for contender in (first, second):  # compilation is not part of the budget
        contender.makespan(warm)
    duel = _Duel(first, second, seconds, evaluations)
    rounds = STARTS + REPEATS
    for i in range(rounds):
        if duel.best is not None and duel.spent() >= 1.0:
            break  # a budget of less than one instance a start
        _anneal(duel, limits, i / rounds, (i + 1) / rounds, i >= STARTS, rng)
    assert duel.best is not None
    cpu = duel.elapsed()
    problem = duel.best.scenario().problem(seed=seed)
    makespan_a, makespan_b = first.official(problem), second.official(problem)
    return Found(
        first.spec, second.spec, duel.best, makespan_a / makespan_b, makespan_a, makespan_b,
        duel.evaluations, cpu, tuple(duel.curve),
    )  # fmt: skip


def _generator(seed: int, a: str, b: str) -> Generator:
    """Chance of its own for every pair, whatever the other pairs are."""
    text = "\x1f".join((str(seed), a, b)).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:8], "little"))


def _anneal(
    duel: _Duel, limits: Limits, begin: float, end: float, again: bool, rng: Generator
) -> None:
    """One start, which may use the budget from share `begin` to share `end`."""
    if again and duel.best is not None:
        here, value, hot = duel.best, duel.best_value, math.sqrt(HOT * COLD)
    else:
        here, value = _screened(duel, limits, begin + SCREEN * (end - begin), rng)
        hot = HOT
    begin = duel.spent()
    idle = 0
    while (share := duel.spent()) < end:
        temperature = hot * (COLD / hot) ** ((share - begin) / max(end - begin, 1e-12))
        other = neighbour(here, limits, rng)
        if other is None:
            idle += 1
            if idle < PATIENCE:
                continue
            other = draw(limits, rng)  # limits too narrow to move in
        idle = 0
        new = duel.value(other)
        if new >= value or rng.random() < math.exp((new - value) / temperature):
            here, value = other, new


def _screened(duel: _Duel, limits: Limits, until: float, rng: Generator) -> tuple[Instance, float]:
    """The best of random instances."""
    best = draw(limits, rng)
    best_value = duel.value(best)
    while duel.spent() < until:
        other = draw(limits, rng)
        value = duel.value(other)
        if value > best_value:
            best, best_value = other, value
    return best, best_value
