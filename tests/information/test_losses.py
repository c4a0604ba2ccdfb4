"""Losses: exact equals a comparison, schedulers that do not look lose nothing, by-hand ratios."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

from scenarios import cli
from scenarios.compare import compare
from scenarios.generate import generate
from scenarios.information import estimate, measure
from scenarios.information.losses import interval, levels, ratio
from scenarios.override import override
from schedulers import solve
from simulator import simulate
from simulator.errors import UnknownName

SPECS = ["heft", "min_min", "random", "annealing"]


def small() -> object:
    return generate("layered", tasks=12, nodes=3, ccr=1.0, seed=4)


def test_every_row_is_an_independent_run() -> None:
    """Plan with the estimate, simulate in truth: nothing else is in a row."""
    scenario = small()
    found = measure(scenario, SPECS, (0, 0.5), ("mean",), seeds=2, evaluations=200)
    assert len(found.rows) == 2 * 3 * 4
    for row in found.rows:
        truth = scenario.problem(seed=row["seed"])
        given = estimate(truth, row["information"], row["seed"])
        outcome = solve(row["scheduler"], given, evaluations=200, seed=row["seed"])
        value = simulate(truth, outcome.allocation, seed=row["seed"]).metrics()["objective"]
        assert row["objective"] == value
        assert row["planned_objective"] == outcome.objective
    base = {(r["scheduler"], r["seed"]): r["objective"] for r in found.rows
            if r["information"] == "exact"}  # fmt: skip
    for row in found.rows:
        assert row["loss"] == row["objective"] / base[row["scheduler"], row["seed"]] - 1


def test_exact_equals_a_comparison() -> None:
    scenario = small()
    mine = measure(scenario, SPECS, (0,), (), seeds=2, evaluations=200)
    theirs = compare(scenario, SPECS, 2, evaluations=200)
    key = ("scheduler", "seed", "objective", "planned_objective")
    assert sorted(tuple(r[k] for k in key) for r in mine.rows) == sorted(
        tuple(r[k] for k in key) for r in theirs.rows
    )
    assert all(r["loss"] == 0 for r in mine.rows)


def test_a_comparison_with_estimates_is_the_same_experiment() -> None:
    scenario = small()
    told = override(scenario, information="noisy[sigma=0.5]")
    mine = measure(scenario, SPECS, (0.5,), (), seeds=2, evaluations=200)
    theirs = {(r["scheduler"], r["seed"]): r["objective"]
              for r in compare(told, SPECS, 2, evaluations=200).rows}  # fmt: skip
    for row in mine.rows:
        if row["information"] != "exact":
            assert row["objective"] == theirs[row["scheduler"], row["seed"]]


def test_what_an_estimate_proves_is_no_bound_in_truth() -> None:
    """`exact` proves its optimum for durations twice too long; the gap must stay >= 0."""
    scenario = override(generate("layered", tasks=6, nodes=2, seed=4), information="noisy[sigma=2]")
    for row in compare(scenario, ["exact", "heft"], 3).rows:
        assert row["gap"] >= -1e-9
        assert row["bound"] <= row["objective"] * (1 + 1e-9)


def test_no_noise_loses_nothing_and_random_never_loses() -> None:
    """One variant each: `random` draws nodes and order by lot and never looks at durations."""
    found = measure(small(), ["random"], (0, 0.3, 2.0), ("mean", "blind"), seeds=4)
    assert {r["loss"] for r in found.rows} == {0.0}


def test_round_robin_never_loses_on_equal_orders() -> None:
    found = measure(small(), ["round_robin"], (0, 0.3, 2.0), ("mean", "blind"), seeds=4)
    assert {r["loss"] for r in found.rows} == {0.0}


def test_all_schedulers_meet_the_same_errors() -> None:
    """Two names for the same algorithm lose the same."""
    found = measure(small(), ["heft", "heft[lookahead=none,insertion=true]"], (1.0,), (), seeds=3)
    one = measure(small(), ["random", "heft"], (1.0,), (), seeds=3)
    pick = lambda rows: [(r["seed"], r["objective"]) for r in rows if r["scheduler"] == "heft"]  # noqa: E731
    assert pick(found.rows) == pick(one.rows)


def test_summary_by_hand() -> None:
    found = measure(small(), ["heft", "random"], (1.0,), (), seeds=3)
    assert found.schedulers[0] == "heft"
    row = next(r for r in found.summary if r["scheduler"] == "heft" and r["sigma"] == 1.0)
    mine = [r for r in found.rows if r["scheduler"] == "heft" and r["sigma"] == 1.0]
    assert row["loss"] == pytest.approx(np.mean([r["loss"] for r in mine]))
    assert row["worst"] == max(r["loss"] for r in mine)
    assert row["loss_low"] <= row["loss"] <= row["loss_high"]
    best = {s: min(r["objective"] for r in found.rows if r["seed"] == s
                   and r["information"] == "exact") for s in (0, 1, 2)}  # fmt: skip
    assert row["ratio"] == pytest.approx(np.mean([r["objective"] / best[r["seed"]] for r in mine]))
    lost = next(r for r in found.summary if r["scheduler"] == "random" and r["sigma"] == 1.0)
    assert (lost["loss"], lost["loss_low"], lost["loss_high"]) == (0.0, 0.0, 0.0)


def test_it_shows_itself() -> None:
    found = measure(small(), ["heft", "random"], (1.0,), (), seeds=2)
    assert repr(found) == (
        "Losses('layered-12-s4'; schedulers: heft, random; information: exact, noisy[sigma=1]; "
        "seeds: 2; minimise: makespan)"
    )
    assert found._repr_html_().count("<tr>") == 4 + 3  # facts; head, heft, random


def test_small_functions() -> None:
    assert ratio(2.0, 1.0) == 2.0
    assert ratio(math.inf, math.inf) == 1.0
    assert ratio(1.0, 0.0) == math.inf
    assert interval(np.array([3.0])) == (None, None)
    assert interval(np.array([1.0, math.inf])) == (None, None)
    assert [str(x) for x in levels((1, 0, 0.1, 0.1), ("mean", "mean"))] == [
        "exact", "noisy[sigma=0.1]", "noisy[sigma=1]", "mean"]  # fmt: skip
    with pytest.raises(UnknownName):
        measure(small(), ["hefd"])
    with pytest.raises(UnknownName):
        measure(small(), ["heft"], others=("blynd",))


def test_failed_schedulers_are_rows() -> None:
    """`brute_force` refuses what is too large; the others go on."""
    found = measure(generate("layered", tasks=60, nodes=6, seed=1), ["brute_force", "heft"],
                    (0.1,), (), seeds=1)  # fmt: skip
    assert all("error" in r for r in found.rows if r["scheduler"] == "brute_force")
    assert any(r.get("loss") is not None for r in found.rows)


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*args):
        monkeypatch.setattr(sys, "argv", ["alloclab", *map(str, args)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.yaml"
    from scenarios.export import render

    path.write_text(render(small(), ".yaml"))
    return path


def test_command(run, file, tmp_path) -> None:
    target = tmp_path / "out"
    code, out, _ = run("information", file, "-s", "heft,random", "--sigmas", "0,0.5", "--others",
                       "blind", "-n", 2, "-o", target)  # fmt: skip
    assert code == 0
    for words in ("heft", "random", "sigma 0.5", "blind", "planned with estimates"):
        assert words in out
    assert {p.name for p in target.iterdir()} == {
        "rows.csv", "summary.csv", "loss.png", "manifest.json"}  # fmt: skip
    data = json.loads(run("information", file, "-s", "heft", "--sigmas", "0.5", "--others", "",
                          "-n", 1, "--json")[1])  # fmt: skip
    assert data["information"] == ["exact", "noisy[sigma=0.5]"]
    assert len(data["rows"]) == 2


def test_help_keeps_its_brackets(run) -> None:
    assert "mean[over=tasks]" in run("information", "--help")[1]
    assert "noisy[sigma=0.3]" in run("compare", "--help")[1]


def test_bad_input(run, file) -> None:
    for args, said in (
        (("--sigmas", "0,x"), "expected numbers"),
        (("--sigmas", "-1"), "between 0 and 5"),
        (("--others", "blynd"), "did you mean 'blind'"),
        (("-s", "hefd"), "did you mean 'heft'"),
    ):
        code, _, err = run("information", file, *args)
        assert code == 2
        assert said in err


def test_compare_takes_information(run, file, tmp_path) -> None:
    plain = json.loads(run("compare", file, "-s", "heft", "-n", 2, "--json")[1])
    zero = json.loads(run("compare", file, "-s", "heft", "-n", 2, "--information",
                          "noisy[sigma=0]", "--json")[1])  # fmt: skip
    clocks = ("cpu_seconds",)
    drop = lambda rows: [{k: v for k, v in r.items() if k not in clocks} for r in rows]  # noqa: E731
    assert drop(plain["rows"]) == drop(zero["rows"])
    code, out, _ = run("compare", file, "-s", "heft", "--information", "blind", "-o",
                       tmp_path / "out")  # fmt: skip
    assert code == 0
    assert "blind" in out
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["information"] == "blind"
    assert run("compare", file, "--information", "blynd")[0] == 2
