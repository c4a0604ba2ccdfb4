"""Tables, files and pictures of a validation, and the list of validated hardware."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from io import StringIO

import pytest
from rich.console import Console

from realrun.validate import matrix
from realrun.validate.charts import gantts, perfetto
from realrun.validate.choice import choose
from realrun.validate.report import Report, percent, tables
from realrun.validate.validation import Subject, validate
from tests.realrun.fake_runner import FakeMachine, problem, still


@dataclass(frozen=True)
class Worker:
    device: str = "cpu"
    threads: int = 1
    dtype: str = "fp32"
    slots: int = 1


@pytest.fixture(scope="module")
def report():
    given = problem(tasks=3)
    made = Subject("chain", "cpu:1,cpu:1", given, choose(given, {}, identical=[[0], [1]], most=4),
                   unlike=True)  # fmt: skip
    pairs = [
        validate(made, FakeMachine(bias=1.04, noise=0.01, late_s=0.001), still, 5),
        validate(replace(made, name="padded", emulated=True), FakeMachine(emulated=True), still, 5),
    ]
    return Report([p for p, _ in pairs], [s for _, s in pairs], {"command": "validate"})


def text_of(data):
    out = Console(file=StringIO(), width=160)
    for block in tables(data):
        out.print(block)
    return out.file.getvalue()


def test_the_report_is_json_that_others_can_read(report):
    from realrun.validate.report import to_json

    data = json.loads(to_json(report.to_dict()))
    assert data["command"] == "validate"
    assert data["rules_of_rejection"].startswith("(wall - CPU)/wall > 2 %")
    assert data["pooled"]["pipelines"] == ["chain on cpu:1,cpu:1"]
    assert data["pipelines"][0]["loads"]["light"]["mean_latency"]["wall_clock"]["bias"] < -0.03


def test_emulated_runs_have_tables_of_their_own(report):
    text = text_of(report.to_dict())
    assert "Errors, padded on cpu:1,cpu:1 (emulated" in text
    plain = text.split("(emulated")[0]
    assert "padded" not in plain.replace("Errors, padded", "")
    assert "4 of 8 distinct allocations, 4 not seen in harvesting; 40 runs, 0 % rejected" in text


def test_files_are_written(report, tmp_path):
    files = {p.name for p in report.write(tmp_path)}
    assert {"report.json", "runs.csv", "scatter.png", "gantt-chain-light.png",
            "gantt-padded-heavy.png", "both-chain.perfetto.json"} <= files  # fmt: skip
    with (tmp_path / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    assert {"predicted_makespan", "real_makespan", "rejected", "made_by"} <= set(rows[0])
    assert (tmp_path / "scatter.png").stat().st_size > 10_000


def test_one_perfetto_file_holds_both_runs_apart(report, tmp_path):
    case, real = report.sessions[0].shown["heavy"]
    perfetto({"simulated": case.predicted, "real": real}, tmp_path / "both.json")
    events = json.loads((tmp_path / "both.json").read_text())["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    kinds = {pid: name.split(":")[0] for pid, name in names.items()}
    assert set(kinds.values()) == {"simulated", "real"}
    tasks = [e for e in events if e.get("cat") == "task"]
    count = [sum(kinds[e["pid"]] == kind for e in tasks) for kind in ("simulated", "real")]
    assert count[0] == count[1] > 0
    flows = {e["id"]: set() for e in events if e.get("cat") == "message" and "id" in e}
    for e in events:
        if e.get("cat") == "message" and "id" in e:
            flows[e["id"]].add(kinds[e["pid"]])
    assert all(len(kinds_of) == 1 for kinds_of in flows.values())  # no arrow from one to the other


def test_both_gantt_charts_share_their_axis(report, tmp_path):
    case, real = report.sessions[0].shown["light"]
    gantts(case.predicted, real, tmp_path / "both.svg", "both")
    text = (tmp_path / "both.svg").read_text()
    assert "simulated: makespan" in text and "real: makespan" in text


def test_percent():
    assert [percent(0.01234), percent(-0.5, sign=True), percent(None), percent(float("nan"))] == [
        "1.2 %", "-50.0 %", "-", "-",
    ]  # fmt: skip


# ----- hardware -------------------------------------------------------------------------------
def test_parts_of_workers():
    workers = [
        Worker(),
        Worker(dtype="bf16"),
        Worker(),
        Worker("cuda:0", slots=3),
        Worker(threads=8),
    ]
    assert matrix.parts(workers) == ["cpu bf16", "cpu fp32", "cpu fp32 threads", "cuda fp32 slots"]


def test_identical_and_unlike_workers():
    workers = [Worker(), Worker(dtype="bf16"), Worker()]
    assert matrix.identical(workers) == [[0, 2], [1]]
    assert matrix.are_unlike(workers)
    assert not matrix.are_unlike(workers[::2])
    assert not matrix.are_unlike([Worker("cuda:0"), Worker("cuda:1")])


def test_one_line_outside_of_what_was_validated(monkeypatch):
    entry = {"parts": ["cpu bf16", "cpu fp32"], "transport": "shared", "devices": ["x"]}
    monkeypatch.setattr(matrix, "combinations", lambda: (entry,))
    pair = [Worker(dtype="bf16"), Worker()]
    assert matrix.outside(pair, "shared", ["x"]) is None
    assert matrix.outside(pair) is None
    assert "cpu bf16 + cpu fp32 over shared memory on y is outside" in matrix.outside(
        pair, "shared", ["y"]
    )
    assert "over distributed is outside" in matrix.outside(pair, "distributed")
    assert matrix.outside([Worker()]).count("\n") == 0


def test_the_packaged_list_can_be_read():
    for entry in matrix.combinations():
        assert {"parts", "transport", "devices", "date", "command", "pipelines"} <= set(entry)
