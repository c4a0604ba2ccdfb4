"""Traces: rows, files, measured runs, and a million rows at once."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulator import (
    SEMANTICS,
    Allocation,
    AlloclabError,
    Arrivals,
    Cluster,
    Dynamics,
    Edge,
    Join,
    Node,
    Outage,
    Problem,
    Stream,
    Task,
    TaskGraph,
    Trace,
    Variant,
    simulate,
)
from simulator.check import assert_valid, check_trace
from simulator.frames import TASK_STATES
from simulator.realisation import Realisation
from simulator.runlog import RunLog


def task(name: str, seconds: float, join: Join | None = None) -> Task:
    return Task(name, (Variant("m", seconds={"*": seconds}),), join or Join())


def problem(network: str = "fifo", requests: int = 3) -> Problem:
    """Camera frames pass a cascade with an outage; a background task of its own stream."""
    camera = TaskGraph(
        (task("detect", 1.0), task("refine", 2.0), task("plan", 0.5)),
        (
            Edge("detect", "refine", 4.0, "crop", probability=0.5, branch="unsure"),
            Edge("detect", "plan", 1.0, "boxes"),
            Edge("refine", "plan", 2.0, "details"),
            Edge("plan", "detect", 0.0, "state", lag=1),
        ),
    )
    nodes = (Node("edge", slots=2), Node("cloud", speed=2.0, wake_s=0.25))
    return Problem(
        Cluster.star("c", nodes, 2.0, 0.125),
        (
            Stream("camera", camera, Arrivals("constant", rate=0.5), requests=requests),
            Stream("background", TaskGraph((task("work", 3.0),)), class_=1),
        ),
        network=network,
        dynamics=Dynamics((Outage("edge", 0.5, 1.5),)),
        name="cascade",
    )


def run(network: str = "fifo", seed: int = 0) -> Trace:
    p = problem(network)
    base = Allocation.of(p, [0, 1, 0, 0])
    allocation = Allocation(base.placements, {"scheduler": "by hand", "seed": 3})
    trace = simulate(p, allocation, engine="reference", seed=seed)
    assert_valid(trace)
    return trace


def test_there_is_a_row_for_each_execution_and_each_task_that_never_finished() -> None:
    trace = run()
    tasks, log = trace.tasks, trace.log
    assert list(tasks.columns[:8]) == ["request", "stream", "task", "variant", "node", "slot",
                                       "attempt", "ready"]  # fmt: skip
    assert (tasks.state == "finished").sum() == (log.state == 2).sum()
    assert (tasks.state == "interrupted").sum() == len(log.attempts[0]) > 0
    assert (tasks.state == "skipped").sum() == (log.state == 3).sum() > 0
    assert not tasks[tasks.state == "skipped"][["start", "finish"]].notna().any().any()
    assert set(tasks.state.cat.categories) == set(TASK_STATES)
    again = tasks[(tasks.request == 0) & (tasks.task == "detect")]
    assert again.attempt.tolist() == [1, 2]
    assert again.state.tolist() == ["interrupted", "finished"]
    keys = tasks[["request", "task", "attempt"]].copy()
    assert not keys.duplicated().any()
    assert (tasks.request.diff().fillna(0) >= 0).all()


def test_there_is_a_row_for_each_message_with_its_route() -> None:
    trace = run()
    messages = trace.messages
    assert len(messages) == int(trace.record.sent.sum())
    crop = messages[messages.edge == "crop"].iloc[0]
    assert (crop.src, crop.dst, crop.src_node, crop.dst_node) == ("detect", "refine", "edge",
                                                                  "cloud")  # fmt: skip
    assert crop.route == "edge->switch > switch->cloud"
    assert crop.bytes == 4.0
    # two links of 2 bytes/s and 1/8 s each, and 1/4 s until the cloud notices
    assert crop.finish - crop.start == 2 * (4 / 2 + 0.125) + 0.25
    state = messages[messages.edge == "state"]
    assert (state.to_request > state.request).all(), "a lag leads to a later request"
    assert (messages[messages.src_node == messages.dst_node].route == "").all()
    hops = trace.hops
    assert hops[hops.edge == "crop"].link.tolist()[:2] == ["edge->switch", "switch->cloud"]


def test_edges_of_one_label_stay_apart() -> None:
    graph = TaskGraph((task("a", 1.0), task("b", 1.0)), (Edge("a", "b", 1.0), Edge("a", "b", 2.0)))
    p = Problem(Cluster("c", (Node("n"),)), (Stream("s", graph),))
    trace = simulate(p, Allocation.of(p, [0, 0]), engine="reference")
    assert trace.edge_names == ("a -> b", "a -> b #2")
    assert trace.messages.bytes.tolist() == [1.0, 2.0]


def test_a_lost_task_is_a_row_without_times() -> None:
    p = Problem(
        Cluster("c", (Node("n"),)), (Stream("s", TaskGraph((task("t", 2.0),))),),
        dynamics=Dynamics((Outage("n", 1.0),)),
    )  # fmt: skip
    trace = simulate(p, Allocation.of(p, [0]), engine="reference")
    assert trace.tasks.state.tolist() == ["interrupted", "lost"]
    assert np.isnan(trace.makespan)
    assert "0 of 1 completed" in repr(trace)


def test_a_trace_says_where_it_comes_from() -> None:
    trace = run()
    assert (trace.engine, trace.semantics, trace.seed) == ("reference", SEMANTICS, 0)
    assert set(trace.versions) == {"alloclab", "python", "numpy"}
    for text in (repr(trace), trace._repr_html_()):
        for word in ("cascade", "by hand", "reference", "makespan", "4 of 4 completed"):
            assert word in text


def test_csv_and_parquet_keep_every_value(tmp_path: Path) -> None:
    trace = run()
    trace.to_csv(tmp_path / "new" / "csv")
    trace.to_parquet(tmp_path / "parquet")
    for name in ("tasks", "messages", "hops"):
        frame = getattr(trace, name)
        text = pd.read_csv(tmp_path / "new" / "csv" / f"{name}.csv", keep_default_na=True)
        packed = pd.read_parquet(tmp_path / "parquet" / f"{name}.parquet")
        pd.testing.assert_frame_equal(packed, frame)
        for column in frame.columns:
            if frame[column].dtype.kind == "f":
                np.testing.assert_array_equal(text[column], frame[column])


@pytest.mark.parametrize("network", ["ideal", "fifo", "fair"])
def test_saved_and_loaded_is_the_same_to_the_last_bit(tmp_path: Path, network: str) -> None:
    trace = run(network)
    trace.save(tmp_path / "saved")
    back = Trace.load(tmp_path / "saved")
    assert trace.log.first_difference(back.log) is None
    assert back.allocation == trace.allocation and back.allocation.note["seed"] == 3
    assert (back.engine, back.semantics, back.seed) == (trace.engine, trace.semantics, trace.seed)
    assert dict(back.metrics()) == dict(trace.metrics())
    again = simulate(back.problem, back.allocation, engine="reference", seed=back.seed)
    assert again.log.first_difference(trace.log) is None, "the problem came back whole"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read as a saved trace"),
        ('{"format": "other"}', "its format is not 'alloclab-trace/1'"),
        ('{"format": "alloclab-trace/1"}', "cannot be read as a saved trace"),
        ("[1]", "its format"),
    ],
)
def test_a_folder_without_a_trace_is_refused_by_name(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "trace.json").write_text(content, encoding="utf-8")
    with pytest.raises(AlloclabError, match=said) as error:
        Trace.load(tmp_path)
    assert "trace.json" in str(error.value)
    with pytest.raises(AlloclabError):
        Trace.load(tmp_path / "nowhere")


def test_a_saved_trace_cannot_name_other_classes(tmp_path: Path) -> None:
    run().save(tmp_path)
    head = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    head["problem"]["cluster"]["is"] = "Path"
    (tmp_path / "trace.json").write_text(json.dumps(head), encoding="utf-8")
    with pytest.raises(AlloclabError, match="Path"):
        Trace.load(tmp_path)


# ----- measured runs ----------------------------------------------------------------------------
@pytest.mark.parametrize("network", ["ideal", "fifo", "fair"])
def test_the_tables_of_a_run_make_the_same_run_again(network: str) -> None:
    trace = run(network)
    back = Trace.measured(
        trace.problem, trace.allocation, trace.realisation, trace.tasks, trace.messages
    )
    for name in ("ready", "start", "finish", "slot", "state", "delivered", "used", "arrival",
                 "completed"):  # fmt: skip
        want, got = getattr(trace.log, name), getattr(back.log, name)
        if name == "slot":
            want = np.where(trace.log.state == 2, want, -1)
            got = np.where(trace.log.state == 2, got, -1)
        np.testing.assert_array_equal(got, want, err_msg=name)
    assert back.is_measured and not trace.is_measured
    assert check_trace(back) == []
    assert back.metrics()["makespan"] == trace.metrics()["makespan"]


def stop_watch(late: float = 0.0) -> Trace:
    """A chain of two tasks on two nodes, as a real run would write it down."""
    graph = TaskGraph((task("a", 1.0), task("b", 1.0)), (Edge("a", "b", 8.0),))
    p = Problem(Cluster.mesh("c", [Node("x"), Node("y")], 8.0), (Stream("s", graph),))
    luck = Realisation(np.zeros(1), np.zeros(1, np.int64))
    tasks = {"request": [0, 0], "task": ["a", "b"], "start": [0.01, 2.2 + late],
             "finish": [1.1, 3.3 + late], "cpu_s": [0.99, 1.05]}  # fmt: skip
    messages = {"request": [0], "edge": ["a -> b"], "finish": [2.15]}
    return Trace.measured(p, Allocation.of(p, [0, 1]), luck, tasks, messages)


def test_a_measured_run_is_certified_within_its_overheads() -> None:
    trace = stop_watch()
    assert trace.engine == "realrun"
    assert trace.log.ready.tolist() == [[0.0, 2.15]]
    assert trace.makespan == 3.3
    assert trace.tasks.cpu_s.tolist() == [0.99, 1.05]
    assert check_trace(trace, slack_s=0.1) == []
    assert {v.rule for v in check_trace(trace, slack_s=0.001)} == {"idle"}
    assert {v.rule for v in check_trace(stop_watch(late=-0.5), slack_s=0.1)} >= {"ready"}


def test_a_measured_run_is_saved_with_what_was_observed(tmp_path: Path) -> None:
    stop_watch().save(tmp_path)
    back = Trace.load(tmp_path)
    assert back.is_measured
    assert back.tasks.cpu_s.tolist() == [0.99, 1.05]


@pytest.mark.parametrize(
    ("tasks", "messages", "said"),
    [
        ({"task": ["a", "c"]}, {}, "unknown task 'c'"),
        ({"request": [0, 1]}, {}, "there is no request 1, only 0..0"),
        ({"finish": [0.5, 0.1]}, {}, "'b' of request 0 starts at"),
        ({"task": ["a", "a"]}, {}, "two rows for task 'a' of request 0"),
        ({"start": None}, {}, "the column 'start' is missing"),
        ({"state": ["finished", "done"]}, {}, "unknown state 'done'"),
        ({}, {"edge": ["b -> a"]}, "unknown edge 'b -> a'"),
        ({"state": ["lost", "lost"]}, {}, "'a -> b' of request 0 cannot have been sent"),
    ],
)
def test_rows_that_make_no_run_are_refused(
    tasks: dict[str, Any], messages: dict[str, Any], said: str
) -> None:
    true = stop_watch()
    rows = {"request": [0, 0], "task": ["a", "b"], "start": [0.0, 2.0], "finish": [1.0, 3.0]}
    rows = {k: v for k, v in {**rows, **tasks}.items() if v is not None}
    sent = {"request": [0], "edge": ["a -> b"], "finish": [2.0], **messages}
    with pytest.raises(AlloclabError, match=said):
        Trace.measured(true.problem, true.allocation, true.realisation, rows, sent)


# ----- size ---------------------------------------------------------------------------------
def long_run(n_requests: int, n_tasks: int) -> Trace:
    """A chain, one request after the other on one node: a run log written with whole arrays."""
    graph = TaskGraph(
        tuple(task(f"t{i}", 1.0) for i in range(n_tasks)),
        tuple(Edge(f"t{i}", f"t{i + 1}", 8.0) for i in range(n_tasks - 1)),
    )
    p = Problem(
        Cluster("c", (Node("n"),)),
        (Stream("s", graph, Arrivals("constant", rate=1.0 / n_tasks), requests=n_requests),),
    )
    finish = 1.0 + np.arange(n_requests * n_tasks, dtype=np.float64).reshape(n_requests, n_tasks)
    shape = finish.shape
    nothing = (*(np.empty(0, np.int64) for _ in range(3)), np.empty(0), np.empty(0))
    log = RunLog(
        ready=finish - 1, start=finish - 1, finish=finish, slot=np.zeros(shape, np.int64),
        state=np.full(shape, 2, np.int8), delivered=finish[:, :-1].copy(),
        used=np.ones((n_requests, n_tasks - 1), np.int8), arrival=finish[:, 0] - 1,
        completed=finish[:, -1].copy(), attempts=nothing, hops=nothing,
    )  # fmt: skip
    luck = Realisation(finish[:, 0] - 1, np.zeros(n_requests, np.int64))
    return Trace(p, Allocation.of(p, [0] * n_tasks), luck, log, "kernel")


def test_rows_are_made_without_a_loop_over_rows() -> None:
    """Ten times the requests must not mean ten times the bytecode: count the calls made."""

    def calls(trace: Trace) -> int:
        count = 0

        def note(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += event == "call"

        sys.setprofile(note)
        try:
            _ = trace.tasks, trace.messages, trace.metrics()
        finally:
            sys.setprofile(None)
        return count

    small, large = long_run(50, 20), long_run(2000, 20)
    calls(long_run(50, 20))  # imports
    few, many = calls(small), calls(large)
    assert len(large.tasks) == 40_000
    assert many < 1.2 * few
    assert large.metrics().throughput == pytest.approx(1 / 20)
    assert check_trace(small) == []


def test_importing_traces_loads_no_heavy_library() -> None:
    code = (
        "import sys, simulator.trace, simulator.metrics, simulator.gantt, simulator.perfetto; "
        "assert not {'pandas', 'matplotlib', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_changed_log_gives_other_metrics() -> None:
    """Nothing derived is remembered across traces."""
    trace = run()
    later = replace(trace, log=replace(trace.log, completed=trace.log.completed + 1.0))
    assert later.makespan == trace.makespan + 1.0
    assert later.metrics().makespan == trace.metrics().makespan + 1.0
