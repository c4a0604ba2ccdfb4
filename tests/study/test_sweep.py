"""Sweeps in this process: rows, resuming, extending, failures, and the command."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarios import cli, study
from scenarios.compare import METRIC_COLUMNS, compare
from scenarios.generate import generate
from scenarios.study import CLOCK_COLUMNS, Study, load, parse, plan, read, sweep
from scenarios.study import tables as shown
from scenarios.study.pools import GivenPool, pool_maker
from scenarios.study.store import Store
from simulator.errors import AlloclabError
from tests.study.conftest import TEXT, small


def without_clocks(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=list(CLOCK_COLUMNS))


def test_rows_are_those_of_a_comparison(study: Study, here: Executor, tmp_path: Path) -> None:
    swept = sweep(study, tmp_path / "s", executor=here)
    assert (swept.cells, swept.done, swept.failed, swept.missing, swept.ran) == (16, 16, 0, 0, 16)
    frame = read(tmp_path / "s")
    scenario = generate("out-tree", tasks=8, nodes=3, ccr=5)
    result = compare(scenario, ["heft", "random"], seeds=2, evaluations=50)
    mine = frame[(frame["family"] == "out-tree") & (frame["param.ccr"] == 5)].to_dict("records")
    assert len(mine) == len(result.rows) == 4
    for ours, theirs in zip(mine, result.rows, strict=True):
        assert (ours["scheduler"], ours["seed"]) == (theirs["scheduler"], theirs["seed"])
        for key in ("objective", "planned_objective", "bound", "gap", "evaluations", "engine"):
            assert ours[key] == theirs[key]
        for key in METRIC_COLUMNS:
            assert ours[key] == theirs[key] if key in theirs else pd.isna(ours[key])


def test_the_shape_others_rely_on(study: Study, here: Executor, tmp_path: Path) -> None:
    sweep(study, tmp_path, executor=here)
    frame = read(tmp_path)
    assert list(frame.columns[:8]) == [
        "cell", "scenario", "family", "instance", "scheduler", "seed", "param.family", "param.ccr",
    ]  # fmt: skip
    assert list(frame.columns[-6:]) == list(CLOCK_COLUMNS)
    assert set(METRIC_COLUMNS) <= set(frame.columns)
    assert frame["param.ccr"].dtype == "float64"
    assert frame["seed"].dtype == "int64"
    assert frame["reproducible"].all()
    assert frame["error"].isna().all()
    assert frame["instance"].nunique() == 4
    assert frame.groupby("instance")["param.ccr"].nunique().eq(1).all()
    assert [c.key for c in plan(study).cells] == frame["cell"].tolist()
    files = {p.name for p in tmp_path.iterdir()}
    assert files == {"study.yaml", "manifest.json", "cells.parquet", "rows", ".lock"}
    assert (tmp_path / "study.yaml").read_text() == study.text
    record = json.loads((tmp_path / "manifest.json").read_text())
    assert (record["command"], record["study"], record["cells"]) == ("sweep", "small", 16)


def test_only_what_is_missing_is_run(study: Study, here: Executor, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    sweep(study, whole, executor=here)
    sweep(small(seeds="[1]"), part, executor=here)
    early = read(part)
    told: list[str] = []
    swept = sweep(study, part, executor=here, notice=told.append)
    assert (swept.ran, swept.done, swept.kept, swept.dropped) == (8, 16, 8, 0)
    assert told == []
    late = read(part)
    pd.testing.assert_frame_equal(without_clocks(late), without_clocks(read(whole)))
    kept = late[late["cell"].isin(early["cell"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, early)  # clocks and all: not run again
    assert sweep(study, part, executor=here).ran == 0


def test_cells_that_a_study_no_longer_has_stay_out(here: Executor, tmp_path: Path) -> None:
    sweep(small(), tmp_path, executor=here)
    told: list[str] = []
    changed = small(schedulers="[heft, cpop]")
    swept = sweep(changed, tmp_path, executor=here, notice=told.append)
    assert (swept.kept, swept.dropped, swept.ran) == (8, 8, 8)
    assert len(told) == 1
    assert told[0].startswith("the study has changed: 8 rows are kept, 8 are of cells that it has")
    assert set(read(tmp_path)["scheduler"]) == {"heft", "cpop"}
    assert sweep(small(), tmp_path, executor=here).ran == 0  # they are still there


def test_a_folder_of_another_study_is_refused(here: Executor, tmp_path: Path) -> None:
    sweep(small(), tmp_path, executor=here)
    before = read(tmp_path)
    with pytest.raises(AlloclabError, match="holds the study 'small', not 'other'"):
        sweep(small(name="other"), tmp_path, executor=here)
    with pytest.raises(AlloclabError, match="none of its 16 rows belongs to 'small' as it is now"):
        sweep(small(budget="{evaluations: 51}"), tmp_path, executor=here)
    with pytest.raises(AlloclabError, match="holds the study 'small'"):
        study.status(plan(small(name="other")), tmp_path)
    pd.testing.assert_frame_equal(read(tmp_path), before)


def test_no_study_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(AlloclabError, match="no study that `alloclab sweep` wrote"):
        read(tmp_path)
    (tmp_path / "cells.parquet").write_bytes(b"nonsense")
    with pytest.raises(AlloclabError, match="no study that `alloclab sweep` wrote"):
        read(tmp_path)


@pytest.fixture
def broken_random(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The scheduler `random` breaks on its second seed."""

    def schedule(self: Any, problem: Any, budget: Any, rng: Any) -> Any:
        if problem.plan_seed == 1 and problem.n_tasks == 8:
            raise RuntimeError("a bug\nin two lines")
        return heft.schedule(problem, budget, rng)

    from schedulers import make

    heft = make("heft")
    monkeypatch.setattr("schedulers.baselines.Random.schedule", schedule)
    return monkeypatch


