"""The quality benchmark: its evaluator, fixed sets, resumption, references and targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.related import as_related
from benchmarks.quality.analysis import Analysis
from benchmarks.quality.cases import cases
from benchmarks.quality.report import update_best_known, write
from benchmarks.quality.runs import ROWS, collect, done, jobs, list_schedulers
from benchmarks.quality.sets import SETS, digest, generated
from benchmarks.quality.targets import sentences
from benchmarks.recheck import faults, makespan, play
from simulator.errors import InvalidScenario

# A feeds B and C; q is twice as slow. Apart, a message of 4 bytes takes 1 + 4 / 2 = 3 s.
DIAMOND: dict[str, Any] = {
    "format": "task-graph-instance/1",
    "name": "diamond_ccr_1",
    "nodes": ["p", "q"],
    "tasks": [
        {"id": "A", "seconds": {"p": 1.0, "q": 2.0}},
        {"id": "B", "seconds": {"p": 2.0, "q": 4.0}},
        {"id": "C", "seconds": {"p": 3.0, "q": 6.0}},
    ],
    "edges": [["A", "B", 4.0], ["A", "C", 4.0]],
    "bandwidth": 2.0,
    "latency": 1.0,
}


def test_evaluator_by_hand() -> None:
    placed = play(DIAMOND, {"A": "p", "B": "q", "C": "p"}, {"A": 0, "B": 1, "C": 2})
    assert sorted(placed) == [("A", "p", 0.0, 1.0), ("B", "q", 4.0, 8.0), ("C", "p", 1.0, 4.0)]
    assert makespan(placed) == 8.0
    assert faults(DIAMOND, placed) == []


def test_evaluator_refuses_deadlock_and_forbidden_nodes() -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        play(DIAMOND, dict.fromkeys("ABC", "p"), {"A": 2, "B": 0, "C": 1})
    with pytest.raises(ValueError, match="cannot run on 'r'"):
        play(DIAMOND, {"A": "r", "B": "p", "C": "p"}, dict.fromkeys("ABC", 0))


@pytest.mark.parametrize(
    ("placed", "said"),
    [
        ([("A", "p", 0, 1), ("B", "p", 1, 3)], "'C' is missing"),
        ([("A", "p", 0, 1), ("B", "p", 1, 3), ("C", "p", 2, 5)], "overlap"),
        ([("A", "p", 0, 1), ("B", "q", 2, 6), ("C", "p", 1, 4)], "before the message"),
        ([("A", "p", 0, 1), ("B", "p", 1, 2.5), ("C", "p", 3, 6)], "takes 2.0 s"),
    ],
)
def test_wrong_schedules_are_found(placed: list[Any], said: str) -> None:
    assert any(said in fault for fault in faults(DIAMOND, placed))


def test_the_sets_are_what_they_were() -> None:
    """Published tables depend on them: a change here needs a new name, not a new hash."""
    names = {name: [entry.name for entry in entries] for name, entries in SETS.items()}
    assert {name: len(set(found)) for name, found in names.items()} == {
        "evaluation": 36,
        "tuning": 21,
    }
    families = {n: {e.settings["family"] for e in entries} for n, entries in SETS.items()}
    assert not families["evaluation"] & families["tuning"]
    for name, index, known in FROZEN:
        assert digest(generated(name)[index].instance()) == known


FROZEN = (
    ("evaluation", 0, "8a7242fb33fa90ab"),
    ("evaluation", 20, "6a76871ecd1ef194"),
    ("evaluation", 35, "14a0b00295e96e6f"),
    ("tuning", 20, "3b4aa65f6d69e958"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("diamonds")
    (path / "diamond_ccr_1.json").write_text(json.dumps(DIAMOND))
    other = DIAMOND | {"name": "pair_ccr_1", "bandwidth": 8.0, "latency": 0.0}
    other |= {"best_known": 4.0, "proved_optimal": True}
    (path / "pair_ccr_1.json").write_text(json.dumps(other))
    return path


def test_runs_resume_after_a_torn_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / ROWS
    todo = jobs(cases([folder], []), ["heft", "random"], 2, None, 5)
    assert [j.spec for j in todo] == ["heft", "random", "random"] * 2
    assert collect(todo[:3], path, 1)
    before = path.read_text()
    path.write_text(before + '{"set": "torn')
    assert collect(todo, path, 1)
    assert path.read_text().startswith(before)
    assert len(done(path)) == len(todo)
    rows = path.read_text()
    assert collect(todo, path, 1)
    assert path.read_text() == rows
    assert not any("fault" in row or "error" in row for row in done(path))


def test_references_tables_and_report(folder: Path, tmp_path: Path) -> None:
    found = cases([folder], [])
    collect(jobs(found, ["heft", "met", "random"], 3, None, 4), tmp_path / ROWS, 1)
    analysis = Analysis(done(tmp_path / ROWS), found, list_schedulers())
    reference = analysis.references[folder.name, "pair_ccr_1"]
    # All on p takes 6; B on q starts at 1 + 0.5 and ends at 5.5. The "optimum" of 4 is made up.
    assert reference.heft == 5.5
    assert (reference.best, reference.optimum, reference.best_list) == (4.0, 4.0, 5.5)
    met = next(r for r in analysis.summary("4ev", "heft") if r["scheduler"] == "met")
    assert met["instances"] == 2
    assert met["/ HEFT"] == pytest.approx((6 / 6 * 6 / 5.5) ** 0.5)
    assert met["win/tie/loss"] == "0/1/1"
    path = write(analysis, tmp_path, "heft", "test", ["heft", "met", "random"])
    text = path.read_text()
    assert f"### {folder.name}, CCR 1" in text
    for name in ("rows.csv", "profile-4ev.png", "ranks-4ev.png", "curves-4ev.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_rows_below_a_published_optimum_are_shown(folder: Path) -> None:
    found = cases([folder], [])
    pair = next(c for c in found if c.proved)
    row = _row(pair, "portfolio", 3.9)
    assert Analysis([row], found, ()).below_optimum() == [row]


def test_best_known_is_kept_by_digest(folder: Path, tmp_path: Path) -> None:
    found = cases([folder], [])
    kept = tmp_path / "best_known.json"
    rows = [_row(c, "annealing", 5.0) for c in found]
    assert update_best_known(Analysis(rows, found, ()), kept, found) == 2
    assert update_best_known(Analysis(rows, found, ()), kept, found) == 0
    rows[0]["objective"] = 4.5
    assert update_best_known(Analysis(rows, found, ()), kept, found) == 1
    assert json.loads(kept.read_text())[found[0].name]["makespan"] == 4.5


def test_targets_judge_what_was_measured(tmp_path: Path) -> None:
    folder = tmp_path / "optimal_identical"
    folder.mkdir()
    best = DIAMOND | {"best_known": 100.0, "proved_optimal": True}
    for i in range(20):
        (folder / f"x{i}.json").write_text(json.dumps(best))
    found = cases([folder], [])
    values = [100.0] * 19 + [106.0]
    rows = [_row(c, "portfolio", v) for c, v in zip(found, values, strict=True)]
    judged = {s.text: s for s in sentences(Analysis(rows, found, ()), "1s")}
    mean = judged["portfolio: mean gap %"]
    assert (mean.measured, mean.held) == (pytest.approx(0.3), False)
    assert judged["portfolio: % of runs optimal"].held
    assert not judged["portfolio: greatest gap %"].held
    assert judged["rows below a proved optimum"].held


def _row(case: Any, scheduler: str, objective: float) -> dict[str, Any]:
    return {
        "set": case.set, "instance": case.name, "digest": case.digest, "family": case.family,
        "ccr": case.ccr, "scheduler": scheduler, "version": 1, "seed": 0, "budget": "1s",
        "objective": objective, "bound": None, "status": "feasible", "curve": [],
    }  # fmt: skip


def test_a_missing_folder_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario, match="--set evaluation"):
        cases([Path("evaluation")], [])
    with pytest.raises(InvalidScenario, match=r"no \.json files"):
        cases([tmp_path], [])
    (tmp_path / "x.json").write_text('{"format": "other"}')
    with pytest.raises(InvalidScenario, match="format must be"):
        cases([tmp_path], [])


def test_only_related_machines_go_to_the_peer() -> None:
    instance = DIAMOND | {"latency": 0.0}
    related = as_related(instance)
    assert related is not None
    assert related["speeds"] == {"p": 1.0, "q": 0.5}
    assert related["costs"] == {"A": 1.0, "B": 2.0, "C": 3.0}
    assert related["links"] == [["p", "q", 2.0]]
    assert as_related(DIAMOND) is None
    tasks = [*DIAMOND["tasks"][:2], {"id": "C", "seconds": {"p": 3.0, "q": 1.0}}]
    assert as_related(instance | {"tasks": tasks}) is None
