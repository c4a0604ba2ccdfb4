"""Chrome and torch.profiler traces: durations by hand, and scenarios that take them."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from scenarios import load
from scenarios.importers.chrome import load as parse
from scenarios.importers.chrome import read_durations, sniff
from scenarios.loader import parse_scenario
from simulator.allocation import Allocation
from simulator.engines import simulate
from simulator.errors import AlloclabError, InvalidScenario, UnknownName
from tests.scenarios.test_cli import run  # noqa: F401  (a fixture)


def x(name, dur, cat="", pid=1, ts=0.0, **args):
    return {
        "ph": "X",
        "name": name,
        "cat": cat,
        "pid": pid,
        "tid": 1,
        "ts": ts,
        "dur": dur,
        "args": args,
    }


TORCH = {
    "schemaVersion": 1,
    "deviceProperties": [{"id": 0, "name": "NVIDIA H100"}],
    "traceEvents": [
        {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "python"}},
        x("aten::linear", 40.0, "cpu_op"),
        x("aten::linear", 60.0, "cpu_op"),
        x("detect", 500.0, "user_annotation"),
        x("detect", 900.0, "gpu_user_annotation", pid=0, device=0),
        x("detect", 1100.0, "gpu_user_annotation", pid=0, device=0),
        x("track", 3000.0, "user_annotation"),
        x("track", 5000.0, "user_annotation"),
        x("track", 4000.5, "user_annotation"),
        x("sgemm", 800.0, "kernel", pid=0, device=0),
        {"ph": "s", "id": 1, "pid": 1, "tid": 1, "ts": 0, "name": "ac2g", "cat": "ac2g"},
    ],
}
"""By hand: ``detect`` takes 1.0 ms on the GPU, ``track`` 4.0005 ms on the CPU (medians)."""

SCENARIO = {
    "alloclab": 1,
    "cluster": {
        "nodes": {"host": {"kind": "cpu"},
                  "card": {"kind": "gpu"}, "spare": {"kind": "cpu", "speed": 2}},
        "star": {"bandwidth": "1 GB/s"},
    },
    "streams": {
        "s": {
            "tasks": {
                "detect": {"duration": {"cpu": "20 ms", "gpu": "2 ms"}},
                "track": {"duration": "10 ms"},
                "plan": {"duration": "1 ms"},
            },
            "edges": {"a": "detect -> track", "b": "track -> plan"},
        }
    },
}  # fmt: skip


def scenario():
    return parse_scenario(json.loads(json.dumps(SCENARIO)), "s.yaml")


# ----- reading -----------------------------------------------------------------------------------
def test_torch_traces_by_name_device_and_category():
    table = parse(TORCH, "t.json")
    rows = {(r["name"], r["device"]): r for r in table.frame.to_dict("records")}
    assert rows["aten::linear", "cpu"]["count"] == 2
    assert rows["aten::linear", "cpu"]["median_s"] == pytest.approx(50e-6)
    assert rows["detect", "cuda:0"]["mean_s"] == pytest.approx(1e-3)
    assert rows["track", "cpu"]["median_s"] == pytest.approx(4.0005e-3)
    assert rows["track", "cpu"]["total_s"] == pytest.approx(12.0005e-3)
    assert rows["sgemm", "cuda:0"]["max_s"] == pytest.approx(0.8e-3)
    assert table.frame.name[0] == "track"  # the most seconds first
    assert table.devices == ("cpu", "cuda:0")


def test_begin_and_end_pairs_nest_by_thread():
    def e(ph, ts, name=None, tid=1):
        return {"ph": ph, "pid": 7, "tid": tid, "ts": ts} | ({"name": name} if name else {})

    events = [e("B", 0, "outer"), e("B", 10, "inner"), e("B", 5, "other", 2), e("E", 25),
              e("E", 105, tid=2), e("E", 100)]  # fmt: skip
    table = parse(events, "t.json")
    got = {name: values for (name, device, _), values in table.samples.items()}
    assert got == {"inner": (15e-6,), "other": (100e-6,), "outer": (100e-6,)}
    assert table.devices == ("process 7",) and sniff(events) and not sniff([1]) and not sniff({})


def test_packed_files_and_process_names(tmp_path):
    data = {"traceEvents": [
        {"ph": "M", "name": "process_name", "pid": 3, "args": {"name": "worker"}},
        x("a", 2, pid=3), x("a", 4, pid=3, state="interrupted"),
    ]}  # fmt: skip
    path = tmp_path / "t.json.gz"
    path.write_bytes(gzip.compress(json.dumps(data).encode()))
    assert read_durations(path).samples == {("a", "worker", ""): (2e-6,)}
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InvalidScenario, match="cannot be unpacked"):
        read_durations(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "the field 'traceEvents' is missing"),
        ({"traceEvents": 3}, "traceEvents must be a list, got 3"),
        ({"traceEvents": [3]}, "traceEvents[0] must be a mapping, got 3"),
        ({"traceEvents": []}, "the trace has no event with a duration"),
        ({"traceEvents": [x("a", "1")]}, "traceEvents[0]: dur must be a number, got '1'"),
        ({"traceEvents": [x("a", -1)]}, "dur must be finite and >= 0, got -1"),
        ({"traceEvents": [x("", 1)]}, "name must be a text, got ''"),
        ({"traceEvents": [{"ph": "E", "ts": 1}]}, "an end (E) without a beginning"),
        ({"traceEvents": [{"ph": "B", "name": "a"}]}, "the field 'ts' is missing"),
        ({"traceEvents": [{"ph": "B", "ts": 2}, {"ph": "E", "ts": 1}]}, "before it begins"),
    ],
)
def test_broken_traces_are_refused(data, words):
    with pytest.raises(InvalidScenario) as caught:
        parse(data, "t.json")
    assert str(caught.value).startswith("t.json: ") and words in str(caught.value)


# ----- taking them -------------------------------------------------------------------------------
def test_a_scenario_plans_and_simulates_with_measured_durations():
    measured, remarks = parse(TORCH, "t.json").assign(scenario())
    problem = measured.problem()
    seconds = problem.seconds[:, 0, :]
    host, card, spare = (problem.node_index[n] for n in ("host", "card", "spare"))
    detect, track, plan = range(3)
    # on the GPU as measured; its launch on the CPU is no duration of the CPU
    assert seconds[detect, card] == pytest.approx(1e-3)
    assert seconds[detect, host] == 0.02 and seconds[detect, spare] == 0.01
    assert seconds[track, host] == seconds[track, spare] == pytest.approx(4.0005e-3)
    assert seconds[track, card] == 0.01 and (seconds[plan] == [1e-3, 1e-3, 0.5e-3]).all()
    trace = simulate(problem, Allocation.of(problem, [card, host, host]), seed=0)
    assert trace.makespan == pytest.approx(1e-3 + 4.0005e-3 + 1e-3)
    assert "detect: measured on card" in remarks
    assert "plan: not in the trace, keeps its own durations" in remarks
    assert measured.facts["durations"] == "median of t.json, 2 measured"


def test_names_and_devices_may_be_told():
    table = parse(TORCH, "t.json")
    measured, _ = table.assign(
        scenario(), {"plan": "aten::linear"}, {"cpu": "spare", "cuda:0": "host"}, "mean"
    )
    problem = measured.problem()
    seconds = {t: problem.seconds[i, 0] for i, t in enumerate(problem.task_names)}
    assert seconds["plan"][problem.node_index["spare"]] == pytest.approx(50e-6)
    assert seconds["plan"][problem.node_index["host"]] == 1e-3
    assert seconds["detect"][problem.node_index["host"]] == pytest.approx(1e-3)


def test_an_average_request_takes_the_measured_duration():
    """Durations scale with tokens; the trace holds those of average requests."""
    data = json.loads(json.dumps(SCENARIO))
    stream = data["streams"]["s"]
    stream["sizes"] = {"tokens": {"uniform": {"low": 10, "high": 50}, "nominal": 10}}
    stream["tasks"]["track"]["scale_with"] = "tokens"
    measured, _ = parse(TORCH, "t.json").assign(parse_scenario(data, "s.yaml"))
    problem = measured.problem()
    assert problem.seconds[1, 0, problem.node_index["host"]] == pytest.approx(4.0005e-3)


def test_models_that_are_computed_keep_their_estimates_elsewhere():
    """A variant with FLOPs gets seconds: measured where measured, computed elsewhere."""
    original = load("translation")
    before = original.problem()
    task = before.task_names[0]
    name = before.variant_names[0][0]
    node = next(n.name for n in original.cluster.nodes if n.kind != "storage")
    table = parse([x(name, 1234.0, pid=1)], "t.json")
    measured, _ = table.assign(original, {}, {"process 1": node})
    after = measured.problem()
    assert measured.fixed_cluster
    at = before.node_index[node]
    assert after.seconds[0, 0, at] == pytest.approx(1234e-6), task
    changed = before.seconds.copy()
    changed[0, 0, at] = after.seconds[0, 0, at]
    np.testing.assert_allclose(after.seconds, changed, rtol=1e-12)


def test_a_trace_of_our_own_gives_the_durations_back(tmp_path):
    """alloclab's own Perfetto file names nodes and tasks, so nothing needs to be told."""
    problem = scenario().problem()
    where = [problem.node_index[n] for n in ("card", "host", "spare")]
    simulate(problem, Allocation.of(problem, where), seed=0).to_perfetto(tmp_path / "t.json")
    blank = json.loads(json.dumps(SCENARIO))
    for task in blank["streams"]["s"]["tasks"].values():
        task["duration"] = "1 s"
    table = read_durations(tmp_path / "t.json")
    measured, _ = table.assign(parse_scenario(blank, "s.yaml"))
    again = measured.problem()
    for t, n in enumerate(where):
        assert again.seconds[t, 0, n] == pytest.approx(problem.seconds[t, 0, n], rel=1e-9)