def test_failed_cells_are_rows_and_run_again_only_when_asked(
    broken_random: pytest.MonkeyPatch, here: Executor, tmp_path: Path
) -> None:
    swept = sweep(small(), tmp_path, executor=here)
    assert (swept.done, swept.failed, swept.missing) == (12, 4, 0)
    frame = read(tmp_path)
    failed = frame[frame["status"] == "failed"]
    assert set(failed["error"]) == {"scheduler random failed: RuntimeError: a bug in two lines"}
    assert failed["objective"].isna().all()
    assert set(failed["seed"]) == {1}
    assert shown.errors(frame) == [(failed["error"].iloc[0], 4)]
    assert sweep(small(), tmp_path, executor=here).ran == 0
    again = sweep(small(), tmp_path, executor=here, retry_failed=True)
    assert (again.ran, again.failed) == (4, 4)
    broken_random.undo()
    mended = sweep(small(), tmp_path, executor=here, retry_failed=True)
    assert (mended.ran, mended.failed, mended.done) == (4, 0, 16)


def test_an_instance_that_no_problem_comes_of_fails_alone(here: Executor, tmp_path: Path) -> None:
    text = """\
alloclab-study: 1
name: memory
scenarios: [tight.yaml]
parameters: {grid: {streams.s.tasks.t.weights: [1 GB, 9 GB]}}
schedulers: [heft, random]
"""
    (tmp_path / "tight.yaml").write_text(
        "alloclab: 1\ncluster: {nodes: {a: {memory: 4 GB}}}\n"
        "streams: {s: {tasks: {t: {duration: 1 s, weights: 1 GB}}}}\n"
    )
    swept = sweep(parse(text, "m.yaml", tmp_path), tmp_path / "out", executor=here)
    assert (swept.done, swept.failed) == (2, 2)
    frame = read(tmp_path / "out")
    assert frame["status"].tolist() == ["ok", "ok", "failed", "failed"]
    assert frame["param.streams.s.tasks.t.weights"].tolist() == ["1 GB"] * 2 + ["9 GB"] * 2


def test_budgets_in_seconds_are_marked_and_kept(here: Executor, tmp_path: Path) -> None:
    timed = small(budget="{seconds: 0.01}", seeds="1")
    sweep(timed, tmp_path, executor=here)
    before = read(tmp_path)
    assert not before["reproducible"].any()
    swept = sweep(timed, tmp_path, executor=here, retry_failed=True)
    assert (swept.ran, swept.reproducible) == (0, False)
    pd.testing.assert_frame_equal(read(tmp_path), before)


