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
from simulator.cluster import Cluster, Connection, Node
from simulator.errors import AlloclabError, InvalidScenario, UnknownName


def make(family, tasks=None, seed=0, **parameters):
    return structure(family_of(family), tasks, seed, parameters)


def lab() -> Cluster:
    nodes = [Node("a"), Node("b", speed=2.0), Node("g", kind="gpu", speed=8.0)]
    nodes.append(Node("store", kind="storage"))
    cables = [Connection(n.name, "hub", 1e8 * (i + 1), 1e-3 * i) for i, n in enumerate(nodes)]
    return Cluster.connect("lab", nodes, cables, ["hub"])


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
