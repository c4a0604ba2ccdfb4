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
from scenarios.scenario import Scenario
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Node
from simulator.engines import simulate
from simulator.errors import AlloclabError, InvalidScenario, UnknownName
from tests.scenarios.foreign import (
    FILES,
    INSTANCE,
    break_text,
    break_tree,
    dump,
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
