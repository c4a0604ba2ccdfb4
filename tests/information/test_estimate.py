"""Estimates: what changes, what stays, and that they are what they are said to be."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios.generate import generate
from scenarios.information import MODES, Information, estimate, noisy, parse, planning
from scenarios.information.estimate import factors
from schedulers import names, solve
from simulator import Problem, simulate
from simulator.errors import AlloclabError, InvalidScenario, UnknownName
from simulator.luck import draw
from tests.schedulers import problems

WORLDS = {
    "translation": lambda: scenarios.load("translation").problem(),
    "driving": lambda: scenarios.load("driving").problem(),
    "layered": lambda: generate("layered", tasks=12, nodes=3, seed=2).problem(),
    "memory": problems.with_memory,
    "groups": problems.with_groups,
    "forbidden": problems.with_forbidden,
    "kinds": problems.with_kinds,
    "slots": problems.with_slots,
    "tables": problems.with_size_tables,
    "branches": problems.with_branches,
    "variants": problems.with_variants,
}
TOLD = ("noisy[sigma=0]", "noisy[sigma=0.3]", "noisy[sigma=2]", "mean", "mean[over=tasks]",
        "mean[over=nodes]", "blind")  # fmt: skip
CHANGES = ("seconds", "edge_bytes")


def arrays_of(problem: Problem) -> dict[str, Any]:
    found = {f.name: getattr(problem.arrays, f.name) for f in dataclasses.fields(problem.arrays)}
    for name in ("weights_bytes", "working_bytes", "memory_bytes", "weights_group", "allowed"):
        found[name] = getattr(problem, name)
    return found


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("world", WORLDS)
def test_only_durations_and_bytes_change(world: str, told: str) -> None:
    truth = WORLDS[world]()
    given_ = estimate(truth, told, seed=3)
    before, after = arrays_of(truth), arrays_of(given_)
    for name in before:
        if name not in CHANGES:
            assert np.array_equal(before[name], after[name], equal_nan=True), name
    assert given_.place_with == truth.place_with
    assert given_.apart == truth.apart
    for family in ("test", "plan"):
        mine, theirs = draw(truth, 1, family), draw(given_, 1, family)
        for field in dataclasses.fields(mine):
            a, b = getattr(mine, field.name), getattr(theirs, field.name)
            assert np.array_equal(a, b), field.name


@pytest.mark.parametrize("world", WORLDS)
def test_no_noise_is_exact_bit_for_bit(world: str) -> None:
    truth = WORLDS[world]()
    given_ = estimate(truth, "noisy[sigma=0]", seed=9)
    assert given_ is not truth
    for name, value in arrays_of(truth).items():
        assert np.array_equal(value, arrays_of(given_)[name], equal_nan=True), name
    assert estimate(truth, "exact") is truth


@pytest.mark.parametrize("world", ["memory", "groups", "forbidden", "variants", "layered"])
@pytest.mark.parametrize("told", ["noisy[sigma=2]", "mean", "blind"])
def test_what_is_planned_with_estimates_is_admissible_in_truth(world: str, told: str) -> None:
    truth = WORLDS[world]()
    given_ = estimate(truth, told, seed=1)
    for spec in ("heft", "min_min", "random", "round_robin", "single_node"):
        simulate(truth, solve(spec, given_, seed=0).allocation)


def test_noise_by_its_definition() -> None:
    """log(estimate / truth) = sigma z: same z for every sigma, median 1, standard deviation 1."""
    truth = generate("layered", tasks=200, nodes=8, seed=1).problem()
    small, large = (estimate(truth, noisy(s), seed=4) for s in (0.1, 0.4))
    z = np.log(small.seconds / truth.seconds) / 0.1
    np.testing.assert_allclose(np.log(large.seconds / truth.seconds) / 0.4, z, atol=1e-9)
    assert z.size == 1600
    assert abs(np.median(z)) < 4 * 1.2533 / np.sqrt(1600)  # standard error of the median
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * 1600)
    size = np.log(small.bytes / truth.bytes) / 0.1
    assert abs(size.std() - 1) < 4 / np.sqrt(2 * size.size)
    other = estimate(truth, noisy(0.1), seed=5)
    assert not np.allclose(other.seconds, small.seconds)
    again = estimate(truth, noisy(0.1), seed=4)
    assert np.array_equal(again.seconds, small.seconds)


def test_noise_of_a_task_does_not_depend_on_the_others() -> None:
    truth = problems.from_table([[1.0, 2.0], [3.0, 4.0]], [(1, 2, 5.0)])
    more = problems.from_table([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [(1, 2, 5.0), (2, 3, 1.0)])
    a, b = estimate(truth, "noisy[sigma=1]", 7), estimate(more, "noisy[sigma=1]", 7)
    assert np.array_equal(a.seconds, b.seconds[:2])
    assert a.bytes[0, 0] == b.bytes[0, 0]


def test_golden_factors() -> None:
    """exp(sigma ndtri(u)) of the counter-based uniforms: the same in every process."""
    from scipy.stats import norm

    from simulator.luck import uniforms

    u = uniforms(3, "estimate", "s", "seconds", "x|v", 4)
    np.testing.assert_allclose(factors(3, 0.5, "s", "seconds", "x|v", 4), np.exp(0.5 * norm.ppf(u)))


def test_means_by_hand() -> None:
    """Seconds 1, 3 / 5, 11: means 2 and 8 by task, 3 and 7 by node, 5 over all; bytes 4 and 8."""
    truth = problems.from_table([[1.0, 3.0], [5.0, 11.0]], [(1, 2, 4.0), (1, 2, 8.0)])
    seconds = {
        "mean": [[5.0, 5.0], [5.0, 5.0]],
        "mean[over=nodes]": [[2.0, 2.0], [8.0, 8.0]],
        "mean[over=tasks]": [[3.0, 7.0], [3.0, 7.0]],
        "blind": [[1.0, 1.0], [1.0, 1.0]],
    }
    for told, expected in seconds.items():
        found = estimate(truth, told)
        assert found.seconds[:, 0, :].tolist() == expected, told
        assert found.bytes[:, 0].tolist() == ([1.0, 1.0] if told == "blind" else [6.0, 6.0])


def test_the_mean_over_all_weighs_tasks_alike() -> None:
    """A task that one node admits counts as much as one that two admit: (2 + 10) / 2."""
    from simulator import Cluster, Node, Stream, Task, TaskGraph, Variant

    tasks = (
        Task("x", (Variant("v", seconds={"a": 1.0, "b": 3.0}),)),
        Task("y", (Variant("v", seconds={"a": 10.0}),)),
    )
    cluster = Cluster.mesh("c", (Node("a"), Node("b")), 1.0)
    truth = Problem(cluster, (Stream("s", TaskGraph(tasks)),))
    found = estimate(truth, "mean").seconds[:, 0, :]
    assert found[0].tolist() == [6.0, 6.0]
    assert found[1, 0] == 6.0
    assert np.isnan(found[1, 1])


def test_sizes_are_divided_out() -> None:
    """Average requests take the same time in every task although some tasks scale with tokens."""
    truth = scenarios.load("translation").problem()
    found = estimate(truth, "blind")
    np.testing.assert_allclose(found.seconds[found.allowed], 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.bytes, 1.0, rtol=1e-12)


SCHEDULERS = ("heft", "cpop", "peft", "dls", "etf", "min_min", "max_min", "sufferage", "met", "mct",
              "olb", "lookahead", "round_robin", "random", "single_node")  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    scale=st.lists(st.floats(0.01, 100.0), min_size=12, max_size=12),
    spec=st.sampled_from(SCHEDULERS),
)
def test_blind_allocations_do_not_depend_on_durations(scale: list[float], spec: str) -> None:
    assert spec in names()
    table = np.ones((6, 2)) * np.array(scale).reshape(6, 2)
    edges = [(1, 2, 3.0), (1, 3, 1.0), (2, 4, 2.0), (3, 5, 7.0), (4, 6, 1.0), (5, 6, 4.0)]
    plain = problems.from_table(np.ones((6, 2)).tolist(), edges)
    other = problems.from_table(table.tolist(), [(a, b, c * scale[0]) for a, b, c in edges])
    chosen = [solve(spec, estimate(p, "blind"), seed=2).allocation for p in (plain, other)]
    assert chosen[0].placements == chosen[1].placements


def test_calibrated(tmp_path: Any) -> None:
    """Durations come from the file by node and model; what has no model keeps its own."""
    from realrun.calibrate.calibration import Calibration, Entry, LinkTime
    from realrun.devices import WorkerSpec
    from simulator import Edge, Node, Stream, Task, TaskGraph, Variant
    from simulator.cluster import Cluster

    workers = (WorkerSpec("one", "cpu"), WorkerSpec("two", "cpu"))
    links = (LinkTime("one", "two", 0.0, 1e9), LinkTime("two", "one", 0.0, 1e9))
    known = Calibration(
        workers, (Entry("big", "one", 1, 4.0), Entry("big", "two", 1, 2.0)), links=links
    )
    path = tmp_path / "mine.yaml"
    known.save(path)
    tasks = (
        Task("x", (Variant("big", seconds={"*": 1.0}, module="big"),)),
        Task("y", (Variant("v", seconds={"*": 0.5}),)),
    )
    graph = TaskGraph(tasks, (Edge("x", "y", bytes=8.0),))
    cluster = Cluster.mesh("c", (Node("one"), Node("two")), 1e9)
    truth = Problem(cluster, (Stream("s", graph),))
    found = estimate(truth, f"calibrated[file={path}]")
    assert found.seconds[:, 0, :].tolist() == [[4.0, 2.0], [0.5, 0.5]]
    assert found.bytes.tolist() == truth.bytes.tolist()
    alien = replace(truth, cluster=Cluster.mesh("c", (Node("one"), Node("three")), 1e9))
    with pytest.raises(InvalidScenario, match="node 'three'"):
        estimate(alien, f"calibrated[file={path}]")
    with pytest.raises(AlloclabError):
        estimate(truth, "calibrated[file=nowhere.yaml]")


def test_a_scenario_carries_what_its_schedulers_are_told() -> None:
    from scenarios.override import override

    plain = generate("layered", tasks=8, nodes=3, seed=2)
    told = override(plain, information=" noisy[sigma = 0.30] ")
    assert told.information == "noisy[sigma=0.3]"
    truth = told.problem(seed=4)
    assert np.array_equal(truth.seconds, plain.problem(seed=4).seconds)
    expected = estimate(plain, "noisy[sigma=0.3]", seed=4).seconds
    assert np.array_equal(planning(told, 4).seconds, expected)
    assert planning(plain, 4, truth) is truth


def test_names_that_stand_for_two_things_are_refused() -> None:
    from simulator import Cluster, Node, Stream, Task, TaskGraph, Variant

    nodes = (Node("gpu", kind="cpu"), Node("b", kind="gpu"))
    task = Task("x", (Variant("v", seconds={"cpu": 1.0}),))
    truth = Problem(Cluster.mesh("c", nodes, 1.0), (Stream("s", TaskGraph((task,))),))
    with pytest.raises(InvalidScenario, match="rename"):
        estimate(truth, "blind")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nosy[sigma=1]", "did you mean 'noisy'"),
        ("noisy", "sigma is missing"),
        ("noisy[sigma=high]", "must be a number"),
        ("noisy[sigma=-1]", "between 0 and 5"),
        ("noisy[sigma=nan]", "must be a number"),
        ("noisy[sgma=1]", "did you mean 'sigma'"),
        ("noisy[sigma=1", "not closed"),
        ("noisy[sigma]", "key=value"),
        ("mean[over=node]", "did you mean 'nodes'"),
        ("blind[x=1]", "no parameters"),
        ("calibrated", "file is missing"),
        ("", "unknown information"),
    ],
)
def test_bad_texts(text: str, said: str) -> None:
    with pytest.raises((InvalidScenario, UnknownName), match=said.replace("[", r"\[")):
        parse(text)


@pytest.mark.parametrize(
    "told",
    [Information(), noisy(0.25), Information("mean"), Information("mean", over="tasks"),
     Information("blind"), Information("calibrated", file="a.yaml")],
)  # fmt: skip
def test_texts_read_back(told: Information) -> None:
    assert parse(str(told)) == told
    assert told.mode in MODES
