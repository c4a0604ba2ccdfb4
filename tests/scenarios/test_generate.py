"""Generators: sizes counted by hand, the CCR to the last digits, distributions, repeatability."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.generate import (
    FAMILIES,
    METHODS,
    SETTINGS,
    build,
    ccr_of,
    describe_families,
    families,
    from_spec,
    generate,
    parse_heterogeneity,
)
from scenarios.generate.families import family_of, structure
from scenarios.generate.luck import Luck
from scenarios.generate.random_graphs import _more_pairs
from scenarios.loader import parse_scenario
from scenarios.yamlsafe import parse_yaml
from simulator.cluster import Cluster, Connection, Link, Node
from simulator.errors import AlloclabError, InvalidScenario, UnknownName, Unsupported


def make(family, tasks=None, seed=0, **parameters):
    return structure(family_of(family), tasks, seed, parameters)


# ----- structures counted by hand ----------------------------------------------------------------
@pytest.mark.parametrize(
    ("family", "tasks", "parameters", "n_tasks", "n_edges"),
    [
        ("chains", 10, {"chains": 3}, 10, 7),  # lengths 4, 3, 3
        ("chains", 10, {}, 10, 7),  # isqrt(10) = 3 chains
        ("fork-join", 10, {"stages": 2}, 10, 14),  # 3 joins, 4 + 3 parallel tasks
        ("fork-join", 3, {}, 3, 2),
        ("out-tree", 7, {}, 7, 6),
        ("in-tree", 13, {"branching": 3}, 13, 12),
        ("stencil", None, {"width": 3, "steps": 3}, 9, 14),  # 2 steps x (2 + 3 + 2) inputs
        ("stencil", 11, {}, 9, 14),  # 3 x 3 is the largest square-ish grid
        ("stencil", 11, {"width": 2}, 10, 16),  # 5 steps, 4 x 4 inputs
        ("stencil", 11, {"steps": 2}, 10, 13),  # width 5
        ("fft", None, {"points": 4}, 15, 22),  # HEFT's paper: 7 calls + 8 butterflies
        ("fft", None, {"points": 2}, 5, 6),
        ("fft", 38, {}, 15, 22),
        ("fft", 39, {}, 39, 62),  # 8 points: 15 + 24 tasks, 14 + 48 edges
        ("gauss", None, {"matrix": 5}, 14, 19),  # HEFT's paper: (25 + 5 - 2) / 2 tasks
        ("gauss", None, {"matrix": 2}, 2, 1),
        ("gauss", 19, {}, 14, 19),
        ("gauss", 20, {}, 20, 29),
        ("layered", 100, {"edges": 300}, 100, 300),
        ("layered", 9, {"layers": 1}, 9, 0),
        ("layered", 9, {"layers": 9}, 9, 8),  # a chain: no more pairs with jump 1
        ("layered", 9, {"layers": 9, "jump": 8, "edges": 36}, 9, 36),  # the complete DAG
        ("series-parallel", 2, {}, 2, 1),
        ("series-parallel", 10, {"parallel": 0}, 10, 9),  # a chain
        ("series-parallel", 10, {"parallel": 1}, 10, 17),  # 1 + 2 x 8
    ],
)
def test_counts(family, tasks, parameters, n_tasks, n_edges):
    graph = make(family, tasks, **parameters)
    assert (len(graph.names), len(graph.edges)) == (n_tasks, n_edges)


def test_small_structures_edge_by_edge():
    gauss = make("gauss", matrix=3)
    assert [(gauss.names[a], gauss.names[b]) for a, b in gauss.edges] == [
        ("pivot1", "update1-2"),
        ("pivot1", "update1-3"),
        ("update1-2", "pivot2"),
        ("update1-3", "update2-3"),
        ("pivot2", "update2-3"),
    ]
    assert make("out-tree", 7).edges == ((0, 1), (0, 2), (1, 3), (1, 4), (2, 5), (2, 6))
    assert make("in-tree", 7).edges == ((0, 4), (1, 4), (2, 5), (3, 5), (4, 6), (5, 6))
    assert make("chains", 5, chains=2).edges == ((0, 1), (1, 2), (3, 4))
    assert make("fork-join", 4).edges == ((0, 1), (0, 2), (1, 3), (2, 3))
    fft = make("fft", points=2)
    assert [(fft.names[a], fft.names[b]) for a, b in fft.edges] == [
        ("call0", "call1"),
        ("call0", "call2"),
        ("call1", "fly0-0"),
        ("call1", "fly0-1"),
        ("call2", "fly0-0"),
        ("call2", "fly0-1"),
    ]


def test_every_output_of_the_fft_depends_on_every_point():
    graph = make("fft", points=16)
    reach = [{t} for t in range(len(graph.names))]
    for a, b in graph.edges:
        reach[b] |= reach[a]
    leaves = set(range(15, 31))
    last = [t for t, name in enumerate(graph.names) if name.startswith("fly3-")]
    assert len(last) == 16 and all(leaves <= reach[t] for t in last)


def test_gauss_has_the_critical_path_of_its_columns():
    graph = make("gauss", matrix=9)
    assert graph.levels().max() == 2 * 8 - 1  # pivot, update, pivot, ..., update


def reduces_to_one_edge(graph) -> bool:
    """Valdes, Tarjan, Lawler: series and parallel reductions of a two-terminal graph."""
    edges = set(graph.edges)
    inner = set(range(1, len(graph.names) - 1))
    while inner:
        for x in sorted(inner):
            ins = [e for e in edges if e[1] == x]
            outs = [e for e in edges if e[0] == x]
            if len(ins) == len(outs) == 1:  # series; the set makes parallels one
                edges -= {ins[0], outs[0]}
                edges.add((ins[0][0], outs[0][1]))
                inner.remove(x)
                break
        else:
            return False
    return edges == {(0, len(graph.names) - 1)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("parallel", [0.1, 0.5, 0.9])
def test_series_parallel_graphs_reduce(seed, parallel):
    assert reduces_to_one_edge(make("series-parallel", 30, seed, parallel=parallel))
    assert not reduces_to_one_edge(make("stencil", 9))  # the reduction can fail


def test_layered_keeps_to_its_layers():
    graph = make("layered", 200, 3, layers=12, edges=500, jump=2)
    level = graph.levels()  # every task has a parent one layer up, so levels are the layers
    assert level.max() == 11 and len(graph.edges) == 500
    assert {1, 2} == {int(level[b] - level[a]) for a, b in graph.edges}


def test_branching_is_a_limit_and_random_trees_use_it():
    for b in (1, 2, 5):
        graph = make("out-tree", 60, 1, branching=b, random=True)
        children = np.bincount([a for a, _ in graph.edges], minlength=60)
        assert children.max() == b
    assert make("out-tree", 60, 1, random=True) != make("out-tree", 60, 2, random=True)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FAMILIES)), st.integers(5, 300), st.integers(0, 2**40))
def test_any_size_gives_a_sound_graph(family, tasks, seed):
    graph = make(family, tasks, seed)
    assert len(graph.names) == tasks if FAMILIES[family].exact else len(graph.names) <= tasks
    assert len(set(graph.names)) == len(graph.names)
    assert len(set(graph.edges)) == len(graph.edges)
    assert all(0 <= a < b < len(graph.names) for a, b in graph.edges)
    assert list(graph.edges) == sorted(graph.edges)


@given(st.sets(st.integers(0, 39), max_size=20), st.integers(0, 20), st.integers(0, 99))
def test_more_pairs_are_distinct_and_keep_the_sure_ones(sure, extra, seed):
    pairs = _more_pairs(
        np.array(sorted(sure), dtype=np.int64), len(sure) + extra, 40, Luck(seed, 0)
    )
    assert len(pairs) == len(set(pairs.tolist())) == len(sure) + extra
    assert sure <= set(pairs.tolist()) <= set(range(40))


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


def lab() -> Cluster:
    nodes = [Node("a"), Node("b", speed=2.0), Node("g", kind="gpu", speed=8.0)]
    nodes.append(Node("store", kind="storage"))
    cables = [Connection(n.name, "hub", 1e8 * (i + 1), 1e-3 * i) for i, n in enumerate(nodes)]
    return Cluster.connect("lab", nodes, cables, ["hub"])


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


# ----- repeatability -----------------------------------------------------------------------------
def shape_of(scenario):
    graph = scenario.streams[0].graph
    return [(e.src, e.dst) for e in graph.edges]


def test_factors_of_a_study_change_nothing_else():
    base = generate("layered", tasks=60, seed=5)
    louder = generate("layered", tasks=60, seed=5, ccr=4)
    assert shape_of(base) == shape_of(louder)
    assert (base.problem().seconds == louder.problem().seconds).all()
    assert louder.problem().bytes == pytest.approx(4 * base.problem().bytes)
    related = generate("layered", tasks=60, seed=5, heterogeneity="related")
    wide = generate("layered", tasks=60, seed=5, heterogeneity=1.9)
    assert shape_of(base) == shape_of(related) == shape_of(wide)
    work = related.problem().seconds[:, 0, 0] * related.cluster.nodes[0].speed
    table = (wide.problem().seconds[:, 0, :] / work[:, None]).mean(axis=1)
    assert table.min() > 0.05 and table.max() < 1.95  # wide's tasks vary round the same work
    assert shape_of(base) != shape_of(generate("layered", tasks=60, seed=6))


SCRIPT = """
import hashlib
from scenarios.generate import families, generate
digest = hashlib.sha256()
for family in families():
    for spec in ("range", "related", "cv[consistency=partially]"):
        p = generate(family, tasks=50, heterogeneity=spec, seed=11).problem()
        for x in (p.seconds, p.bytes, p.arrays.edge_src, p.arrays.edge_dst):
            digest.update(x.tobytes())
        digest.update(" ".join(p.task_names).encode())
