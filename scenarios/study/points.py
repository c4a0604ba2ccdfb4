"""Points of a parameter space: grids, pairs, random draws, Latin hypercubes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.messages import show
from simulator.arrays import FloatArray
from simulator.errors import InvalidScenario

if TYPE_CHECKING:
    from scenarios.study.schema import ParametersSpec, SampledSpec

MOST = 1_000_000
"""Points of one study."""

BLOCKS = ("grid", "zip", "random", "latin_hypercube")


def points_of(spec: ParametersSpec) -> list[dict[str, Any]]:
    """All points of the blocks together, the last block running fastest.

    Returns
    -------
    list of dict
        Parameter -> value; one empty point where there are no parameters.

    Raises
    ------
    InvalidScenario
        A parameter in two blocks, a value twice in a list, lists of unequal length under zip, or
        more than `MOST` points.
    """
    _refuse_overlap(spec)
    blocks = [_grid(spec.grid), _zip(spec.zip)]
    for name in ("random", "latin_hypercube"):
        sampled = getattr(spec, name)
        if sampled is not None:
            blocks.append(_sampled(name, sampled))
    count = math.prod(len(block) for block in blocks)
    if count > MOST:
        raise InvalidScenario(f"{count:,} points are too many, at most {MOST:,}")
    return [
        {key: value for part in parts for key, value in part.items()}
        for parts in itertools.product(*blocks)
    ]


def names_of(spec: ParametersSpec) -> tuple[str, ...]:
    """Names of all parameters in the order of the blocks."""
    return tuple(name for block in BLOCKS for name in _names(spec, block))


def _names(spec: ParametersSpec, block: str) -> list[str]:
    value = getattr(spec, block)
    if value is None:
        return []
    return list(value if isinstance(value, dict) else value.over)


def _refuse_overlap(spec: ParametersSpec) -> None:
    seen: dict[str, str] = {}
    for block in BLOCKS:
        for name in _names(spec, block):
            if name in seen:
                raise InvalidScenario(f"{block}.{name}: stands in {seen[name]} as well")
            seen[name] = block


def _distinct(block: str, name: str, values: list[Any]) -> list[Any]:
    for i, value in enumerate(values):
        if value is None:
            raise InvalidScenario(f"{block}.{name}[{i}]: expected a value, got nothing")
        if any(type(v) is type(value) and v == value for v in values[:i]):
            raise InvalidScenario(f"{block}.{name}: the value {show(value)} stands twice")
    return values


def _grid(values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    lists = [_distinct("grid", name, given) for name, given in values.items()]
    if math.prod(map(len, lists)) > MOST:
        raise InvalidScenario(f"grid: more than {MOST:,} points are too many")
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*lists)]


def _zip(values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    if not values:
        return [{}]
    lengths = {name: len(given) for name, given in values.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise InvalidScenario(f"zip: all lists must be equally long, but {said}")
    return [dict(zip(values, point, strict=True)) for point in zip(*values.values(), strict=True)]


def _sampled(block: str, spec: SampledSpec) -> list[dict[str, Any]]:
    """Points of one sample; the same for the same seed, whatever else the study says."""
    generator = np.random.default_rng(spec.seed)
    shape = (spec.n, len(spec.over))
    if block == "random":
        draws: FloatArray = generator.random(shape)
    else:
        from scipy.stats import qmc

        draws = qmc.LatinHypercube(d=shape[1], seed=generator).random(spec.n)
    columns = [
        [_value(f"{block}.over.{name}", given, float(u)) for u in draws[:, i]]
        for i, (name, given) in enumerate(spec.over.items())
    ]
    return [dict(zip(spec.over, point, strict=True)) for point in zip(*columns, strict=True)]


def _value(where: str, given: Any, u: float) -> Any:
    """The value at a fraction u in [0, 1) of what a parameter may be."""
    if isinstance(given, list):
        block, _, name = where.partition(".over.")
        return _distinct(f"{block}.over", name, given)[min(int(u * len(given)), len(given) - 1)]
    if given.whole is not None:
        low, high = given.whole.low, given.whole.high
        return min(low + int(u * (high - low + 1)), high)
    if given.log is not None:
        low, high = math.log(given.log.low), math.log(given.log.high)
        return min(max(math.exp(low + u * (high - low)), given.log.low), given.log.high)
    return given.uniform.low + u * (given.uniform.high - given.uniform.low)
