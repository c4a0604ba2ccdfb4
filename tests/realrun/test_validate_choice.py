"""Which allocations a validation runs."""

from __future__ import annotations

from math import comb

import pytest

from realrun.validate.choice import Symmetry, choose
from simulator import Allocation, Cluster, Node, Problem, Stream, Task, TaskGraph, Variant
from simulator.errors import Infeasible
from tests.realrun.fake_runner import problem

ALIKE, UNLIKE = [[0, 1]], [[0], [1]]


def nodes_of(choice, given):
    return {tuple(c.allocation.arrays(given)[0].tolist()) for c in choice.candidates}


@pytest.mark.parametrize(("identical", "existing"), [(UNLIKE, 16), (ALIKE, 8)])
def test_all_where_fewer_exist_and_counted_up_to_symmetry(identical, existing):
    found = choose(problem(tasks=4), {}, identical=identical)
    assert (found.existing, found.exact) == (existing, True)
    assert len(found.candidates) == existing


def test_three_identical_workers_give_partitions():
    # 4 tasks into at most 3 unnamed boxes: S(4,1) + S(4,2) + S(4,3) = 1 + 7 + 6.
    found = choose(problem(tasks=4, nodes=3, slow=1.0), {}, identical=[[0, 1, 2]])
    assert found.existing == 14


def test_a_pinned_task_tells_identical_workers_apart():
    found = choose(problem(tasks=4, entry=True), {}, identical=ALIKE)
    assert found.existing == 8  # the first task stays, the other three go anywhere


def test_symmetric_allocations_collapse():
    given = problem(tasks=3)
    here, there = Allocation.of(given, [0, 0, 1]), Allocation.of(given, [1, 1, 0])
    assert len(choose(given, {"a": here, "b": there}, identical=ALIKE).candidates) == 4
    first = choose(given, {"a": here, "b": there}, identical=ALIKE).candidates[0]
    assert first.made_by == ("a", "b")
    apart = Symmetry(given, UNLIKE)
    assert apart.key(*here.arrays(given)[:2]) != apart.key(*there.arrays(given)[:2])


def test_the_order_on_a_node_is_no_difference():
    given = problem(tasks=3)
    one = Allocation.of(given, [0, 0, 0], priority=[0, 1, 2])
    other = Allocation.of(given, [0, 0, 0], priority=[2, 1, 0])
    found = choose(given, {"a": one, "b": other}, identical=UNLIKE)
    assert found.candidates[0].made_by[:2] == ("a", "b")


def test_bad_ones_are_among_them():
    given = problem(tasks=8)
    found = choose(given, {}, identical=UNLIKE, most=5)
    labels = {label for c in found.candidates for label in c.made_by}
    assert {"slowest", "ping-pong", "random"} <= labels
    assert (1,) * 8 in nodes_of(found, given)
    assert (0, 1, 0, 1, 0, 1, 0, 1) in nodes_of(found, given)


def test_harvested_ones_are_left_out_where_there_are_others():
    given = problem(tasks=6)
    trained = [Allocation.of(given, [1] * 6), Allocation.of(given, [0, 1] * 3)]
    found = choose(given, {}, trained, UNLIKE)
    assert len(found.candidates) == 30
    assert found.existing == 64
    assert not nodes_of(found, given) & {(1,) * 6, (0, 1) * 3}
    assert not any(c.harvested for c in found.candidates)


def test_the_mirror_image_of_a_harvested_one_is_harvested_too():
    given = problem(tasks=6, slow=1.0)
    found = choose(given, {}, [Allocation.of(given, [0] * 6)], ALIKE)
    assert not nodes_of(found, given) & {(0,) * 6, (1,) * 6}


def test_where_few_exist_harvested_ones_are_run_and_marked():
    given = problem(tasks=2)
    found = choose(given, {}, [Allocation.of(given, [0, 1])], UNLIKE)
    assert [c.harvested for c in found.candidates] == [False, False, False, True]
    assert len(found.held_out) == 3
    assert str(found) == "4 of 4 distinct allocations, 1 of them seen in harvesting"


def test_too_many_to_list_are_drawn_and_bounded():
    given = problem(tasks=20)
    found = choose(given, {}, identical=ALIKE)
    assert (found.existing, found.exact) == (2**20, False)
    assert len(found.candidates) == 30
    assert len(nodes_of(found, given)) == 30


def test_the_seed_decides_and_nothing_else():
    given = problem(tasks=8)
    one, again, other = (choose(given, {}, identical=UNLIKE, seed=s) for s in (1, 1, 2))
    assert nodes_of(one, given) == nodes_of(again, given)
    assert nodes_of(one, given) != nodes_of(other, given)


def test_variants_count_as_different_allocations():
    fast = Variant("fast", seconds={"*": 1.0}, module="m")
    good = Variant("good", seconds={"*": 2.0}, module="m")
    graph = TaskGraph(tuple(Task(f"t{i}", (fast, good)) for i in range(3)))
    cluster = Cluster.mesh("pair", [Node("a"), Node("b")], bandwidth=1e9)
    given = Problem(cluster, (Stream("s", graph),), name="choices")
    # Colourings of 3 tasks by 2 variants x 2 nodes up to swapping the nodes: Burnside, 4^3 / 2.
    assert choose(given, {}, identical=ALIKE).existing == comb(4, 1) ** 3 // 2


def test_nothing_admissible_is_said():
    cluster = Cluster("one", (Node("a", memory_bytes=1.5e9),))  # each fits, both do not
    big = Variant("v", seconds={"*": 1.0}, weights_bytes=1e9)
    graph = TaskGraph((Task("t", (big,)), Task("u", (big,))))
    with pytest.raises(Infeasible, match="no allocation is admissible"):
        choose(Problem(cluster, (Stream("s", graph),), name="full"), {})
