"""Every kind of report: self-contained, escaped, and with the numbers of its folder."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import study
from scenarios.report.page import plain
from scenarios.report.rendering import json_block
from simulator.charts.bars import executions, transfers
from simulator.trace import Trace
from tests.report.conftest import HOSTILE, Made


def test_nothing_is_loaded_from_anywhere(every: Made) -> None:
    assert every.page.loads
    assert all(value.startswith("#") for _, value in every.page.loads)
    assert not {"link", "img", "iframe", "object", "base"} & set(every.page.tags)
    assert "default-src 'none'" in every.html
    styles = every.html[every.html.index("<style>") : every.html.index("</style>")]
    assert "url(" not in styles and "@import" not in styles


def test_every_link_leads_somewhere(every: Made) -> None:
    targets = {value[1:] for tag, value in every.page.loads if tag == "a"}
    assert targets <= every.page.ids
    assert set(every.page.data["blocks"]) <= every.page.ids


def test_a_page_is_small_and_says_what_it_is(every: Made) -> None:
    assert len(every.html.encode()) < 15e6
    assert every.page.tags.count("h1") == 1
    assert "Where it comes from" in every.page.text
    assert every.page.text.count("NaN") == 0 and "None" not in every.page.text


# ----- names that are not names ------------------------------------------------------------------
def test_hostile_names_are_text_everywhere(attacked: Made) -> None:
    assert "onerror" in attacked.html  # it is there ...
    assert attacked.page.handlers == []  # ... and is no attribute,
    assert "img" not in attacked.page.tags  # no element,
    assert len([1 for given, _ in attacked.page.scripts if given.get("id") == "data"]) == 1
    gantt = attacked.page.block("Gantt chart")["panels"][0]
    assert gantt["tasks"][0] == HOSTILE  # and comes out as it was.
    assert HOSTILE.replace("\u2028", " ").split("\u2028")[0][:9] in attacked.page.text


def test_the_json_block_cannot_end_its_script() -> None:
    text = json_block({"a": HOSTILE, "</script>": "<!--"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": HOSTILE, "</script>": "<!--"}


def test_numbers_that_json_does_not_know() -> None:
    values = plain({"a": float("inf"), "b": [-float("inf"), float("nan")], "c": np.float64(2.5),
                    "d": np.array([1, 2]), "e": pd.NA, "f": pd.NaT, "g": True})  # fmt: skip
    assert values == {"a": "Infinity", "b": ["-Infinity", None], "c": 2.5, "d": [1, 2], "e": None,
                      "f": None, "g": True}  # fmt: skip


# ----- numbers of the folder ---------------------------------------------------------------------
def test_a_comparison_has_every_row_of_its_folder(comparison: Made) -> None:
    rows = pd.read_csv(comparison.folder / "rows.csv")
    shown = comparison.page.frame("All runs")
    assert len(shown) == len(rows) == 8
    for column, label in (("objective", "p99 latency"), ("makespan", "makespan"), ("seed", "seed")):
        assert shown[label].tolist() == rows[column].tolist()
    summary = json.loads((comparison.folder / "summary.json").read_text())
    table = comparison.page.frame("Results")
    assert table["scheduler"].tolist() == [row["scheduler"] for row in summary]
    assert table["vs best"].tolist() == [row["ratio"] for row in summary]
    bars = comparison.page.block("Objective by scheduler")["plots"][""]["series"][0]
    assert bars["x"] == [row["objective"] for row in summary]
    assert bars["high"] == [row["objective_max"] for row in summary]
    assert summary[0]["scheduler"] in comparison.page.text


def column(panel: dict, name: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(panel["columns"][name]), kind)


def intervals(panel: dict) -> set[tuple[float, float, int]]:
    return set(zip(column(panel, "start", "<f8").tolist(), column(panel, "end", "<f8").tolist(),
                   column(panel, "request", "<i4").tolist(), strict=True))  # fmt: skip


def test_the_gantt_chart_has_every_interval_to_the_last_bit(simulation: Made) -> None:
    trace = Trace.load(simulation.folder / "trace")
    (panel,) = simulation.page.block("Gantt chart")["panels"]
    wanted = {
        row
        for bars in (executions(trace), transfers(trace))
        for row in zip(bars.start.tolist(), bars.end.tolist(), bars.request.tolist(), strict=True)
    }
    assert intervals(panel) == wanted
    assert panel["count"] == panel["all"] == len(column(panel, "row", "<u2"))


def test_real_and_simulated_runs_stand_above_each_other(real_run: Made, validation: Made) -> None:
    entries = json.loads((validation.folder / "report.json").read_text())["traces"]
    first = entries[0]["folder"]
    for made, places in (
        (real_run, {"simulated": "traces/predicted", "real": "traces/real"}),
        (validation, {"simulated": f"{first}/simulated", "real": f"{first}/real"}),
    ):
        gantt = next(b for b in made.page.data["blocks"].values() if b["type"] == "gantt")
        assert [p["title"] for p in gantt["panels"]] == ["simulated", "real"]
        for panel in gantt["panels"]:
            trace = Trace.load(made.folder / places[panel["title"]])
            starts = {start for start, _, _ in intervals(panel)}
            assert set(trace.record.executions.start.tolist()) <= starts
    assert "All outputs equal those of one process" in real_run.page.text
    assert "For a test." in real_run.page.text


def test_a_comparison_simulates_what_its_allocations_say(comparison: Made) -> None:
    """Runs without a trace in the folder are those of its rows: same makespan at the first seed."""
    rows = pd.read_csv(comparison.folder / "rows.csv")
    panels = comparison.page.block("Gantt chart")["panels"]
    assert len(panels) > 1
    for panel in panels:
        mine = rows[(rows["scheduler"] == panel["title"]) & (rows["seed"] == 0)]
        assert panel["makespan"] == pytest.approx(mine["makespan"].item(), rel=1e-12)


def test_a_sweep_has_every_cell_and_the_means_of_its_pictures(sweep: Made) -> None:
    rows = study.read(sweep.folder)
    shown = sweep.page.frame("Cells")
    assert len(shown) == len(rows) == 24
    good = rows[rows["status"] == "ok"]
    assert shown["objective"].dropna().tolist() == good["objective"].tolist()
    lines = sweep.page.block("Lines")
    over = [choice["options"] for choice in lines["choices"]]
    key = f"{over[0].index('makespan')}|{over[1].index('ccr')}"
    for series in lines["plots"][key]["series"]:
        mine = good[good["scheduler"] == series["name"]]
        for x, y in zip(series["x"], series["y"], strict=True):
            assert y == pytest.approx(mine[mine["param.ccr"] == x]["makespan"].mean())
    assert lines["plots"][key]["series"] == sorted(
        lines["plots"][key]["series"], key=lambda s: s["colour"]
    )
    assert "alloclab-study: 1" in sweep.page.text  # the study file, as it stands


def test_a_validation_has_its_errors_and_runs(validation: Made) -> None:
    data = json.loads((validation.folder / "report.json").read_text())
    errors = validation.page.frame("Errors")
    row = errors[(errors["load"] == "heavy") & (errors["error of"] == "wall clock, all")
                 & (errors["measure"] == "makespan")].iloc[0]  # fmt: skip
    wanted = data["pipelines"][0]["loads"]["heavy"]["makespan"]["wall_clock"]
    assert (row["median"], row["p90"], row["runs"]) == (
        wanted["median"], wanted["p90"], wanted["runs"])  # fmt: skip
    assert len(validation.page.frame("Runs")) == 40
    plots = validation.page.block("Predicted against real")["plots"]
    for key in ("0|0", "0|1", "1|0", "1|1"):
        assert sum(len(s["x"]) for s in plots[key]["series"]) == 20


# ----- folders that lack something ---------------------------------------------------------------
def test_results_without_a_trace_still_have_a_report(comparison: Made, tmp_path: Path) -> None:
    for name in ("rows.csv", "summary.json", "manifest.json"):
        (tmp_path / name).write_bytes((comparison.folder / name).read_bytes())
    page = Made.of(tmp_path).page
    assert "no saved trace" in page.text
    assert len(page.frame("All runs")) == 8
    assert not [b for b in page.data["blocks"].values() if b["type"] == "gantt"]


def test_a_broken_trace_is_named(comparison: Made, tmp_path: Path) -> None:
    for name in ("rows.csv", "summary.json", "manifest.json"):
        (tmp_path / name).write_bytes((comparison.folder / name).read_bytes())
    (tmp_path / "trace").mkdir()
    (tmp_path / "trace" / "trace.json").write_text("{")
    assert "cannot be read as a saved trace" in Made.of(tmp_path).page.text
