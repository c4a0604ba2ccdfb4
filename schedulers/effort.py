"""How long a search goes on when nobody sets a budget: by count, so that answers repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.batch import nanoseconds

if TYPE_CHECKING:
    from simulator.problem import Problem

FEWEST, MOST = 16, 2_000_000

LARGEST_POPULATION = 100_000
"""Individuals of a population at most: it has to fit into memory whatever the budget."""


def nominal_evaluations(problem: Problem, seconds: float = 1.0) -> int:
    """Evaluations that take about `seconds` on a common core, estimated without a clock.

    Parameters
    ----------
    problem : Problem
    seconds : float

    Returns
    -------
    int, between `FEWEST` and `MOST`
    """
    each = sum(nanoseconds(problem.arrays, luck) for luck in problem.plan)
    return int(np.clip(seconds * 1e9 / max(each, 1.0), FEWEST, MOST))
