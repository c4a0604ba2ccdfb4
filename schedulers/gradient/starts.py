"""Where restarts begin: heuristic plans, the incumbent, relative durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.timeline import Plan
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.gradient.kernel import Soft


def logits(
    soft: Soft,
    incumbent: tuple[IntArray, IntArray],
    plans: list[Plan],
    restarts: int,
    certainty: float,
    rng: Generator,
) -> FloatArray:
    """(R, T, V, N) logits: a third from the incumbent, a third from plans, a third from durations.

    A placement becomes logits of `certainty` for its options and 0 elsewhere. The noise on top has
    a standard deviation drawn from (0.2, 1) for each restart.
    """
    n_tasks, n_variants, n_nodes = soft.hold.shape
    theta = np.zeros((restarts, n_tasks, n_variants, n_nodes))
    rows = np.arange(n_tasks)
    for r in range(restarts):
        if r % 3 == 2:
            opened = soft.mask > 0
            mean = soft.hold.sum(axis=(1, 2)) / np.maximum(opened.sum(axis=(1, 2)), 1)
            ratio = soft.hold / np.where(mean > 0.0, mean, 1.0)[:, None, None]
            theta[r] = -rng.uniform(0.5, 2.0) * ratio
        else:
            node, variant = incumbent
            if r % 3 == 1:
                plan = plans[int(rng.integers(len(plans)))]
                node, variant = plan.node, plan.variant
            theta[r, rows, variant, node] = certainty
    noise = rng.uniform(0.2, 1.0, (restarts, 1, 1, 1))
    theta += noise * rng.standard_normal(theta.shape)
    return theta
