"""What models do, counted on the meta device: the other half of predicting their seconds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from realrun import models
from realrun.calibrate.predict import Features
from realrun.programs import split_reference
from simulator.costs import interpolate

_WIDTH = {"fp32": 1.0, "fp16": 0.5, "bf16": 0.5}


@lru_cache(maxsize=256)
def counted(name: str, batch: int) -> Mapping[str, Any]:
    """Costs of a model of the catalogue at one batch size."""
    from realrun.profile import cost

    return cost(name, (batch,))


def features_of(
    model: str, batch: int, costs: Mapping[str, Mapping[str, Any]] | None = None
) -> Features | None:
    """Features of one execution; None for modules of the user's.

    Parameters
    ----------
    model : str
        Reference.
    batch : int
    costs : mapping of name to stored costs, or None
        With ``batch``, ``flops``, ``bytes_touched``, ``operators``; None counts anew (slow).
    """
    name, dtype = split_reference(model)
    if name not in models.MODELS:
        return None
    stored = None if costs is None else costs.get(name)
    if stored is None:
        found = counted(name, batch)
        flops = {kind: float(values[0]) for kind, values in found["flops"].items()}
        touched, operators = float(found["bytes_touched"][0]), float(found["operators"])
    else:
        points = tuple(stored["batch"])
        flops = {
            kind: interpolate(points, values, batch) for kind, values in stored["flops"].items()
        }
        touched = interpolate(points, stored["bytes_touched"], batch)
        operators = float(stored["operators"])
    return Features(flops, touched * _WIDTH[dtype], operators)
