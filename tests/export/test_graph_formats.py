"""Graph formats: what is written reads back as the same plain graph, what is lost is named."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios.export.formats import FORMATS, GRAPHS, format_of, write
from scenarios.export.labels import clean
from scenarios.export.plain import losses, plain_graph
from scenarios.generate import families, generate
from scenarios.importers import sniff_and_load
from scenarios.importers.networkx import from_networkx, to_networkx
from scenarios.importers.plain import PlainEdge, PlainTask, plain_scenario
from scenarios.scenario import Scenario
from simulator.cluster import Cluster, Node
from simulator.errors import UnknownName, Unsupported
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream
from tests.scenarios.foreign import wfcommons_15

ENDING = {form: endings[0] for form, (_, endings) in GRAPHS.items()}
NAMES = st.one_of(
    st.text(alphabet='ab"\\{}<>&;:->/* \'#=[],.%é漢', min_size=1, max_size=8),
    st.sampled_from(["node", "edge", "graph", "digraph", "subgraph", "-1", "1e3", "&quot;", "NaN",
                     "a\tb", "x" * 1200, "stage-in", "null", "]]>", "<!--", "\\", '"', "#x"]),
)  # fmt: skip
SIZES = st.one_of(st.sampled_from([0.0, 1.0, 0.1, 1e12]), st.floats(0, 1e15))


@st.composite
def graphs(draw) -> Scenario:
    """Any plain graph: one task, isolated tasks, parallel edges, edges without bytes."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    tasks = [PlainTask(name, draw(st.floats(0, 1e6))) for name in names]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=8)) if pairs else []
    edges = [PlainEdge(a, b, draw(SIZES)) for a, b in chosen]
    return plain_scenario(tasks, edges, "drawn", "test")


def back(scenario: Scenario, form: str, folder) -> Scenario:
    path = folder / f"file{ENDING[form]}"
    path.write_text(write(scenario, form).text)
    found = sniff_and_load(path)
    assert found is not None
    return found


def carried(scenario: Scenario, form: str) -> tuple[list[float], Counter]:
    """Durations in order and messages by number of task, as far as a format has them."""
    plain = plain_graph(scenario)
    stores = {t.name for t in plain.tasks if t.stored} if form in ("dax", "wfcommons") else set()
    kept = [t for t in plain.tasks if t.name not in stores]
    at = {t.name: i for i, t in enumerate(kept)} | dict.fromkeys(stores, -1)
    edges: Counter = Counter()
    for edge in plain.edges:
        pair = (at[edge.src], at[edge.dst])
        if form == "stg":
            edges[pair] = 1
        elif form in ("dax", "wfcommons"):
            edges[pair] += math.ceil(edge.bytes) + 1j
        else:
            edges[(*pair, edge.bytes, edge.name)] += 1
    return [t.seconds for t in kept], Counter({k: getattr(v, "real", v) for k, v in edges.items()})


def same(one: Scenario, two: Scenario, form: str) -> None:
    (a, left), (b, right) = carried(one, form), carried(two, form)
    assert a == b
    assert set(left) == set(right)
    assert all(left[key] == pytest.approx(right[key], rel=1e-12) for key in left)


# ----- round trips -------------------------------------------------------------------------------
@pytest.mark.parametrize("form", GRAPHS)
@settings(max_examples=30, deadline=None)
@given(scenario=graphs())
def test_drawn_graphs_come_back(form, scenario, tmp_path_factory):
    again = back(scenario, form, tmp_path_factory.mktemp("graph"))
    same(scenario, again, form)
    if form in ("dot", "graphml") and not any("names" in s for s in write(scenario, form).losses):
        assert again.problem().task_names == scenario.problem().task_names


@pytest.mark.parametrize("form", GRAPHS)
@pytest.mark.parametrize("family", families())
def test_generated_graphs_come_back(form, family, tmp_path):
    for ccr in (0, 2):
        scenario = generate(family, nodes=3, ccr=ccr, seed=3)
        same(scenario, back(scenario, form, tmp_path), form)


