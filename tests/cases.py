"""Random legal cases over every rule of simulated time, together and one by one.

Ties are drawn on purpose: most cases take their times from a few small integers, with zero sizes,
zero durations and equal factors, because that is where two readings of a rule part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.random import Generator, default_rng

from simulator.arrays import EDF, FIFO, GREEDY, IDEAL, STRICT
from tests.case_drawer import FEATURES, Case, Drawer, Settings

__all__ = ["FEATURES", "Case", "Settings", "draw_case", "draw_settings"]


def draw_settings(rng: Generator) -> Settings:
    """Draw a feature alone, a pair of features, or about half of all."""
    kind = int(rng.choice([0, 1, 2, 3], p=[0.05, 0.25, 0.3, 0.4]))
    if kind == 3:
        chosen = [f for f in FEATURES if rng.random() < 0.5]
    else:
        chosen = list(rng.choice(FEATURES, size=kind, replace=False))
    if rng.random() < 0.1:
        chosen += ["joins", "outages"]  # the only way to remove what had started
    if rng.random() < 0.5:
        chosen.append("requests")
    network = int(rng.integers(3))
    dispatch = GREEDY if rng.random() < 0.65 else STRICT
    discipline = int(rng.integers(3))
    if dispatch == STRICT and discipline == EDF:
        discipline = FIFO
    features = frozenset(chosen) - ({"degradations"} if network == IDEAL else set())
    return Settings(
        features=features - ({"streams"} if "closed" in features else set()),
        network=network,
        dispatch=dispatch,
        discipline=discipline,
        max_tasks=int(rng.choice([4, 9, 16, 30], p=[0.2, 0.4, 0.3, 0.1])),
        max_nodes=int(rng.choice([2, 4, 6])),
        integers=float(rng.choice([0.0, 0.9, 1.0], p=[0.2, 0.3, 0.5])),
    )


def draw_case(seed: int, **changes: Any) -> Case:
    """Draw the case of a seed.

    Parameters
    ----------
    seed : int
    **changes
        Fields of `Settings` to hold fixed instead of drawing them.
    """
    rng = default_rng([seed, 20])
    return Drawer(rng, replace(draw_settings(rng), **changes)).case()
