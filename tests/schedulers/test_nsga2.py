"""NSGA-II: fronts against brute force, hypervolume and choices worked by hand, kept promises."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from schedulers import make, solve
from schedulers.pareto.choice import choose
from schedulers.pareto.front import Archive, non_dominated
from schedulers.pareto.hypervolume import hypervolume, reference_point, share_of_box
from schedulers.pareto.limits import Limits
from schedulers.pareto.terms import Judge, accuracy_loss, names_for
from schedulers.registry import InvalidSpec
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Node
from simulator.errors import InvalidScenario, UnknownName
from simulator.evaluate import admissible
from simulator.objective import Objective
from simulator.problem import Problem
from simulator.rules import check_allocation
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream
from tests.schedulers.problems import TINY, every_placement

ROOT = Path(__file__).resolve().parents[2]


def trade_off(tasks: int = 3) -> Problem:
    """A quick, hungry, dear node and a slow, frugal one; large models are right more often."""
    nodes = (
        Node("fast", speed=3.0, idle_watts=10.0, busy_watts=200.0, price_per_hour=7200.0),
        Node("slow", idle_watts=1.0, busy_watts=9.0, price_per_hour=360.0),
    )

    def task(t: int) -> Task:
        both = (
            Variant("large", seconds={"*": 3.0 + t}, accuracy=0.9),
            Variant("small", seconds={"*": 1.0}, accuracy=0.6 + 0.1 * t),
        )
        return Task(f"t{t}", both)

    graph = TaskGraph(
        tuple(task(t) for t in range(tasks)), tuple(Edge("t0", f"t{t}", 1.0) for t in (1, 2))
    )
    return Problem(Cluster.star("lab", nodes, bandwidth=2.0), (Stream("s", graph),), name="trade")


def exact_front(problem: Problem, names: tuple[str, ...]) -> np.ndarray:
    """Non-dominated vectors over all placements in all orders that keep the edges."""
    rows = []
    before = list(zip(problem.arrays.edge_src, problem.arrays.edge_dst, strict=True))
    for node, variant in every_placement(problem):
        for order in permutations(range(problem.n_tasks)):
            rank = np.argsort(order)
            if all(rank[a] < rank[b] for a, b in before):
                rows.append((node, variant, rank))
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    values, _ = Judge(problem, names)(*columns)
    found = values[non_dominated(values)]
    return found[np.lexsort(found.T[::-1])]


# ----- the front ------------------------------------------------------------------------------
@pytest.mark.parametrize("objectives", ["makespan+energy", "makespan+energy+accuracy",
                                        "cost_busy+balance"])  # fmt: skip
def test_the_front_of_a_tiny_problem_is_the_exact_one(objectives: str) -> None:
    problem = trade_off()
    outcome = solve(f"nsga2[objectives={objectives}]", problem, seed=1)
    found = np.array([list(p.objectives.values()) for p in outcome.front])
    expected = exact_front(problem, tuple(objectives.split("+")))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["variants", "traps"])
def test_the_front_reaches_the_extremes_that_brute_force_finds(name: str) -> None:
    problem = TINY[name]()
    outcome = solve("nsga2", problem, seed=2)
    least = [min(p.objectives[n] for p in outcome.front) for n in ("makespan", "balance")]
    best = exact_front(problem, ("makespan", "balance")).min(axis=0)
    np.testing.assert_allclose(least, best, rtol=1e-12)


@pytest.mark.parametrize("name", TINY)
def test_the_first_of_the_front_is_no_worse_than_any_start(name: str) -> None:
    problem = TINY[name]()
    outcome = solve("nsga2[choose=first]", problem, seed=2, evaluations=200)
    for spec in ("heft", "single_node", "min_min"):
        assert outcome.objective <= solve(spec, problem).objective


@pytest.mark.parametrize("name", TINY)
def test_fronts_are_mutually_non_dominated_valid_and_as_good_as_they_say(name: str) -> None:
    problem = TINY[name]()
    outcome = solve("nsga2", problem, seed=3, evaluations=150)
    values = np.array([list(p.objectives.values()) for p in outcome.front])
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            assert i == j or ((a < b).any() and (a > b).any())
    for point in outcome.front:
        check_allocation(problem, point.allocation)
        for objective, value in point.objectives.items():
            alone = replace(problem, objective=Objective.parse(objective))
            assert alone.objective_of(point.allocation) == pytest.approx(value, rel=1e-12)
    assert outcome.allocation in [p.allocation for p in outcome.front]


def test_non_dominated_is_what_the_definition_says() -> None:
    rng = np.random.default_rng(0)
    for size, m in ((1, 2), (40, 2), (300, 3)):
        values = rng.integers(0, 8, (size, m)).astype(float)
        keep = non_dominated(values)
        for i, x in enumerate(values):
            beaten = any((y <= x).all() and (y < x).any() for y in values)
            twin = any((y == x).all() for y in values[:i])
            assert keep[i] == (not beaten and not twin)


def test_infinite_and_all_but_equal_points_do_not_count() -> None:
    values = np.array([[1.0, 2.0], [np.inf, 0.0], [1.0 + 1e-15, 2.0], [0.5, 2.0 + 1e-15]])
    assert non_dominated(values).tolist() == [False, False, False, True]


def test_a_full_archive_drops_the_most_crowded_and_keeps_the_ends() -> None:
    archive = Archive(2, 1, room=3)
    x = np.array([0.0, 1.0, 1.1, 4.0])
    empty = np.zeros((4, 1), dtype=np.int64)
    archive.add(np.column_stack([x, 4.0 - x]), x, (empty, empty, empty))
    assert archive.values[:, 0].tolist() == [0.0, 1.1, 4.0]
    assert archive.objective.tolist() == [0.0, 1.1, 4.0]


# ----- hypervolume ----------------------------------------------------------------------------
def test_hypervolume_of_three_points_in_the_plane() -> None:
    """Columns of width 1 under the reference (4, 4): 1 + 2 + 3."""
    front = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    assert hypervolume(front, np.array([4.0, 4.0])) == pytest.approx(6.0)
    more = np.vstack([front, [[3.0, 3.0], [5.0, 0.5]]])  # one dominated, one beyond
    assert hypervolume(more, np.array([4.0, 4.0])) == pytest.approx(6.0)


def test_hypervolume_of_two_boxes_in_space() -> None:
    """3 x 2 x 1 and 2 x 3 x 2 share 2 x 2 x 1: 6 + 12 - 4."""
    front = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 2.0]])
    assert hypervolume(front, np.array([4.0, 4.0, 4.0])) == pytest.approx(14.0)


def test_the_reference_point_lies_a_tenth_beyond_and_the_box_has_volume_one() -> None:
    front = np.array([[0.0, 30.0, 5.0], [10.0, 10.0, 5.0]])
    assert reference_point(front).tolist() == pytest.approx([11.0, 32.0, 5.5])
    assert share_of_box(front[:1]) == pytest.approx(1.0)
    # In units of the box: (0, 20/22) and (10/11, 0), all of the third objective.
    assert share_of_box(front) == pytest.approx(2 / 22 + 1 / 11 - 2 / 22 / 11)
    assert reference_point(np.zeros((1, 2))).tolist() == pytest.approx([0.1, 0.1])


# ----- choice ---------------------------------------------------------------------------------
def test_the_knee_is_farthest_from_the_line_between_the_ends() -> None:
    """Normalised: (0, 1), (0.1, 0.5), (0.4, 0.3), (1, 0); x + y is least at the second."""
    front = np.array([[100.0, 3.0], [110.0, 2.0], [140.0, 1.6], [200.0, 1.0]])
    assert choose(front, "knee") == 1
    distance = np.abs(front[:, 0] / 100 - 1 + front[:, 1] / 2 - 0.5 - 1) / np.sqrt(2)
    assert choose(front, "knee") == int(np.argmax(distance))


def test_a_front_without_knee_ends_at_the_better_first_objective() -> None:
    assert choose(np.array([[0.0, 4.0], [3.0, 3.0], [4.0, 0.0]]), "knee") == 0


def test_weights_trade_distances_from_the_best_values() -> None:
    """Normalised 0, 1/4, 1/2, 1 against 1, 3/4, 1/2, 0."""
    front = np.array([[0.0, 8.0], [1.0, 6.0], [2.0, 4.0], [4.0, 0.0]])
    assert choose(front, "weights") == 2
    assert choose(front, "weights", (3.0, 1.0)) == 1
    assert choose(front, "weights", (1.0, 0.0)) == 0
    assert choose(front, "weights", (0.0, 1.0)) == 3
    assert choose(front, "first") == 0


def test_the_knee_in_three_dimensions_and_with_an_objective_that_never_differs() -> None:
    front = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.4, 0.4, 0.4]])
    assert choose(front, "knee") == 3
    assert choose(np.column_stack([front, np.full(4, 7.0)]), "knee") == 3


def test_the_answer_follows_the_rule_though_the_objective_knows_better() -> None:
    problem = trade_off()
    names = "objectives=makespan+energy"
    quick = solve(f"nsga2[{names},choose=first]", problem)
    frugal = solve(f"nsga2[{names},choose=weights,weights=0+1]", problem)
    assert quick.objective == quick.curve[-1].objective == quick.front[0].objectives["makespan"]
    assert frugal.allocation == frugal.front[-1].allocation
    assert frugal.objective > quick.objective


@dataclass(frozen=True)
class Stubborn:
    """Offers the best node, answers with the other."""

    keep: bool
    version: ClassVar[int] = 1

    def schedule(self, problem, budget, rng):  # type: ignore[no-untyped-def]
        good, bad = (Allocation.of(problem, [n] * problem.n_tasks) for n in (0, 1))
        budget.offer(good)
        budget.keep_answer = self.keep
        return bad


def test_an_answer_stands_only_if_it_is_to_be_kept() -> None:
    problem = trade_off()
    nodes = [{p.node for p in solve(Stubborn(keep), problem).allocation.placements}
             for keep in (False, True)]  # fmt: skip
    assert nodes == [{"fast"}, {"slow"}]


# ----- objectives -----------------------------------------------------------------------------
def test_objectives_are_those_that_the_problem_says_something_about() -> None:
    assert names_for(trade_off()) == ("makespan", "energy", "cost_busy", "accuracy")
    assert names_for(TINY["slots"]()) == ("makespan", "balance")
    assert names_for(TINY["slots"](), ("p99_latency", "makespan")) == ("p99_latency", "makespan")
    tolerant = replace(trade_off(), objective=Objective((("energy", 1.0),), lost_penalty=2.0))
    assert names_for(tolerant) == ("energy", "cost_busy", "accuracy", "lost")


def test_accuracy_leaves_silent_tasks_out_and_silent_variants_at_zero() -> None:
    loud = Variant("a", seconds={"*": 1.0}, accuracy=0.75)
    mute = Variant("b", seconds={"*": 1.0})
    graph = TaskGraph((Task("x", (loud, mute)), Task("y", (mute,)), Task("z", (loud,))))
    problem = Problem(Cluster("c", (Node("n"),)), (Stream("s", graph),))
    np.testing.assert_allclose(accuracy_loss(problem)[:, 0], [0.25, 0.0, 0.25])
    node, rank = np.zeros((2, 3), dtype=np.int64), np.tile(np.arange(3), (2, 1))
    values, _ = Judge(problem, ("accuracy", "makespan"))(
        node, np.array([[0, 0, 0], [1, 0, 0]]), rank
    )
    np.testing.assert_allclose(values[:, 0], [0.25, (1.0 + 0.25) / 2])
    assert accuracy_loss(TINY["slots"]()) is None


@pytest.mark.parametrize(("spec", "error", "sentence"), [
    ("objectives=makespan+enrgy", UnknownName, "objective 'enrgy'; did you mean 'energy'?"),
    ("objectives=mean_latncy+energy", UnknownName, "did you mean 'mean_latency'?"),
    ("objectives=energy", InvalidSpec, "objectives must name at least two"),
    ("objectives=energy+energy", InvalidSpec, "names one of them twice"),
    ("population=3", InvalidSpec, "population must be at least 4, or 0, got 3"),
    ("generations=-1", InvalidSpec, "generations must be >= 0"),
    ("choose=kne", InvalidSpec, "did you mean 'knee'?"),
    ("weights=1+2", InvalidSpec, "weights are for choose=weights"),
    ("choose=weights,weights=1+x", InvalidSpec, "weights must be numbers joined by +"),
    ("choose=weights,weights=0+0", InvalidSpec, "not all 0"),
    ("objectives=energy+cost,choose=weights,weights=1", InvalidSpec, "2 objectives, but 1 weights"),
])  # fmt: skip
def test_bad_parameters_are_refused(spec: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as caught:
        make(f"nsga2[{spec}]")
    assert sentence in str(caught.value)


def test_what_the_problem_is_silent_about_is_refused() -> None:
    problem = TINY["slots"]()
    with pytest.raises(InvalidScenario, match="'energy' makes no sense for 'slots': no node"):
        solve("nsga2[objectives=makespan+energy]", problem)
    with pytest.raises(InvalidScenario, match="no variant declares an accuracy"):
        solve("nsga2[objectives=makespan+accuracy]", problem)
    with pytest.raises(InvalidSpec, match="the objectives are makespan, balance, but there are 3"):
        solve("nsga2[choose=weights,weights=1+1+1]", problem)


# ----- running --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["memory", "groups", "traps"])
def test_limits_are_those_of_the_simulator(name: str) -> None:
    problem = TINY[name]()
    rng = np.random.default_rng(1)
    node = rng.integers(0, problem.n_nodes, (2000, problem.n_tasks))
    for group in problem.place_with:
        node[:, list(group)] = node[:, [group[0]]]
    variant = np.zeros_like(node)
    tasks = np.arange(problem.n_tasks)
    rows = np.flatnonzero(problem.allowed[tasks, variant, node].all(axis=1))
    joined = [all(len(set(node[b, list(g)])) == 1 for g in problem.place_with) for b in rows]
    rows = rows[np.array(joined, dtype=np.bool_)]
    node, variant = node[rows], variant[rows]
    broken = Limits(problem).broken(node, variant)
    assert 0 < len(broken) < len(node)
    np.testing.assert_array_equal(
        np.setdiff1d(np.arange(len(node)), broken), admissible(problem, node, variant)
    )


def test_generations_and_population_are_counted() -> None:
    one = solve("nsga2[population=8,generations=1]", TINY["slots"]())
    three = solve("nsga2[population=8,generations=3]", TINY["slots"]())
    assert one.evaluations < three.evaluations <= one.evaluations + 16


def test_an_interrupted_search_hands_in_its_front() -> None:
    class Impatient:
        looks = 0

        def __call__(self) -> float:
            self.looks += 1
            if self.looks == 40:
                raise KeyboardInterrupt
            return 0.0

    outcome = solve("nsga2", TINY["slots"](), seconds=100.0, clock=Impatient())
    assert outcome.status == "interrupted"
    assert outcome.allocation in [p.allocation for p in outcome.front]


SCRIPT = """
import json, sys
import schedulers.pareto.nsga2
assert "deap" not in sys.modules and "moocore" not in sys.modules
from schedulers import solve
from tests.schedulers.problems import TINY
found = {n: solve("nsga2", TINY[n](), seed=5, evaluations=120).to_dict()["front"] for n in
         ("streams", "memory", "variants")}
assert not [n for n in vars(sys.modules.get("deap.creator", sys)) if "Fitness" in n]
print(json.dumps(found))
"""


def test_another_process_finds_the_same_front_and_random_is_left_alone() -> None:
    random.seed(7)
    state = random.getstate()
    here = {
        n: solve("nsga2", TINY[n](), seed=5, evaluations=120).to_dict()["front"]
        for n in ("streams", "memory", "variants")
    }
    assert random.getstate() == state
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONHASHSEED": "99"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == json.loads(json.dumps(here))