@settings(max_examples=30, deadline=None)
@given(scenario=graphs())
def test_networkx_graphs_come_back(scenario):
    again = from_networkx(to_networkx(scenario))
    same(scenario, again, "networkx")
    if all(clean(name) == name for name in scenario.problem().task_names):
        assert again.problem().task_names == scenario.problem().task_names


@pytest.mark.parametrize("form", ["dax", "wfcommons"])
def test_files_of_the_store_come_back(form, tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(wfcommons_15()))
    trace = sniff_and_load(path)
    again = back(trace, form, tmp_path)
    same(trace, again, form)
    assert again.adapt is not None  # another cluster gets a store as well


# ----- what is lost ------------------------------------------------------------------------------
def test_every_loss_is_a_sentence():
    for name in ("translation", "driving"):
        scenario = scenarios.load(name)
        if len(scenario.streams) > 1:
            with pytest.raises(Unsupported, match="several streams"):
                write(scenario, "stg")
            continue
        for form in GRAPHS:
            lost = write(scenario, form).losses
            assert lost and all(s.endswith(".") and "\n" not in s for s in lost)
    text = " ".join(losses(scenarios.load("translation")))
    for what in ("the cluster 'edge-cloud'", "the rules", "the load", "arrivals", "request sizes",
                 "deadline", "durations by node", "pins"):  # fmt: skip
        assert what in text, what


def test_durations_and_bytes_are_those_of_the_batch_and_the_mean_of_nodes():
    table = Variant("a", seconds={"*": (2.0, 6.0)}, batch=(1, 4), output_bytes=(10.0, 40.0))
    last = Variant("b", seconds={"p": 1.0, "q": 3.0})
    graph = TaskGraph((Task("a", (table,)), Task("b", (last,))), (Edge("a", "b"),))
    cluster = Cluster.mesh("pq", [Node("p"), Node("q")], 1.0, 0.0)
    scenario = Scenario("s", cluster, (Stream("main", graph, batch=4),))
    plain = plain_graph(scenario)
    assert [task.seconds for task in plain.tasks] == [6.0, 2.0]
    assert [edge.bytes for edge in plain.edges] == [40.0]
    text = " ".join(losses(scenario))
    assert "the batch size 4" in text and "the mean is written (task 'b')" in text


def test_what_would_be_another_graph_is_refused():
    tasks = tuple(Task(x, (Variant(x, seconds={"*": 1.0}),)) for x in "ab")
    cluster = Cluster.mesh("pq", [Node("p"), Node("q")], 1.0, 0.0)
    for edge, said in (
        (Edge("a", "b", bytes=0.0, lag=1), "feeds a later request"),
        (Edge("a", "b", bytes=0.0, probability=0.5), "with a probability"),
    ):
        stream = Stream("main", TaskGraph(tasks, (edge,)), requests=2)
        for form in GRAPHS:
            with pytest.raises(Unsupported, match=said):
                write(Scenario("s", cluster, (stream,)), form)


def test_formats_are_asked_for_by_ending():
    assert [format_of(f"x{ENDING[form]}") for form in GRAPHS] == list(GRAPHS)
    assert [format_of(x) for x in ("a.yml", "a", "a.JSON", "a.xml", "a.gv")] == [
        "yaml", "yaml", "json", "simgrid", "dot",
    ]  # fmt: skip
    with pytest.raises(UnknownName, match="file type"):
        format_of("a.jsn")
    with pytest.raises(UnknownName, match="did you mean 'graphml'"):
        write(scenarios.load("translation"), "grapml")
    assert set(GRAPHS) < set(FORMATS)


def test_the_command_names_losses_on_stderr_and_in_its_answer(tmp_path):
    path = tmp_path / "out.xml"
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.cli", "convert", "translation", "--format", "dax",
         "-o", str(path), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["format"] == "dax" and answer["losses"] == done.stderr.splitlines()
    assert scenarios.load(path).problem().n_tasks == 3
