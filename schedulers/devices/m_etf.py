"""m-ETF: earliest task first under memory limits.

Paper: B. Jeon et al., "Baechi: fast device placement of machine learning graphs", ACM SoCC 2020.
doi:10.1145/3419111.3421302.

Among the ready tasks and the nodes with room for them, the pair that can start first. Every
scheduler here keeps memory limits and groups, so this is `etf` under the name by which people look
for it; without limits the two agree on every problem by construction.

What we changed, and why: memory is what stays resident (weights once for each sharing group, and
the largest working sets), not a balance over time; where the greedy choice would lead into a dead
end, it runs again on guard, while the paper's program gives up. Ties go to the highest static
level and the earliest finish.

Cost: that of `etf`, and O(T V) for each placement while limits are in force.

Does badly: as `etf` on unequal nodes; with little memory, because tasks that are early take the
fast nodes' memory, whatever they gain there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from schedulers.etf import Etf


@dataclass(frozen=True)
class MEtf(Etf):
    """The ready task that can start first, on that node, where memory admits it."""

    version: ClassVar[int] = 1
