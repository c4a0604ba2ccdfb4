"""Random and regular task graphs with a given size, CCR and heterogeneity.

>>> from scenarios.generate import ccr_of, families, generate
>>> scenario = generate("fft", points=4, nodes=3, ccr=0.5, heterogeneity="range[beta=1]", seed=7)
>>> scenario.problem().n_tasks, round(ccr_of(scenario.problem()), 12)
(15, 0.5)
>>> families()[:3]
('layered', 'fork-join', 'chains')
"""

from __future__ import annotations

from scenarios.generate.build import SETTINGS, build, from_spec, generate
from scenarios.generate.ccr import ccr_of
from scenarios.generate.families import FAMILIES, Family
from scenarios.generate.heterogeneity import METHODS, parse_heterogeneity

__all__ = [
    "FAMILIES",
    "METHODS",
    "SETTINGS",
    "Family",
    "build",
    "ccr_of",
    "describe_families",
    "families",
    "from_spec",
    "generate",
    "parse_heterogeneity",
]


def families() -> tuple[str, ...]:
    """Names of the graph families."""
    return tuple(FAMILIES)


def describe_families() -> dict[str, str]:
    """Family -> one sentence and its own parameters, for lists."""
    return {
        f.name: f.summary + (f" Parameters: {', '.join(f.parameters)}." if f.parameters else "")
        for f in FAMILIES.values()
    }