def test_what_does_not_fit_is_named():
    table = parse(TORCH, "t.json")
    for arguments, words in (
        (({"trak": "detect"},), "unknown task 'trak'; did you mean 'track'"),
        (({"track": "detct"},), "t.json: unknown name 'detct'; did you mean 'detect'"),
        (({}, {"cuda:1": "card"}), "t.json: unknown device 'cuda:1'; did you mean 'cuda:0'"),
        (({}, {"cpu": "hots"}), "unknown node, device, kind or label 'hots'; did you mean 'host'"),
        (({}, {}, "average"), "unknown statistic 'average'"),
    ):
        with pytest.raises(UnknownName, match=None) as caught:
            table.assign(scenario(), *arguments)
        assert words in str(caught.value)
    with pytest.raises(InvalidScenario, match=r"none of its names is that of a task \(detect"):
        parse([x("other", 1)], "t.json").assign(scenario())
    with pytest.raises(InvalidScenario, match=r"none of its devices \(process 1\) means a node"):
        parse([x("detect", 1)], "t.json").assign(scenario())


def test_the_verb(run, tmp_path):  # noqa: F811
    trace = tmp_path / "t.json"
    trace.write_text(json.dumps(TORCH))
    base = tmp_path / "s.json"
    base.write_text(json.dumps(SCENARIO))
    code, said, _ = run("durations", trace)
    assert code == 0 and "aten::linear" in said and "cuda:0" in said
    code, _, _ = run("durations", trace, "-o", tmp_path / "t.csv")
    assert code == 0 and (tmp_path / "t.csv").read_text().startswith("name,device,category,count,")
    out = tmp_path / "measured.yaml"
    code, said, _ = run("durations", trace, base, "--task", "plan=sgemm", "-o", out)
    assert code == 0 and "plan: measured on card" in said
    problem = load(out).problem()
    assert problem.seconds[2, 0, problem.node_index["card"]] == pytest.approx(0.8e-3)
    code, _, err = run("durations", trace, base, "--task", "plan")
    assert code == 2 and "--task must read A=B, got 'plan'" in err
    code, _, err = run("durations", trace, "--task", "a=b")
    assert code == 2 and "need a scenario" in err


def test_two_hundred_broken_files_give_one_sentence_each(tmp_path):
    from tests.importers.malformed import broken_json

    refused = 0
    for i, text in enumerate(broken_json(TORCH, 200)):
        path = tmp_path / f"{i}.json"
        path.write_bytes(text)
        try:
            read_durations(path)
        except AlloclabError as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert refused >= 40