print(digest.hexdigest())
"""


def test_another_process_and_hash_seed_give_the_same():
    answers = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        ).stdout
        for seed in ("0", "12345")
    }
    assert len(answers) == 1


# ----- bad input ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: generate("layred"), UnknownName, "did you mean 'layered'"),
        (lambda: generate("layered", layer=3), UnknownName, "did you mean 'layers'"),
        (lambda: generate("fft", layers=3), UnknownName, "parameter of fft 'layers'"),
        (lambda: generate("fft", points=6), InvalidScenario, "power of 2"),
        (lambda: generate("fft", points=8, tasks=50), InvalidScenario, "either tasks or points"),
        (lambda: generate("fft", tasks=4), InvalidScenario, "at least 5"),
        (lambda: generate("gauss", tasks=1), InvalidScenario, "at least 2"),
        (lambda: generate("fork-join", tasks=2), InvalidScenario, "at least 3"),
        (lambda: generate("series-parallel", tasks=1), InvalidScenario, "at least 2"),
        (lambda: generate("layered", tasks=0), InvalidScenario, "tasks must be an integer from 1"),
        (lambda: generate("layered", tasks=10.0), InvalidScenario, "tasks must be an integer"),
        (lambda: generate("layered", tasks=True), InvalidScenario, "tasks must be an integer"),
        (lambda: generate("layered", tasks=10**7), InvalidScenario, "tasks must be an integer"),
        (lambda: generate("layered", edges=10_000), InvalidScenario, "edges must be from"),
        (lambda: generate("layered", edges=2), InvalidScenario, "edges must be from"),
        (lambda: generate("out-tree", random="yes"), InvalidScenario, "true or false"),
        (lambda: generate("stencil", width=10**6, steps=10), InvalidScenario, "width x steps"),
        (lambda: generate("series-parallel", parallel=1.5), InvalidScenario, "from 0 to 1"),
        (lambda: generate("layered", nodes=0), InvalidScenario, "nodes must be"),
        (lambda: generate("layered", ccr=-1), InvalidScenario, "ccr must be"),
        (lambda: generate("layered", ccr=math.nan), InvalidScenario, "ccr must be"),
        (lambda: generate("layered", seed=-1), InvalidScenario, "seed must be"),
        (lambda: generate("layered", weights="lvl"), UnknownName, "did you mean 'level'"),
        (lambda: generate("layered", seconds=0), InvalidScenario, "seconds must be"),
        (lambda: generate("layered", seconds="1 m"), InvalidScenario, "unknown unit"),
        (lambda: generate("layered", bandwidth=0), InvalidScenario, "bandwidth must be > 0"),
        (lambda: generate("layered", bandwidth="fast"), InvalidScenario, "bandwidth"),
        (lambda: generate("layered", heterogeneity="rage"), UnknownName, "did you mean 'range'"),
        (lambda: generate("layered", heterogeneity="range[bta=1]"), UnknownName, "'beta'"),
        (lambda: generate("layered", heterogeneity="range[beta=3]"), InvalidScenario, "0 to 2"),
        (lambda: generate("layered", heterogeneity="range[beta=x]"), InvalidScenario, "'x'"),
        (lambda: generate("layered", heterogeneity="range["), InvalidScenario, "spec"),
        (lambda: generate("layered", heterogeneity="cv[task=1,task=2]"), InvalidScenario, "twice"),
        (lambda: generate("layered", heterogeneity={"cv": 3}), InvalidScenario, "mapping"),
        (lambda: generate("layered", heterogeneity=[1]), InvalidScenario, "spec"),
        (
            lambda: generate("layered", heterogeneity="cv[consistency=consistnt]"),
            UnknownName,
            "did you mean 'consistent'",
        ),
        (lambda: generate("layered", cluster=lab(), nodes=3), InvalidScenario, "either nodes"),
        (lambda: generate("layered", cluster=lab(), latency=1), InvalidScenario, "either latency"),
        (
            lambda: generate("layered", cluster=lab(), heterogeneity="related"),
            InvalidScenario,
            "its own",
        ),
        (lambda: generate("chains", tasks=10**5, nodes=100), InvalidScenario, "pairs"),
        (lambda: build({"tasks": 3}), InvalidScenario, "family is missing"),
        (lambda: build({"family": "fft", "task": 3}), UnknownName, "did you mean 'tasks'"),
        (lambda: build([]), InvalidScenario, "mapping"),
        (lambda: build({"family": "fft", "cluster": "lab"}), InvalidScenario, "cluster"),
    ],
)
def test_bad_parameters_are_named(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_from_spec_names_the_file_and_takes_the_cluster():
    with pytest.raises(UnknownName, match=r"^study\.yaml: generate: unknown graph family"):
        from_spec({"family": "none"}, "study.yaml: generate")
    spec = {"family": "stencil", "width": 4, "steps": 4, "ccr": 0.5, "seed": 9, "tasks": None}
    assert from_spec(spec, "x").problem().n_tasks == 16
    assert from_spec(spec, "x", lab()).cluster == lab()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 60) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*families(), "x", 3, None]),
    st.dictionaries(
        st.sampled_from(
            ["tasks", "nodes", "ccr", "heterogeneity", "seed", "weights", "seconds", "bandwidth",
             "latency", "layers", "edges", "jump", "stages", "chains", "branching", "random",
             "width", "steps", "points", "matrix", "parallel", "odd"]
        ),
        json_values,
        max_size=4,
    ),
)  # fmt: skip
def test_any_spec_builds_or_is_refused(family, spec):
    try:
        scenario = from_spec({"family": family, **spec}, "file")
    except AlloclabError as error:
        assert str(error).startswith("file: ") and "\n" not in str(error)
    else:
        assert scenario.problem().n_tasks >= 1


def test_the_list_of_families_is_complete():
    described = describe_families()
    assert tuple(described) == families()
    assert all(text and "None" not in text for text in described.values())
    assert "layers" in described["layered"]
    assert parse_heterogeneity(parse_heterogeneity("related")).spread == 4


def test_the_page_on_generators_is_right():
    """Its Python runs, its scenario file loads, and its tables name what there is."""
    page = (Path(__file__).parents[2] / "docs" / "generators.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", page, re.DOTALL)
    assert {kind for kind, _ in blocks} == {"python", "yaml"}
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, "generators.md", "exec"), {})
        else:
            assert parse_scenario(parse_yaml(text)).problem().n_tasks == 54
    for name, family in FAMILIES.items():
        assert f"`{name}`" in page and all(f"`{p}`" in page for p in family.parameters)
    assert all(f"`{m}" in page for m in METHODS) and all(f"`{s}`" in page for s in SETTINGS[1:])