def test_status_counts_and_estimates(here: Executor, tmp_path: Path) -> None:
    planned = plan(small())
    empty = study.status(planned, tmp_path / "none")
    assert (empty.done, empty.missing, empty.core_seconds) == (0, 16, None)
    assert not (tmp_path / "none").exists()
    sweep(small(seeds="1"), tmp_path, executor=here)
    half = study.status(planned, tmp_path)
    assert (half.cells, half.done, half.failed, half.missing) == (16, 8, 0, 8)
    frame = read(tmp_path)
    assert half.core_seconds == pytest.approx(frame["cell_seconds"].sum())
    assert half.running is None


def test_the_summary_by_hand() -> None:
    rows = [("a", "i", 1, 10.0), ("b", "i", 1, 20.0), ("a", "j", 1, 8.0), ("b", "j", 1, 1.0)]
    frame = pd.DataFrame(rows, columns=["scheduler", "instance", "seed", "objective"])
    frame["status"], frame["slr"] = "ok", [1.0, 2.0, 3.0, 4.0]
    frame.loc[len(frame)] = ["b", "k", 1, float("nan"), "failed", float("nan")]
    assert shown.summary(frame, ("slr",)) == [
        {"scheduler": "b", "cells": 2, "failed": 1, "vs best": pytest.approx(2**0.5), "slr": 3.0},
        {"scheduler": "a", "cells": 2, "failed": 0, "vs best": pytest.approx(8**0.5), "slr": 2.0},
    ]


# ----- the command -------------------------------------------------------------------------------
@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], here: Executor) -> Any:
    """Call the command in this process, cells and all: (exit code, stdout, stderr)."""
    monkeypatch.setattr("scenarios.study.sweeping.pool_maker", lambda *_: lambda: GivenPool(here))

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["alloclab", *map(str, args)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_command(run: Any, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, _ = run("sweep", file, "-o", out, "--status")
    assert (code, said.splitlines()[0]) == (
        0, f"small in {out}: 16 cells: 0 done, 0 failed, 16 missing",
    )  # fmt: skip
    code, said, _ = run("sweep", file, "-o", out)
    assert code == 0
    assert said.startswith("small: 16 cells: 16 done, 0 failed, 0 missing; 16 run now\n")
    assert "vs best" in said
    assert "slr" in said
    code, said, _ = run("sweep", file, "-o", out, "--json")
    assert json.loads(said)["ran"] == 0
    code, said, _ = run("sweep", file, "-o", out, "--status", "--json")
    assert json.loads(said)["done"] == 16


def test_an_interrupt_keeps_what_is_done_and_exits_130(
    run: Any, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    original = Store.append

    def append(self: Store, rows: list[dict[str, Any]]) -> None:
        import signal

        original(self, rows)
        if rows:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Store, "append", append)
    code, said, error = run("sweep", file, "-o", out)
    monkeypatch.setattr(Store, "append", original)
    assert code == 130
    assert error == "alloclab: interrupted\n"
    assert "the same command runs what is missing" in said
    kept = len(read(out))
    assert 1 <= kept < 16
    code, said, _ = run("sweep", file, "-o", out, "--json")
    assert json.loads(said)["ran"] == 16 - kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--executor", "dsk://x:1"], "executor: expected dask://HOST:PORT"),
        (["--executor", "dask://x"], "executor: expected dask://HOST:PORT"),
        (["--executor", "dask://x:1", "--workers", "2"], "give either --workers or --executor"),
        (["--workers", "0"], "--workers"),
        (["--statu"], "--status"),
    ],
)
def test_wrong_options_are_named(
    run: Any, file: Path, tmp_path: Path, options: list[str], words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("scenarios.study.sweeping.pool_maker", pool_maker)
    code, said, error = run("sweep", file, "-o", tmp_path / "out", *options)
    assert (code, said) == (2, "")
    assert words in error
    assert "Traceback" not in error


def test_a_wrong_study_is_one_sentence(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(TEXT.replace("heft", "hft"))
    code, said, error = run("sweep", path, "-o", tmp_path / "out")
    assert (code, said) == (2, "")
    assert error.startswith(f"alloclab: {path}: schedulers: unknown scheduler 'hft'; did you mean")
    assert not (tmp_path / "out").exists()


def test_listed_by_name(run: Any) -> None:
    code, said, _ = run("list", "studies", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(said)["studies"]] == study.names()
    assert load(study.names()[0]).name == study.names()[0]
