"""WfCommons traces: what tasks, files and dependencies become, and where the store stands."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scenarios.importers.storage import STORAGE_BANDWIDTH, STORAGE_LATENCY_S, add_storage
from simulator.cluster import Cluster, Connection, Node
from tests.scenarios.foreign import (
    FILES,
    FLOWS,
    JOBS,
    STAGED,
    dump,
    wfcommons_14,
    wfcommons_15,
)
from tests.scenarios.test_importers import load, refusal

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
