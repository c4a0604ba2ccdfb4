"""Published answers, copied from the papers."""

from __future__ import annotations

import numpy as np
import pytest

from schedulers.heft import Heft
from schedulers.ranks import optimistic_cost_table, ranks_of
from schedulers.registry import make
from schedulers.view import view_of
from tests.schedulers.problems import from_table, strict_finish

# Topcuoglu, Hariri, Wu, IEEE TPDS 13(3), 2002: figure 2 (communication costs) and table of
# computation costs on p1, p2, p3.
TOPCUOGLU = from_table(
    [
        [14, 16, 9], [13, 19, 18], [11, 13, 19], [13, 8, 17], [12, 13, 10],
        [13, 16, 9], [7, 15, 11], [5, 11, 14], [18, 12, 20], [21, 7, 16],
    ],
    [
        (1, 2, 18), (1, 3, 12), (1, 4, 9), (1, 5, 11), (1, 6, 14), (2, 8, 19), (2, 9, 16),
        (3, 7, 23), (4, 8, 27), (4, 9, 23), (5, 9, 13), (6, 8, 15), (7, 10, 17), (8, 10, 11),
        (9, 10, 13),
    ],
    "topcuoglu2002",
)  # fmt: skip

# Arabnejad, Barbosa, IEEE TPDS 25(3), 2014: figure 1 and its table of computation costs.
ARABNEJAD = from_table(
    [
        [22, 21, 36], [22, 18, 18], [32, 27, 43], [7, 10, 4], [29, 27, 35],
        [26, 17, 24], [14, 25, 30], [29, 23, 36], [15, 21, 8], [13, 16, 33],
    ],
    [
        (1, 2, 17), (1, 3, 31), (1, 4, 29), (1, 5, 13), (1, 6, 7), (2, 8, 3), (2, 9, 30),
        (3, 7, 16), (4, 8, 11), (4, 9, 7), (5, 9, 57), (6, 8, 5), (7, 10, 9), (8, 10, 42),
        (9, 10, 7),
    ],
    "arabnejad2014",
)  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "spec", "makespan"),
    [
        (TOPCUOGLU, "heft", 80.0),
        (TOPCUOGLU, "cpop", 86.0),
        (TOPCUOGLU, "dls", 91.0),
        (TOPCUOGLU, "peft", 85.0),
        (ARABNEJAD, "heft", 133.0),
        (ARABNEJAD, "cpop", 167.0),
        (ARABNEJAD, "peft", 122.0),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_published_makespans(problem, spec, makespan) -> None:
    plan = make(spec).plan(problem)
    assert plan.makespan == makespan
    replayed = strict_finish(problem, plan.allocation(problem))
    assert replayed.tolist() == plan.finish.tolist()


def test_upward_ranks_of_the_heft_paper() -> None:
    """Table 3 of Topcuoglu et al., printed to three decimals and slightly rounded on the way."""
    printed = [108.000, 77.000, 80.000, 80.000, 69.000, 63.333, 42.667, 35.667, 44.333, 14.667]
    assert np.allclose(ranks_of(view_of(TOPCUOGLU)).up, printed, atol=7e-4)


def test_downward_ranks_of_the_heft_paper() -> None:
    """The same table."""
    printed = [0.000, 31.000, 25.000, 22.000, 24.000, 27.000, 62.333, 66.667, 63.667, 93.333]
    assert np.allclose(ranks_of(view_of(TOPCUOGLU)).down, printed, atol=7e-4)


def test_placements_of_the_heft_paper() -> None:
    """Figure 4(a): which tasks run on which processor, in order."""
    allocation = Heft().plan(TOPCUOGLU).allocation(TOPCUOGLU)
    rows = sorted(allocation.placements, key=lambda p: p.priority)
    sequence = {n: [int(p.task) for p in rows if p.node == n] for n in ("p1", "p2", "p3")}
    assert sequence == {"p1": [2, 8], "p2": [4, 6, 9, 10], "p3": [1, 3, 5, 7]}


def test_optimistic_cost_table_by_hand() -> None:
    """The example of Arabnejad and Barbosa from the exit backwards; mean transfer = bytes.

    Task 10 is the exit. 8 (42 bytes to 10): staying costs 13, 16, 33; moving at least 13 + 42.
    9 (7 bytes to 10): p3 is better off moving to p1, 13 + 7 = 20. 4 precedes 8 (11 bytes) and 9
    (7 bytes): 8 then takes 13 + 29, 16 + 23 or 33 + 36, so 42, 39 and 39 + 11 = 50 from p1, p2,
    p3; 9 takes 13 + 15, 16 + 21 or 20 + 8, never more.
    """
    view = view_of(ARABNEJAD)
    table = optimistic_cost_table(view, ranks_of(view))
    assert table[9].tolist() == [0.0, 0.0, 0.0]
    assert table[7].tolist() == [13.0, 16.0, 33.0]
    assert table[8].tolist() == [13.0, 16.0, 20.0]
    assert table[3].tolist() == [42.0, 39.0, 50.0]
