"""Importers: what a hand-written file means, and that a broken one is refused in one sentence."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.importers import importer, names, recognise, sniff_and_load
from scenarios.importers.storage import STORAGE_BANDWIDTH, STORAGE_LATENCY_S, add_storage
from scenarios.scenario import Scenario
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Connection, Node
from simulator.engines import simulate
from simulator.errors import AlloclabError, InvalidScenario, UnknownName
from tests.scenarios.foreign import (
    FILES,
    FLOWS,
    INSTANCE,
    JOBS,
    STAGED,
    break_text,
    break_tree,
    dump,
    wfcommons_14,
    wfcommons_15,
)


def load(data, name: str = "file.json") -> Scenario:
    found = recognise(data)
    assert found is not None
    return importer(found).load(data, name)


def refusal(data) -> str:
    with pytest.raises(AlloclabError) as caught:
        load(data).problem()
    text = str(caught.value)
    assert text.startswith("file.json: ") and "\n" not in text and len(text) < 1500, text
    return text


# ----- recognising -------------------------------------------------------------------------------
def test_formats_are_recognised_by_their_content(tmp_path):
    for name, make in FILES.items():
        path = tmp_path / f"{name}.txt"
        path.write_text(dump(make()))
        scenario = sniff_and_load(path)
        assert scenario is not None and scenario.source == str(path)
        assert scenario.problem().n_tasks == (3 if name == "instance" else 5)
    assert names() == ("task-graph-instance", "wfcommons")
    with pytest.raises(UnknownName, match="did you mean 'wfcommons'"):
        importer("wfcomons")


def test_other_files_are_left_to_others(tmp_path):
    for i, text in enumerate(["alloclab: 1\n", '{"alloclab": 1}', "[1]", "", "{a: 1}"]):
        path = tmp_path / f"{i}.yaml"
        path.write_text(text)
        assert sniff_and_load(path) is None
    (tmp_path / "x.json").write_text("{a: 1}")
    with pytest.raises(InvalidScenario, match="not valid JSON"):
        sniff_and_load(tmp_path / "x.json")


# ----- task-graph-instance/1 ---------------------------------------------------------------------
def test_instance_means_what_it_says():
    scenario = load(INSTANCE)
    problem = scenario.problem()
    nan = float("nan")
    np.testing.assert_array_equal(problem.seconds[:, 0, :], [[2, 4.5], [3, nan], [0, 1]])
    np.testing.assert_array_equal(problem.bytes[:, 0], [10, 0, 7, 8])
    assert problem.task_names == ("a", "b", "c") and problem.node_names == ("p", "q")
    a = problem.arrays
    assert (list(a.edge_src), list(a.edge_dst)) == ([0, 0, 1, 1], [1, 2, 2, 2])
    assert (a.route_bandwidth[0, 1], a.route_bandwidth[1, 0]) == (2, 4)
    assert a.route_latency[0, 1] == a.route_latency[1, 0] == 0.5
    assert (problem.network, problem.dispatch, str(problem.objective)) == (
        "ideal",
        "strict",
        "makespan",
    )
    assert scenario.name == "three" and scenario.fixed_cluster
    assert scenario.facts["best_known"] == "6" and scenario.facts["bound"] == "5.5"
    assert scenario.facts["expected"] == "heft 6, cpop 7"
    assert scenario.facts["proved_optimal"] == "no"
    with pytest.raises(InvalidScenario, match=r"file\.json.*own nodes"):
        scenario.on(Cluster.star("s", [Node("p")], 1.0))


def test_instance_with_one_bandwidth_and_a_latency_matrix():
    problem = load(INSTANCE | {"bandwidth": 3, "latency": [[None, 1], [2, None]]}).problem()
    assert (problem.arrays.route_bandwidth[0, 1], problem.arrays.route_latency[1, 0]) == (3, 2)


def test_a_node_may_be_called_like_a_kind():
    """Durations are given by node name, and a name must not be taken for a kind of node."""
    data = INSTANCE | {
        "nodes": ["cpu", "gpu"],
        "tasks": [{"id": "a", "seconds": {"cpu": 1}}, {"id": "b", "seconds": {"gpu": 1}}],
        "edges": [],
    }
    assert load(data).problem().allowed[:, 0, :].tolist() == [[True, False], [False, True]]


def test_integers_are_names():
    data = INSTANCE | {"nodes": [0], "tasks": [{"id": 7, "seconds": {"0": 1}}], "edges": [],
                       "bandwidth": 1}  # fmt: skip
    assert load(data).problem().task_names == ("7",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "task-graph-instance/2"}, "format must be 'task-graph-instance/1'"),
        ({"nodes": []}, "nodes is empty"),
        ({"nodes": ["p", "p"]}, "nodes[1]: 'p' occurs twice"),
        ({"nodes": ["p", "*"]}, "nodes[1]: '*'"),
        ({"nodes": "p"}, "nodes must be a list, got 'p'"),
        ({"nodes": [f"n{i}" for i in range(2001)]}, "2001 are too many"),
        ({"tasks": []}, "tasks is empty"),
        ({"tasks": {}}, "tasks must be a list, got a mapping"),
        ({"tasks": [3]}, "tasks[0] must be a mapping, got 3"),
        ({"tasks": [{"id": "a"}]}, "tasks[0]: the field 'seconds' is missing"),
        ({"tasks": [{"id": "a", "second": {"p": 1}}]}, "did you mean 'second'"),
        ({"tasks": [{"id": "a", "seconds": {}}]}, "fits no node"),
        ({"tasks": [{"id": "a", "seconds": {"r": 1}}]}, "unknown node 'r'"),
        ({"tasks": [{"id": "a", "seconds": {"p": -1}}]}, "tasks[0].seconds['p'] must be a finite"),
        ({"tasks": [{"id": "a", "seconds": {"p": True}}]}, "got true"),
        ({"tasks": [{"id": "a", "seconds": {"p": None}}]}, "got null"),
        ({"tasks": [{"id": "a", "seconds": {"p": 10**400}}]}, "must be a finite number"),
        ({"tasks": [{"id": "", "seconds": {"p": 1}}]}, "tasks[0].id must be a text"),
        ({"tasks": [{"id": "a\tb", "seconds": {"p": 1}}]}, "control characters"),
        ({"tasks": [{"id": "a" * 1001, "seconds": {"p": 1}}]}, "longer than 1000"),
        ({"tasks": [{"id": "a", "seconds": {"p": 1}}] * 2}, "two tasks are named 'a'"),
        ({"edges": [["a", "b"]]}, "edges[0] must be a list of 3"),
        ({"edges": [["a", "z", 1]]}, "edges[0]: unknown task 'z'"),
        ({"edges": [["a", "b", -1]]}, "edges[0][2] must be a finite number >= 0"),
        ({"edges": [["a", "a", 1]]}, "cannot send to itself"),
        ({"edges": [["a", "b", 1], ["b", "a", 1]]}, "cycle"),
        ({"bandwidth": 0}, "bandwidth must be a finite number > 0"),
        ({"bandwidth": "fast"}, "bandwidth must be a finite number > 0, got 'fast'"),
        ({"bandwidth": [[None, 1]]}, "bandwidth must be a list of 2, got a list of 1"),
        ({"bandwidth": [[None], [1, None]]}, "bandwidth[0] must be a list of 2"),
        ({"bandwidth": [[None, 0], [1, None]]}, "bandwidth[0][1] must be a finite number > 0"),
        ({"bandwidth": [[None, None], [1, None]]}, "disconnected"),
        ({"latency": -1}, "latency must be"),
        ({"latency": [[None, None], [1, None]]}, "latency[0][1] is null"),
    ],
)
def test_broken_instances_are_named(change, words):
    assert words in refusal(INSTANCE | change)


@pytest.mark.parametrize("key", ["nodes", "tasks", "edges", "bandwidth"])
def test_missing_fields_are_named(key):
    assert f"the field {key!r} is missing" in refusal(
        {k: v for k, v in INSTANCE.items() if k != key}
    )


# ----- WfCommons ---------------------------------------------------------------------------------
WORKFLOWS = ["wf-1.4", "wf-1.4-older", "wf-1.5", "wf-1.6"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_version_gives_the_same_workflow(name):
    scenario = load(FILES[name](), "folder/diamond.json")
    graph = scenario.streams[0].graph
    short = {t.name: t.name.removesuffix(f"_ID000000{i - 1}") for i, t in enumerate(graph.tasks)}
    assert list(short.values()) == ["stage-in", *JOBS]
    messages = {(short[e.src], short[e.dst]): e.bytes for e in graph.edges}
    assert messages == {**{("stage-in", k): v for k, v in STAGED.items()}, **FLOWS}
    for task in graph.tasks[1:]:
        variant = task.variants[0]
        assert variant.seconds == {"cpu": JOBS[short[task.name]]["s"]}
        assert variant.activation_bytes == (2**30 if short[task.name] == "left" else 0)
    stage_in = graph.tasks[0]
    assert stage_in.variants[0].seconds == {"storage": 0.0} and stage_in.allowed == ("storage",)
    facts = scenario.facts
    assert scenario.name == "diamond" and facts["recorded work"] == "16.5 s in 4 tasks"
    assert facts["runtime system"] == "Pegasus 5.0" and facts["recorded makespan"] == "17 s"
    assert facts["recorded machines"] == "m1 8 cores 2400 MHz 16.0 GiB"
    assert facts["cores"].startswith("1 recorded with more than one (up to 4)")
    assert facts["files"] == "3 between tasks, 2 only read, 2 only written"


def test_runtimes_are_scaled_by_the_speed_of_cpus_and_only_cpus():
    nodes = [Node("slow"), Node("fast", speed=4.0), Node("card", kind="gpu")]
    problem = load(wfcommons_15()).on(Cluster.star("s", nodes, 1e9)).problem()
    left = problem.task_index["left"]
    assert problem.node_names == ("slow", "fast", "card", "storage")
    np.testing.assert_array_equal(problem.seconds[left, 0], [10, 2.5, np.nan, np.nan])
    np.testing.assert_array_equal(problem.seconds[0, 0], [np.nan, np.nan, np.nan, 0])
    assert not problem.is_compute[3]


def test_dependencies_listed_on_one_side_only_count():
    for gone in ("parents", "children"):
        for make in (wfcommons_14, wfcommons_15):
            data = make()
            where = data["workflow"].get("specification", data["workflow"])
            for task in where["tasks"]:
                task[gone] = []
            assert load(data).problem().n_edges == 7


def test_a_file_alone_makes_a_dependency():
    data = wfcommons_15()
    for task in data["workflow"]["specification"]["tasks"]:
        task["parents"] = task["children"] = []
    edges = load(data).streams[0].graph.edges
    assert {(e.src, e.dst) for e in edges if e.src != "stage-in"} == set(FLOWS) - {
        ("right", "merge")
    }


def spec_tasks(data):
    return {t["id"]: t for t in data["workflow"]["specification"]["tasks"]}


def test_files_with_several_writers_come_from_the_listed_parents():
    data = wfcommons_15()
    tasks = spec_tasks(data)
    tasks["right"]["outputFiles"] = ["part"]  # merge reads it: now from both parents
    assert edge_bytes(data, "right", "merge") == edge_bytes(data, "left", "merge") == 50
    tasks["right"]["inputFiles"] = ["log"]
    tasks["left"]["outputFiles"] = ["part", "log"]  # split and left write log; split is the parent
    assert edge_bytes(data, "split", "right") == 5
    assert edge_bytes(data, "left", "right") is None


def test_a_file_updated_in_place_comes_from_the_parent_or_the_store():
    data = wfcommons_15()
    tasks = spec_tasks(data)
    tasks["split"]["outputFiles"].append("input.txt")  # split reads it from the store first
    assert edge_bytes(data, "stage-in", "split") == 1000
    assert edge_bytes(data, "split", "left") == 1500
    tasks["left"]["outputFiles"].append("input.txt")
    assert edge_bytes(data, "split", "left") == 1500  # left updates what split wrote
    assert edge_bytes(data, "left", "split") is None


def edge_bytes(data, src, dst):
    found = [e.bytes for e in load(data).streams[0].graph.edges if (e.src, e.dst) == (src, dst)]
    assert len(found) <= 1
    return found[0] if found else None


def test_without_files_from_outside_there_is_no_store():
    data = wfcommons_15()
    for task in spec_tasks(data).values():
        task["inputFiles"] = []
    scenario = load(data)
    assert scenario.adapt is None and "stage-in" not in scenario.problem().task_names
    assert "from the store" not in scenario.facts


def test_a_task_may_be_called_like_the_store():
    data = json.loads(dump(wfcommons_15()).replace('"split"', '"stage-in"'))
    assert load(data).problem().task_names[:2] == ("stage-in-from-store", "stage-in")


def test_14_resolves_names_and_ids_and_refuses_doubtful_ones():
    data = wfcommons_14()
    tasks = data["workflow"]["tasks"]
    tasks[3]["parents"] = ["ID0000001", "right"]
    assert load(data).problem().n_edges == 7
    tasks[1]["name"] = tasks[2]["name"] = "work"
    for t in (tasks[0], tasks[1], tasks[2]):
        t["children"] = []
    tasks[3]["parents"] = ["ID0000001", "ID0000002"]
    assert load(data).problem().task_names[2:4] == ("work_ID0000001", "work_ID0000002")
    tasks[3]["parents"] = ["work"]
    assert "several tasks are named 'work'" in refusal(data)


def test_14_takes_the_size_that_the_writer_gives_and_joins_paths():
    data = wfcommons_14()
    tasks = data["workflow"]["tasks"]
    for file in tasks[1]["files"]:
        if file["name"] == "chunk1":
            file["sizeInBytes"] = 1
    edges = {(e.src, e.dst): e.bytes for e in load(data).streams[0].graph.edges}
    assert edges["split_ID0000000", "left_ID0000001"] == 500
    for task in tasks:
        for file in task["files"]:
            if file["name"] == "chunk1" and file["link"] == "output":
                file["path"] = "/elsewhere/"
    edges = {(e.src, e.dst): e.bytes for e in load(data).streams[0].graph.edges}
    assert edges["split_ID0000000", "left_ID0000001"] == 0
    assert edges["stage-in", "left_ID0000001"] == 1011


def at_path(data, path):
    for key in path:
        data = data[key]
    return data


SPEC, RUN = ("workflow", "specification"), ("workflow", "execution")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("schemaVersion",), "1.3", "schemaVersion must be one of 1.4, 1.5, 1.6, got '1.3'"),
        (("schemaVersion",), 1.5, "got 1.5"),
        ((*SPEC, "tasks"), [], "specification.tasks is empty"),
        ((*SPEC, "tasks", 1, "id"), "split", "tasks[1].id: 'split' occurs twice"),
        ((*SPEC, "tasks", 1, "parents"), ["splt"], "did you mean 'split'"),
        ((*SPEC, "tasks", 1, "parents"), "split", "tasks[1].parents must be a list"),
        ((*SPEC, "tasks", 1, "parents"), ["left"], "its own parent"),
        ((*SPEC, "tasks", 0, "parents"), ["merge"], "cycle"),
        ((*SPEC, "tasks", 1, "inputFiles"), ["none"], "tasks[1].inputFiles[0]: unknown file"),
        ((*SPEC, "tasks", 1, "outputFiles"), ["none"], "tasks[1].outputFiles[0]: unknown file"),
        ((*SPEC, "files", 1, "id"), "input.txt", "files[1].id: 'input.txt' occurs twice"),
        ((*SPEC, "files", 1, "sizeInBytes"), -1, "files[1].sizeInBytes of 'conf' must be"),
        ((*SPEC, "files", 1, "sizeInBytes"), "10", "got '10'"),
        ((*RUN, "tasks", 1, "runtimeInSeconds"), -1, "runtimeInSeconds of 'right' must be"),
        ((*RUN, "tasks", 1, "runtimeInSeconds"), None, "got null"),
        ((*RUN, "tasks", 1, "id"), "lft", "unknown task 'lft'"),
        ((*RUN, "tasks", 1, "memoryInBytes"), "big", "tasks[1].memoryInBytes must be"),
        ((*RUN, "tasks", 1, "coreCount"), -2, "tasks[1].coreCount must be"),
        ((*RUN, "machines"), {}, "execution.machines must be a list"),
        ((*RUN, "machines", 0, "cpu"), 3, "machines[0].cpu must be a mapping"),
        (RUN, [], "workflow.execution must be a mapping"),
    ],
)  # fmt: skip
def test_broken_workflows_are_named(path, value, words):
    data = wfcommons_15()
    at_path(data, path[:-1])[path[-1]] = value
    assert words in refusal(data)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (RUN, "workflow.execution is missing, so the tasks have no runtimes"),
        (SPEC, "the field 'specification' is missing"),
        ((*SPEC, "files"), "unknown file 'input.txt'"),
        ((*SPEC, "tasks"), "the field 'tasks' is missing"),
        ((*SPEC, "tasks", 0, "id"), "tasks[0]: the field 'id' is missing"),
        ((*RUN, "tasks", 0), "workflow.execution.tasks has no runtime for task 'merge'"),
        ((*RUN, "tasks", 0, "runtimeInSeconds"), "the field 'runtimeInSeconds' is missing"),
    ],
)
def test_missing_parts_of_workflows_are_named(path, words):
    data = wfcommons_15()
    del at_path(data, path[:-1])[path[-1]]
    assert words in refusal(data)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ((), [], "workflow.tasks is empty"),
        ((0, "name"), "splt", "unknown task 'split'; did you mean 'splt'"),
        ((1, "parents"), ["nobody"], "tasks[1].parents[0]: unknown task 'nobody'"),
        ((1, "runtimeInSeconds"), "3", "tasks[1].runtimeInSeconds of 'left_ID0000001' must be"),
        ((1, "files", 0, "link"), "both", "files[0].link must be 'input' or 'output', got 'both'"),
        ((1, "files", 0, "sizeInBytes"), -3, "files[0].sizeInBytes must be"),
        ((1, "files"), "x", "tasks[1].files must be a list"),
        ((1, "cores"), "x", "tasks[1].cores must be"),
    ],
)
def test_broken_14_workflows_are_named(path, value, words):
    data = wfcommons_14()
    if not path:
        data["workflow"]["tasks"] = value
    else:
        at_path(data["workflow"]["tasks"], path[:-1])[path[-1]] = value
    assert words in refusal(data)


# ----- the store ---------------------------------------------------------------------------------
def test_the_store_joins_a_star_at_its_switch():
    star = Cluster.star("s", [Node("a"), Node("b"), Node("c")], 1e6, 1e-3)
    cluster = add_storage(star)
    assert cluster.nodes[3].kind == "storage" and cluster.links[:6] == star.links
    names = [x.name for x in cluster.links]
    route = {pair: [names[x] for x in r] for pair, r in cluster.routes.items()}
    assert route[3, 0] == ["storage-out", "switch->a"]
    assert route[1, 3] == ["b->switch", "storage-in"]
    assert all(cluster.routes[pair] == star.routes[pair] for pair in star.routes)
    out = cluster.links[names.index("storage-out")]
    assert (out.bandwidth, out.latency_s) == (STORAGE_BANDWIDTH, STORAGE_LATENCY_S)


def test_the_store_stands_beside_the_entry():
    nodes = [Node("pi"), Node("head", labels=("entry",)), Node("xeon")]
    cables = [
        Connection("pi", "office", 1e6),
        Connection("head", "rack", 1e9),
        Connection("xeon", "rack", 1e9),
        Connection("office", "rack", 1e7, 1e-3),
    ]
    cluster = add_storage(Cluster.connect("lab", nodes, cables, ["office", "rack"]))
    names = [x.name for x in cluster.links]
    route = {pair: [names[x] for x in r] for pair, r in cluster.routes.items()}
    assert route[3, 0] == ["storage-out", "rack->office", "office->pi"]
    assert route[0, 3] == ["pi->office", "office->rack", "storage-in"]
    assert route[3, 1] == ["storage-out", "rack->head"]
    assert route[2, 3] == ["xeon->rack", "storage-in"]
    assert load(wfcommons_15()).on(cluster).problem().n_nodes == 4


def test_without_a_switch_the_store_hangs_on_the_entry():
    rates = [[None, 1e3, 2e3], [3e3, None, 4e3], [5e3, 6e3, None]]
    cluster = add_storage(Cluster.mesh("m", [Node("a"), Node("b"), Node("c")], rates))
    reach = load(wfcommons_15()).on(cluster).problem().arrays.route_bandwidth
    assert reach[3, :3].tolist() == [STORAGE_BANDWIDTH, 1e3, 2e3]  # over a
    assert reach[:3, 3].tolist() == [STORAGE_BANDWIDTH, 3e3, 5e3]


def test_the_store_of_one_node_two_nodes_and_a_cluster_that_has_one():
    alone = add_storage(Cluster("one", (Node("a"),)))
    assert (alone.routes[1, 0], alone.routes[0, 1]) == ((0,), (1,))
    two = Cluster.connect("two", [Node("a"), Node("b")], [Connection("a", "b", 7.0)])
    cluster = add_storage(two)
    assert (cluster.routes[2, 0], cluster.routes[2, 1]) == ((2,), (2, 0))
    assert (cluster.routes[0, 2], cluster.routes[1, 2]) == ((3,), (1, 3))
    assert add_storage(cluster) is cluster
    named = add_storage(Cluster.star("s", [Node("storage"), Node("b")], 1.0))
    assert [n.name for n in named.nodes] == ["storage", "b", "storage-2"]


def test_a_shared_medium_stays_shared():
    cables = [Connection(n, "hub", 1e6, duplex="half") for n in "abc"]
    cluster = add_storage(Cluster.connect("radio", [Node(n) for n in "abc"], cables, ["hub"]))
    assert cluster.routes[3, 0] == (3, 0) and cluster.routes[0, 3] == (0, 4)


# ----- anything may come -------------------------------------------------------------------------
def survives(path) -> None:
    """It loads, it is refused in one sentence that names the file, or it is of another format."""
    try:
        scenario = sniff_and_load(path)
    except AlloclabError as error:
        text = str(error)
        assert text.startswith(str(path)) and "\n" not in text and len(text) < 1500, text[:300]
        return
    if scenario is not None:
        try:
            scenario.problem()
        except AlloclabError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_broken_trees_never_raise_anything_else(tmp_path_factory, name, seed):
    luck = random.Random(seed)
    path = tmp_path_factory.getbasetemp() / f"tree-{name}.json"
    path.write_text(dump(break_tree(FILES[name](), luck)), encoding="utf-8")
    survives(path)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_broken_bytes_never_raise_anything_else(tmp_path_factory, name, seed):
    path = tmp_path_factory.getbasetemp() / f"bytes-{name}.json"
    path.write_bytes(break_text(dump(FILES[name]()), random.Random(seed)))
    survives(path)


def test_the_breaking_breaks():
    """Guards the two tests above: most broken trees are refused, some still load."""
    refused = 0
    for seed in range(200):
        try:
            load(break_tree(wfcommons_15(), random.Random(seed))).problem()
        except (AlloclabError, AssertionError):
            refused += 1
    assert 60 < refused < 190


def test_the_page_on_importers_is_right():
    page = (Path(__file__).parents[2] / "docs" / "importers.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(python|json)\n(.*?)```", page, re.DOTALL))
    assert load(json.loads(blocks["json"])).problem().n_tasks == 2
    exec(compile(blocks["python"], "importers.md", "exec"), {})


def test_a_trace_runs_as_worked_out_by_hand():
    """One CPU beside the store; its link takes 0.5 ms + 1000 B / 1.25 GB/s for the first input.

    The other inputs from the store are there long before they are wanted, everything else is
    local: 4 + 10 + 2.5 + 0 seconds of work follow.
    """
    scenario = replace(load(wfcommons_15()).on(Cluster("one", (Node("cpu"),))), network="ideal")
    problem = scenario.problem()
    allocation = Allocation.of(problem, [1, 0, 0, 0, 0])
    trace = simulate(problem, allocation, engine="reference")
    assert trace.makespan == pytest.approx(0.0005 + 1000 / 1.25e9 + 16.5, rel=1e-12)
