"""DLS: dynamic level scheduling.

Paper: G. C. Sih, E. A. Lee, "A compile-time scheduling heuristic for interconnection-constrained
heterogeneous processor architectures", IEEE TPDS 4(2), 1993. doi:10.1109/71.207593.

What we changed, and why: links are not booked (the `ideal` network); the first, basic dynamic level
for heterogeneous processors is used, without the paper's descendant and resource terms, as in the
comparisons of Topcuoglu et al. (2002); medians leave out forbidden nodes. Variants, slots, memory
limits and groups as in the other list schedulers.

Cost: O(E N + T (N V + R)) time for R ready tasks when placing one task disturbs few others,
O(T R N V) at worst; O(T N) memory.

Does badly: at high communication-to-computation ratios, and where waiting for a fast node would
pay: it never leaves gaps that it could fill later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.pairs import LEVEL, pair_plan
from schedulers.planner import Planner
from schedulers.ranks import median_costs, static_levels
from schedulers.timeline import Plan
from schedulers.view import view_of

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class Dls(Planner):
    """The pair of highest dynamic level: static level - start + (median cost - cost there)."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        median = median_costs(view)
        there = view.fastest < np.inf
        gain = np.where(there, median[:, None] - np.where(there, view.fastest, 0.0), 0.0)
        level = static_levels(view, median)
        return pair_plan(problem, LEVEL, early=True, level=level, gain=gain)
