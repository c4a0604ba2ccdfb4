"""Chance inside compiled searches: splitmix64, one uint64 of state.

Generator: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014, doi:10.1145/2660193.2660195. numba's own generators share a global state, which would
make answers depend on whatever ran before.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from schedulers.compiled import helper

SeedArray: TypeAlias = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)
_S32, _S11 = np.uint64(32), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0


@helper
def draw(seed: SeedArray) -> Any:
    """Next 64 random bits."""
    s = seed[0] + _GAMMA
    seed[0] = s
    s = (s ^ (s >> _S30)) * _MIX1
    s = (s ^ (s >> _S27)) * _MIX2
    return s ^ (s >> _S31)


@helper
def below(seed: SeedArray, n: int) -> Any:
    """Random integer in [0, n), n < 2**32; its bias is below n / 2**32."""
    return np.int64(((draw(seed) >> _S32) * np.uint64(n)) >> _S32)


@helper
def unit(seed: SeedArray) -> float:
    """Random float in (0, 1]."""
    return (np.int64(draw(seed) >> _S11) + 1) * _UNIT
