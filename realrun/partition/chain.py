"""Where a line of operators is cut: balanced stages first, then little data between them.

Chain partitioning [1]_ [2]_: operators stay in their order, every stage is a contiguous piece of
it. The first pass finds the least possible work of the largest stage; the second, among all cuts
whose largest stage stays within `SLACK` of that, the fewest bytes that can pass. The third chooses
among them: bytes, and a little (`EVENNESS`) for even stages, where an operator that cannot be
divided leaves the others free. All are exact, by dynamic programming over cut positions, as
PipeDream [3]_ cuts training pipelines.

References
----------
.. [1] S. Bokhari, "Partitioning problems in parallel, pipelined, and distributed computing", IEEE
   Transactions on Computers 37(1), 1988, pp. 48-57. doi:10.1109/12.75137
.. [2] A. Pınar, C. Aykanat, "Fast optimal load balancing algorithms for 1D partitioning", Journal
   of Parallel and Distributed Computing 64(8), 2004, pp. 974-996. doi:10.1016/j.jpdc.2004.05.003
.. [3] D. Narayanan et al., "PipeDream: generalized pipeline parallelism for DNN training", SOSP
   2019, pp. 1-15. doi:10.1145/3341301.3359646
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray

SLACK = 0.1
"""How much larger than necessary the largest stage may be, to have less pass between stages."""
EVENNESS = 0.1
"""Bytes of an average cut that a stage as full as the largest counts for; emptier ones less, by the
square of their work."""


def cut_chain(
    work: FloatArray,
    crossing: FloatArray,
    allowed: BoolArray,
    stages: int,
    slack: float = SLACK,
) -> tuple[int, ...]:
    """Cut a line of n operators into stages.

    Parameters
    ----------
    work : (n,) float array, >= 0
    crossing : (n - 1,) float array
        Bytes that pass over a cut behind each operator but the last.
    allowed : (n - 1,) bool array
        Behind which operators may be cut.
    stages : int
        1 to the number of allowed positions and one more.
    slack : float
        Share by which the largest stage may exceed the least possible.

    Returns
    -------
    tuple of int
        Index of the first operator of each stage, then n.

    Examples
    --------
    >>> work, crossing = np.array([2.0, 1.0, 1.0, 2.0]), np.array([8.0, 1.0, 8.0])
    >>> cut_chain(work, crossing, np.ones(3, dtype=bool), 2)
    (0, 2, 4)
    """
    ends = np.concatenate([[0], np.flatnonzero(allowed) + 1, [len(work)]])
    done = np.concatenate([[0.0], np.cumsum(work)])[ends]
    passing = np.concatenate([[0.0], crossing, [0.0]])[ends]
    limit = _bottleneck(done, stages) * (1.0 + slack)
    fewest = _cheapest(done, passing, limit, stages)
    mean = float(passing[fewest[1:-1]].mean()) if stages > 1 else 0.0
    chosen = _cheapest(done, passing, limit, stages, EVENNESS * mean)
    return tuple(int(ends[i]) for i in chosen)


def most_stages(allowed: BoolArray) -> int:
    """Into how many stages a line can be cut."""
    return int(np.count_nonzero(allowed)) + 1


def _bottleneck(done: FloatArray, stages: int) -> float:
    """The least work of the largest of so many non-empty pieces; `done` is summed work."""
    best = done.copy()
    best[0] = np.inf
    for piece in range(2, stages + 1):
        # Going down, best[i] for i < j is still that of one piece fewer.
        for j in range(len(done) - 1, 0, -1):
            before = slice(piece - 1, j)
            best[j] = np.min(np.maximum(best[before], done[j] - done[before]), initial=np.inf)
    return float(best[-1])


def _cheapest(
    done: FloatArray, passing: FloatArray, limit: float, stages: int, even: float = 0.0
) -> list[int]:
    """Ends of so many pieces of at most `limit` work with the least sum of passing bytes.

    A piece costs `even` bytes besides, times the square of its share of the limit.
    """
    n = len(done)
    limit *= 1.0 + 1e-12  # sums in another order differ in the last digit
    price = even / limit**2 if limit > 0 else 0.0
    cost = np.where(done <= limit, price * done**2, np.inf)
    cost[0] = np.inf
    came: IntArray = np.zeros((stages + 1, n), dtype=np.int64)
    for piece in range(2, stages + 1):
        new = np.full(n, np.inf)
        for j in range(piece, n):
            first = max(piece - 1, int(np.searchsorted(done, done[j] - limit, side="left")))
            if first >= j:
                continue
            sums = cost[first:j] + passing[first:j] + price * (done[j] - done[first:j]) ** 2
            at = int(np.argmin(sums))
            new[j], came[piece, j] = sums[at], first + at
        cost = new
    at, found = n - 1, [n - 1]
    for piece in range(stages, 0, -1):
        at = int(came[piece, at])
        found.append(at)
    return found[::-1]
