"""Costs of generated graphs: CCR and heterogeneity are met as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scenarios.generate import (
    ccr_of,
    families,
    generate,
)
from simulator.cluster import Cluster, Link, Node
from simulator.errors import InvalidScenario, Unsupported
from tests.scenarios.test_generate import lab, make


# ----- CCR ---------------------------------------------------------------------------------------
def ccr_by_hand(scenario) -> float:
    """The definition, spelled out with loops over names."""
    cluster, graph = scenario.cluster, scenario.streams[0].graph
    nodes = [n for n in range(len(cluster.nodes)) if cluster.nodes[n].kind != "storage"]
    work = [
        np.mean([task.variants[0].seconds_on(cluster.nodes[n]) for n in nodes])
        for task in graph.tasks
    ]
    moves = []
    for edge in graph.edges:
        for a in nodes:
            for b in nodes:
                if a != b:
                    links = [cluster.links[x] for x in cluster.routes[a, b]]
                    moves.append(
                        sum(x.latency_s for x in links)
                        + edge.bytes / min(x.bandwidth for x in links)
                    )
    return float(np.mean(moves) / np.mean(work))


@pytest.mark.parametrize("family", families())
@pytest.mark.parametrize("ccr", [0.1, 1.0, 10.0])
def test_ccr_is_met_exactly(family, ccr):
    scenario = generate(
        family, tasks=40, nodes=5, ccr=ccr, seed=3, latency="1 ms", bandwidth="2 Gbit/s"
    )
    assert ccr_by_hand(scenario) == pytest.approx(ccr, rel=1e-12)
    assert ccr_of(scenario.problem()) == pytest.approx(ccr, rel=1e-12)


@pytest.mark.parametrize("heterogeneity", ["identical", "related", "cv[machine=1]", 2, None])
@pytest.mark.parametrize("weights", ["random", "level", "equal"])
def test_ccr_is_met_under_any_heterogeneity(heterogeneity, weights):
    scenario = generate("gauss", matrix=6, ccr=3, heterogeneity=heterogeneity, weights=weights)
    assert ccr_of(scenario.problem()) == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("heterogeneity", [None, "range", "cv"])
def test_ccr_is_met_on_a_given_cluster(heterogeneity):
    scenario = generate("fft", points=8, ccr=0.7, heterogeneity=heterogeneity, cluster=lab())
    assert scenario.cluster == lab()
    assert ccr_by_hand(scenario) == pytest.approx(0.7, rel=1e-12)
    assert ccr_of(scenario.problem()) == pytest.approx(0.7, rel=1e-12)
    assert not scenario.problem().allowed[:, :, 3].any()  # the store computes nothing


def test_ccr_zero_and_out_of_reach():
    assert ccr_of(generate("fft", points=4, ccr=0).problem()) == 0
    with pytest.raises(InvalidScenario, match=r"ccr 0\.01 cannot be reached.*latency"):
        generate("fft", points=4, ccr=0.01, latency="1 s")
    alone = generate("fft", points=4, nodes=1)
    assert math.isnan(ccr_of(alone.problem())) and "undefined" in alone.facts["ccr"]
    assert math.isnan(ccr_of(generate("chains", tasks=3, chains=3).problem()))


def test_size_tables_are_refused():
    nodes = [Node("a"), Node("b")]
    link = Link("ab", 1e6, 0.0, ((1.0, 1.0), (2.0, 1.5)))
    back = Link("ba", 1e6)
    cluster = Cluster("two", tuple(nodes), (link, back), {(0, 1): (0,), (1, 0): (1,)})
    with pytest.raises(Unsupported, match="'ab'"):
        generate("fft", points=4, cluster=cluster)


# ----- heterogeneity -----------------------------------------------------------------------------
def seconds_of(scenario) -> np.ndarray:
    return scenario.problem().seconds[:, 0, :]


def test_range_stays_in_its_range_and_fills_it():
    table = seconds_of(generate("chains", tasks=300, nodes=60, heterogeneity=1.5, weights="equal"))
    assert table.min() > 0.25 and table.max() < 1.75
    # 18,000 uniform numbers: the mean 1 has standard error 0.0033, and 4 of them is 0.013
    assert table.mean() == pytest.approx(1.0, abs=0.013)
    assert table.min() < 0.26 and table.max() > 1.74
    same = seconds_of(generate("chains", tasks=30, nodes=6, heterogeneity="range[beta=0]"))
    assert (same == same[:, :1]).all() and same[0, 0] != same[1, 0]


@pytest.mark.statistical
@pytest.mark.parametrize("cv", [0.1, 0.5, 1.0])
def test_cv_based_tables_have_their_cv(cv):
    """20,000 gamma numbers of shape k = cv^-2: standard error of s^2 is s^2 sqrt((2 + 6/k) / n).

    Four standard errors each: about 1 false alarm in 16,000 seeds.
    """
    n = 20_000
    spec = {"cv": {"task": 0, "machine": cv}}
    table = seconds_of(generate("chains", tasks=200, nodes=100, heterogeneity=spec))
    assert table.mean() == pytest.approx(1.0, abs=4 * cv / math.sqrt(n))
    spread = cv**2 * math.sqrt((2 + 6 * cv**2) / n)
    assert table.var(ddof=1) == pytest.approx(cv**2, abs=4 * spread)
    from scipy.stats import gamma, kstest

    assert kstest(table.ravel(), gamma(cv**-2, scale=cv**2).cdf).pvalue > 1e-4


@pytest.mark.statistical
def test_cv_of_the_tasks():
    """10,000 gamma numbers of mean 5 and cv 0.3; four standard errors as above."""
    spec = "cv[task=0.3, machine=0]"
    work = seconds_of(generate("chains", tasks=10_000, nodes=2, heterogeneity=spec, seconds=5))
    assert (work[:, 0] == work[:, 1]).all()
    relative = work[:, 0] / 5
    assert relative.mean() == pytest.approx(1, abs=4 * 0.3 / 100)
    assert relative.var() == pytest.approx(0.09, abs=4 * 0.09 * math.sqrt(2.54) / 100)


def test_consistency_sorts_rows():
    for method in ("range[beta=1.2, consistency={}]", "cv[consistency={}]"):
        loose, part, full = (
            seconds_of(generate("chains", tasks=50, nodes=7, heterogeneity=method.format(c)))
            for c in ("inconsistent", "partially", "consistent")
        )
        assert (np.diff(full, axis=1) >= 0).all()
        assert (np.diff(part[:, ::2], axis=1) >= 0).all()
        assert not (np.diff(part, axis=1) >= 0).all()
        assert not (np.diff(loose[:, ::2], axis=1) >= 0).all()
        assert (np.sort(loose, axis=1) == full).all()  # the same numbers, in another order


def test_related_machines_differ_by_their_speed_alone():
    scenario = generate("fft", points=8, nodes=40, heterogeneity="related[spread=10]", seed=4)
    speeds = np.array([n.speed for n in scenario.cluster.nodes])
    assert 1 <= speeds.min() < 2 and 5 < speeds.max() <= 10
    work = seconds_of(scenario) * speeds
    assert work == pytest.approx(np.broadcast_to(work[:, :1], work.shape))


def test_durations_bound_to_nodes_stay_on_their_cluster():
    with pytest.raises(InvalidScenario, match="own nodes"):
        generate("fft", points=4).on(lab())
    moved = generate("fft", points=4, heterogeneity="related").on(lab())
    assert moved.problem().n_nodes == 4


def test_levels_share_their_weights():
    scenario = generate("fft", points=8, weights="level", heterogeneity="identical", nodes=2)
    graph, level = scenario.streams[0].graph, make("fft", points=8).levels()
    number = {task.name: t for t, task in enumerate(graph.tasks)}
    work: dict[int, set[float]] = {}
    size: dict[tuple[int, int], set[float]] = {}
    for t, task in enumerate(graph.tasks):
        work.setdefault(level[t], set()).add(task.variants[0].seconds["*"])
    for e in graph.edges:
        size.setdefault((level[number[e.src]], level[number[e.dst]]), set()).add(e.bytes)
    assert all(len(v) == 1 for v in (*work.values(), *size.values()))
    assert len(set.union(*work.values())) == len(work) == 7
