"""Exports: what is written loads to the same problem; what cannot be written is named."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios.cluster_build import devices
from scenarios.export import render, to_instance, to_yaml
from scenarios.export.names import legal, rename
from scenarios.generate import families, generate
from scenarios.importers import importer
from scenarios.importers.storage import add_storage
from scenarios.loader import parse_scenario
from scenarios.scenario import Scenario
from scenarios.yamlsafe import parse_yaml
from simulator.cluster import Cluster, Connection, Link, Node
from simulator.dynamics import Degradation, Dynamics, Outage, Slowdown
from simulator.errors import AlloclabError, UnknownName, Unsupported
from simulator.luck import draw
from simulator.objective import Objective
from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant, Work
from simulator.workload import Arrivals, Distribution, Size, Stream
from tests.scenarios.foreign import FILES, INSTANCE


def same_arrays(a: Any, b: Any, names: list[str]) -> None:
    for name in names:
        x, y = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(x, y, err_msg=name)


def same_problem(one: Scenario, two: Scenario, luck: bool = True) -> None:
    """Arrays, memory, rules, and (names unchanged) the luck of a test seed are equal."""
    p, q = one.problem(), two.problem()
    same_arrays(p.arrays, q.arrays, list(p.arrays.__dataclass_fields__))
    same_arrays(p, q, ["weights_bytes", "working_bytes", "accuracy", "weights_group", "bytes",
                       "seconds", "memory_bytes", "idle_watts", "busy_watts", "price_per_s",
                       "stream_weight", "place_with", "apart"])  # fmt: skip
    assert (p.objective, p.plan_draws, p.n_requests) == (q.objective, q.plan_draws, q.n_requests)
    if luck:
        assert (p.task_names, p.variant_names) == (q.task_names, q.variant_names)
        assert (p.edge_names, p.node_names) == (q.edge_names, q.node_names)
        a, b = draw(p, 3), draw(q, 3)
        same_arrays(a, b, [f.name for f in fields(a)])


def reload(scenario: Scenario) -> Scenario:
    return parse_scenario(parse_yaml(to_yaml(scenario)))


# ----- scenario files ----------------------------------------------------------------------------
@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_of_the_catalogue_comes_back(name: str) -> None:
    scenario = scenarios.load(name)
    again = reload(scenario)
    same_problem(scenario, again)
    assert again.name == scenario.name and again.cluster == scenario.cluster


@pytest.mark.parametrize("name", scenarios.cluster_names())
def test_every_cluster_comes_back_written_out(name: str) -> None:
    """Under another name, so that it is not taken from the catalogue; with a store as well."""
    cluster = replace(scenarios.load_cluster(name), name="mine")
    for target in (cluster, add_storage(cluster)):
        scenario = generate("fft", points=4, heterogeneity="range", cluster=target)
        text = to_yaml(scenario)
        assert "links:" in text
        same_problem(scenario, reload(scenario))


@pytest.mark.parametrize("family", families())
def test_generated_graphs_come_back(family: str) -> None:
    for heterogeneity in ("related", "cv"):
        scenario = generate(family, tasks=30, nodes=4, heterogeneity=heterogeneity, latency="1 ms")
        same_problem(scenario, reload(scenario))


@pytest.mark.parametrize("name", FILES)
def test_imported_files_come_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(FILES[name]()))
    scenario = scenarios.load(path)
    target = tmp_path / "out.yaml"
    target.write_text(render(scenario))
    again = scenarios.load(target)
    same_problem(scenario, again)
    assert again.facts == scenario.facts


def everything() -> Scenario:
    """One of each thing that the world knows."""
    nodes = [
        Node("gate", slots=2, corun=(1.0, 1.4), labels=("entry", "near"), speed=1.3,
             **{**devices()["i7-1185g7"], "idle_watts": 1.5}),
        Node("box", kind="gpu", speed=2.5, peak_flops={"fp32": 1e12, "fp16": 3e12},
             efficiency={"fp32": {"matmul": 0.5, "other": 0.25}}, memory_bandwidth=1e11,
             memory_bytes=8e9, load_bandwidth=2e9, launch_overhead_s=1e-5, dispatch_s=1e-4,
             send_s=2e-4, send_s_per_byte=1e-10, wake_s=3e-4, idle_watts=5.5, busy_watts=50.0,
             price_per_hour=0.3, failure_domain="rack", host="h"),
        Node("007", failure_domain="rack"),
        Node("yes", kind="store"),
    ]  # fmt: skip
    cables = [
        Connection("gate", "hub", 1e8, 1e-3, failure_domain="rack"),
        Connection("box", "hub", 2e8, 0.1, duplex="half", size_table=((10.0, 1.0), (2e6, 1.5))),
        Connection("007", "hub", 1e8, duplex="one-way"),
        Connection("hub", "007", 5e7, duplex="one-way"),
        Connection("yes", "box", 3e8),
    ]
    cluster = Cluster.connect("every thing", nodes, cables, ["hub"])
    one = TaskGraph(
        (
            Task("see", (Variant("see", seconds={"*": 0.1, "gpu": 0.01}, output_bytes=5.0),),
                 scale_with="tokens"),
            Task("a b/c", (
                Variant("small", work=Work({"matmul": (1e9, 7e9), "other": 1e6}, (1e6, 4e6), 12.0),
                        batch=(1, 8), weights_bytes=1e6, activation_bytes=(10.0, 70.0),
                        output_bytes=(3.0, 21.0), sharing_group="g", accuracy=0.9, module="m"),
                Variant("large", seconds={"box": (1.0, 2.0), "007": 3.0}, batch=(1, 4)),
            ), scale_with="tokens", forbidden=("yes",)),
            Task("null", (Variant("null", seconds={"cpu": 1.0, "gpu": 2.0}),),
                 join=Join(1, 0.5, "cancel"), fusion="vote", allowed=("near", "gpu", "007")),
            Task("1e3", (Variant("1e3", seconds={"*": 1.0}),), pinned="gate"),
        ),
        (
            Edge("see", "a b/c"),
            Edge("see", "null", bytes=3.5, name="z1", scale_with="tokens"),
            Edge("a b/c", "null", probability=0.25, branch="left", scale_with=None),
            Edge("a b/c", "1e3", probability=0.5, branch="left", bytes=0.0),
            Edge("null", "see", lag=2, name="back"),
            Edge("null", "see", lag=1),
        ),
        place_with=(("see", "1e3"),),
        apart=(("a b/c", "see"),),
        accuracy_rule="min",
    )  # fmt: skip
    two = TaskGraph((Task("only", (Variant("only", seconds={"*": 0.5}),)),))
    length = Distribution("lognormal", {"median": 20.0, "sigma": 0.3})
    even = Distribution("choice", {"values": (1.0, 2.0), "weights": (1.0, 3.0)})
    streams = (
        Stream("first", one, Arrivals("poisson", rate=2.5, start=1.0), 7, batch=3, deadline_s=2.0,
               class_=1, weight=2.0, noise=Distribution("gamma", {"mean": 1.0, "cv": 0.2}),
               sizes={"tokens": Size(length, 24.0)}),
        Stream("second", two, Arrivals("trace", times=(0.0, 0.5, 9.25)), 2, noise=even),
        Stream("third", replace(two), Arrivals("constant", rate=30.0), 4,
               noise=Distribution("constant", {"value": 1.25})),
        Stream("fourth", two, Arrivals("once", start=3.0), 2,
               noise=Distribution("uniform", {"low": 0.5, "high": 1.0})),
    )  # fmt: skip
    return Scenario(
        name="all of it",
        description="Everything, 'quoted': once",
        cluster=cluster,
        streams=streams,
        network="fair",
        dispatch="greedy",
        discipline="edf",
        objective=Objective((("p99_latency", 1.0), ("energy", 0.5)), lost_penalty=3.0),
        dynamics=Dynamics(
            (Outage("007", 1.0, 2.0), Outage("rack", 5.0)),
            (Slowdown("gate", 0.0, 3.0, 1.5),),
            (Degradation("box--hub", 1.0, 4.0, 0.5), Degradation("hub->gate", 2.0, 3.0, 0.0)),
        ),
        plan_draws=3,
        facts={"origin": "by hand", "note": "a: b # c"},
    )


def test_everything_comes_back() -> None:
    scenario = everything()
    again = reload(scenario)
    assert "# 1 name(s) changed to fit the format:\n#   '007' is 'node-007'" in to_yaml(scenario)
    same_problem(scenario, again, luck=False)
    p, q = scenario.problem(), again.problem()
    a, b = draw(p, 5), draw(q, 5)
    same_arrays(a, b, [f.name for f in fields(a)])
    assert q.task_names == p.task_names and q.edge_names == p.edge_names
    assert again.dynamics.slowdowns == scenario.dynamics.slowdowns
    assert again.facts == scenario.facts and again.description == scenario.description
    one, two = scenario.streams[0].graph, again.streams[0].graph
    assert two.accuracy_rule == "min" and two.tasks[2].fusion == "vote"
    assert [v.module for v in two.tasks[1].variants] == [v.module for v in one.tasks[1].variants]


def test_a_closed_loop_comes_back() -> None:
    graph = TaskGraph((Task("t", (Variant("t", seconds={"*": 1.0}),)),))
    think = Distribution("exponential", {"mean": 2.0})
    for chosen in (think, None):
        arrivals = Arrivals("closed", clients=3, think=chosen)
        scenario = Scenario("loop", Cluster("c", (Node("n"),)), (Stream("s", graph, arrivals, 9),))
        same_problem(scenario, reload(scenario))


def test_a_built_in_cluster_is_written_by_its_name() -> None:
    scenario = generate("fft", points=4, cluster=scenarios.load_cluster("hetero-lab"))
    assert "\ncluster: hetero-lab\n" in to_yaml(scenario)
    same_problem(scenario, reload(scenario))


@pytest.mark.parametrize(
    "name", ["->", "a->b", "a--b", "a-->b", " a", "x" * 300, "1", "null", "a\nb", "é: #"]
)
def test_awkward_names_become_legal_ones(name: str) -> None:
    nodes = (Node(name), Node("other"))
    cluster = Cluster.mesh("m", nodes, 1e6)
    graph = TaskGraph(
        (
            Task(name, (Variant(name, seconds={name: 1.0, "other": 2.0}),)),
            Task(name + "!", (Variant("v", seconds={name: 1.0}),), pinned=name),
        ),
        (Edge(name, name + "!", bytes=1.0, name=name),),
    )
    scenario = Scenario(name, cluster, (Stream(name, graph),))
    same_problem(scenario, reload(scenario), luck=False)


@settings(max_examples=200)
@given(st.lists(st.text(max_size=130) | st.text("a->", max_size=9), unique=True, max_size=8))
def test_renaming_is_one_to_one_and_legal(given_names: list[str]) -> None:
    for digits in (True, False):
        out = rename(given_names, frozenset({"any"}), digits)
        assert list(out) == given_names and len(set(out.values())) == len(given_names)
        for old, new in out.items():
            assert legal(new) and new != "any" and (digits or not new.isdigit())
            if legal(old) and old != "any" and (digits or not old.isdigit()):
                assert new == old


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])),
        max_size=4,
    ),
    st.floats(0, 1e300),
)
def test_any_text_and_number_survives_the_yaml(facts: dict[str, str], seconds: float) -> None:
    graph = TaskGraph((Task("t", (Variant("t", seconds={"*": seconds}),)),))
    scenario = Scenario("s", Cluster("c", (Node("n"),)), (Stream("s", graph),), facts=facts)
    again = reload(scenario)
    assert again.streams[0].graph.tasks[0].variants[0].seconds == {"*": seconds}
    assert list(again.facts.values()) == [" ".join(x.split()) for x in facts.values()]


def test_links_whose_names_say_nothing_get_their_ends_from_the_routes() -> None:
    links = [Link("up-a", 1.0), Link("down-b", 2.0, 0.5), Link("up-b", 1.0), Link("down-a", 9.0)]
    routes = {(0, 1): (0, 1), (1, 0): (2, 3)}
    cluster = Cluster("odd", (Node("a"), Node("b")), tuple(links), routes)
    scenario = generate("fft", points=4, cluster=cluster)
    same_problem(scenario, reload(scenario))
    assert "switches: [switch, switch-2]" in to_yaml(scenario)


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (
            Cluster.mesh("m", [Node(n) for n in "abc"], 1.0, [[0, 9, 1], [9, 0, 1], [1, 1, 0]]),
            "cannot express its routes",
        ),
        (Cluster.mesh("m", [Node("a", device="mine"), Node("b")], 1.0), "the device 'mine'"),
        (
            Cluster("m", (Node("a"), Node("b")), (Link("x", 1.0),), {(0, 1): (0,), (1, 0): (0,)}),
            "cannot express its routes",
        ),
        (
            Cluster(
                "m",
                (Node("a"), Node("b")),
                (Link("x", 1.0), Link("y", 1.0), Link("z", 1.0)),
                {(0, 1): (0,), (1, 0): (2,)},
            ),
            None,  # a link that no route uses leads from somewhere to somewhere
        ),
        (
            Cluster(
                "m",
                tuple(Node(n) for n in "abc"),
                (Link("x", 1.0), Link("y", 1.0)),
                {(0, 1): (0,), (0, 2): (0,), (1, 0): (1,)},
            ),
            "a link leads to several nodes",
        ),
    ],
)
def test_clusters_that_a_file_cannot_express(cluster: Cluster, words: str | None) -> None:
    graph = TaskGraph((Task("t", (Variant("t", seconds={"*": 1.0}),)),))
    scenario = Scenario("s", cluster, (Stream("s", graph),))
    if words is None:
        same_problem(scenario, reload(scenario))
        return
    with pytest.raises(Unsupported) as caught:
        to_yaml(scenario)
    assert words in str(caught.value) and "\n" not in str(caught.value)


# ----- instances ---------------------------------------------------------------------------------
def same_instance(one: Scenario, two: Scenario) -> None:
    p, q = one.problem(), two.problem()
    assert (p.task_names, p.node_names) == (q.task_names, q.node_names)
    same_arrays(p, q, ["seconds", "bytes"])
    same_arrays(p.arrays, q.arrays, ["edge_src", "edge_dst", "route_bandwidth", "route_latency"])
    assert (p.network, p.dispatch, p.objective) == (q.network, q.dispatch, q.objective)


def again_from_instance(scenario: Scenario) -> Scenario:
    data = json.loads(render(scenario, ".json"))
    return importer("task-graph-instance").load(data, "again.json")


@pytest.mark.parametrize("family", families())
def test_generated_graphs_are_instances(family: str) -> None:
    for heterogeneity in ("related", "range", "identical"):
        scenario = generate(family, tasks=20, nodes=3, heterogeneity=heterogeneity, latency=0.25)
        same_instance(scenario, again_from_instance(scenario))


def test_an_instance_comes_back_with_its_published_values() -> None:
    scenario = importer("task-graph-instance").load(INSTANCE, "x.json")
    data = to_instance(scenario)
    for key in ("nodes", "bandwidth", "latency", "best_known", "bound", "proved_optimal", "name",
                "source", "edges", "tasks"):  # fmt: skip
        assert data[key] == INSTANCE[key], key
    same_instance(scenario, again_from_instance(scenario))


def test_a_lab_of_unequal_routes_is_an_instance() -> None:
    lab = scenarios.load_cluster("hetero-lab")
    scenario = generate("gauss", matrix=5, cluster=lab)
    data = to_instance(scenario)
    assert len(data["bandwidth"]) == len(lab.nodes)
    same_instance(scenario, again_from_instance(scenario))


def test_one_node_needs_no_network() -> None:
    scenario = generate("fft", points=2, nodes=1)
    assert to_instance(scenario)["bandwidth"] == 1.0
    same_instance(scenario, again_from_instance(scenario))


def changed(what: str) -> Scenario:
    """A plain scenario with one thing that no instance can say."""
    base = generate("fft", points=2, nodes=2, heterogeneity="related")
    stream, graph = base.streams[0], base.streams[0].graph
    node, link = base.cluster.nodes[0], base.cluster.links[0]
    task, edge = graph.tasks[-1], graph.edges[-1]

    def with_node(**fields: Any) -> Scenario:
        nodes = (replace(node, **fields), *base.cluster.nodes[1:])
        return replace(base, cluster=replace(base.cluster, nodes=nodes))

    def with_stream(**fields: Any) -> Scenario:
        return replace(base, dispatch="strict", streams=(replace(stream, **fields),))

    def with_graph(**fields: Any) -> Scenario:
        return with_stream(graph=replace(graph, **fields))

    variant = task.variants[0]
    return {
        "streams": lambda: replace(base, streams=(stream, replace(stream, name="b"))),
        "requests": lambda: with_stream(requests=2),
        "arrivals": lambda: with_stream(arrivals=Arrivals("constant", rate=1.0)),
        "start": lambda: with_stream(arrivals=Arrivals(start=1.0)),
        "noise": lambda: with_stream(noise=Distribution("constant", {"value": 2.0})),
        "sizes": lambda: with_stream(
            sizes={"x": Size(Distribution("constant", {"value": 1.0}), 1)}
        ),
        "apart": lambda: with_graph(apart=((graph.tasks[0].name, task.name),)),
        "variants": lambda: with_graph(
            tasks=(
                *graph.tasks[:-1],
                replace(task, variants=(variant, replace(variant, name="b"))),
            )
        ),
        "join": lambda: with_graph(tasks=(*graph.tasks[:-1], replace(task, join=Join(1)))),
        "lag": lambda: with_graph(edges=(*graph.edges[:-1], replace(edge, lag=1))),
        "conditional": lambda: with_graph(
            edges=(*graph.edges[:-1], replace(edge, probability=0.5))
        ),
        "slots": lambda: with_node(slots=2),
        "overheads": lambda: with_node(wake_s=0.1),
        "co-run": lambda: with_node(corun=(1.0, 2.0)),
        "size table": lambda: replace(
            base,
            cluster=replace(
                base.cluster,
                links=(replace(link, size_table=((1.0, 1.0),)), *base.cluster.links[1:]),
            ),
        ),
        "dynamics": lambda: replace(base, dynamics=Dynamics((Outage("n0", 0.0, 1.0),))),
        "network": lambda: replace(base, network="fair"),
        "dispatch": lambda: replace(base, dispatch="greedy"),
        "objective": lambda: replace(base, objective=Objective.parse("balance")),
        "memory": lambda: replace(
            with_node(memory_bytes=10.0),
            streams=(
                replace(
                    stream,
                    graph=replace(
                        graph,
                        tasks=tuple(
                            replace(t, variants=(replace(t.variants[0], weights_bytes=4.0),))
                            for t in graph.tasks
                        ),
                    ),
                ),
            ),
        ),
    }[what]()


OBSTACLES = {
    "streams": "several streams", "requests": "several requests", "arrivals": "arrivals other",
    "start": "arrivals other", "noise": "noise", "sizes": "request sizes",
    "apart": "together or apart", "variants": "several variants (task 'fly0-1')",
    "join": "a join policy (task 'fly0-1')", "lag": "a lag (edge 'call2 -> fly0-1')",
    "conditional": "a conditional edge", "slots": "several slots (node 'n0')",
    "overheads": "overheads (node 'n0')", "co-run": "a co-run table", "size table": "size table",
    "dynamics": "dynamics", "network": "network model 'fair'", "dispatch": "dispatch 'greedy'",
    "objective": "objective 'balance'", "memory": "memory that may run out",
}  # fmt: skip


@pytest.mark.parametrize("what", OBSTACLES)
def test_what_an_instance_cannot_say_is_named(what: str) -> None:
    with pytest.raises(Unsupported) as caught:
        to_instance(changed(what))
    text = str(caught.value)
    assert OBSTACLES[what] in text and "cannot express" in text and "\n" not in text


def test_everything_that_stands_in_the_way_is_listed() -> None:
    with pytest.raises(Unsupported) as caught:
        to_instance(everything())
    for words in ("several streams", "noise", "a lag", "a join policy", "'fair'", "dynamics"):
        assert words in str(caught.value)


def test_other_suffixes_are_refused() -> None:
    scenario = generate("fft", points=2, nodes=2)
    assert render(scenario, ".yml") == to_yaml(scenario)
    with pytest.raises(UnknownName, match=r"file type '\.svg'"):
        render(scenario, ".svg")
    with pytest.raises(AlloclabError):
        render(changed("network"), ".json")
