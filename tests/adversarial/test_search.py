"""The search finds what is known to exist, keeps to its budget, repeats, and goes on."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from scenarios import load
from scenarios.adversarial import (
    Limits,
    Settings,
    dominated,
    limits_of,
    scenario_of,
    search,
    search_pairs,
    store,
    write,
)  # fmt: skip
from scenarios.compare import compare
from scenarios.export import render
from simulator.errors import AlloclabError, InvalidScenario, UnknownName

INDEPENDENT = Limits(
    tasks=(4, 4), nodes=(4, 4), weights=(1, 1), speeds=(1, 1.01), bytes=(1, 1), bandwidths=(1, 1)
)
"""Four equal tasks on four nodes that are almost equal."""


def test_the_worst_case_of_met_is_found() -> None:
    """All tasks on the one node that is a little faster, against one on each: almost 4.

    Nothing can reach 4: on n nodes that are at most 1 % faster than another, one node alone takes
    less than n times as long as all together.
    """
    found = search("met", "mct", INDEPENDENT, evaluations=1000)
    assert 4 / 1.01 <= found.ratio < 4.0
    assert found.instance.graph.edges == ()
    assert found.makespan_a == pytest.approx(4 / found.instance.speed.max())


def test_a_graph_with_three_tasks_is_searched_as_well_as_by_trying_all() -> None:
    """Olb against met on three tasks and two nodes whose numbers may take their ends only."""
    from scenarios.adversarial.contender import Contender
    from scenarios.adversarial.instance import Graph, Instance, Network
    from scenarios.adversarial.lean import lean_problem

    limits = Limits(tasks=(3, 3), nodes=(2, 2), weights=(1, 2), speeds=(1, 4), bytes=(1, 8),
                    bandwidths=(1, 1), ccr="0:inf")  # fmt: skip
    a, b = Contender("olb"), Contender("met")
    bandwidth = np.array([[np.inf, 1.0], [1.0, np.inf]])
    best = 0.0
    pairs = [(0, 1), (0, 2), (1, 2)]
    for count in range(4):
        for edges in itertools.combinations(pairs, count):
            for weight in itertools.product((1.0, 2.0), repeat=3):
                for speed in itertools.product((1.0, 4.0), repeat=2):
                    for size in itertools.product((1.0, 8.0), repeat=count):
                        problem = lean_problem(Instance(
                            Graph(3, edges), Network(bandwidth), np.array(weight),
                            np.array(speed), np.array(size)))  # fmt: skip
                        best = max(best, a.makespan(problem) / b.makespan(problem))
    assert search("olb", "met", limits, evaluations=3000).ratio >= best


def test_same_seed_same_instance_and_another_seed_another_one() -> None:
    def text(seed: int) -> str:
        return render(scenario_of(search("heft", "cpop", Limits(), evaluations=150, seed=seed)))

    assert text(1) == text(1)
    assert text(1) != text(2)


@pytest.mark.parametrize("evaluations", [1, 5, 100])
def test_budget_of_evaluations_is_kept(evaluations: int) -> None:
    assert search("heft", "cpop", Limits(), evaluations=evaluations).evaluations == evaluations


def test_limits_without_room_to_move_end() -> None:
    found = search("heft", "cpop", Limits(
        tasks=(1, 1), nodes=(1, 1), weights=(1, 1), speeds=(1, 1)), evaluations=20)  # fmt: skip
    assert found.ratio == 1.0
    narrow = Limits(tasks=(2, 2), nodes=(2, 2), weights=(1, 1), speeds=(1, 1), bytes=(1, 1),
                    bandwidths=(1, 1), ccr=(1, 1), families=("chains",))  # fmt: skip
    assert search("heft", "cpop", narrow, evaluations=20).evaluations == 20


def test_curve_rises_to_what_is_found() -> None:
    found = search("met", "heft", Limits(), evaluations=400)
    ratios = [ratio for _, _, ratio in found.curve]
    assert ratios == sorted(set(ratios))
    assert ratios[-1] == found.ratio


def test_contradictory_limits_are_refused_before_anything_runs() -> None:
    limits = Limits(tasks=(2, 2), nodes=(2, 2), weights=(10, 10), speeds=(1, 1), bytes=(0.1, 0.1),
                    bandwidths=(10, 10), ccr=(5, 9))  # fmt: skip
    with pytest.raises(InvalidScenario, match="no instance had a ccr from 5 to 9"):
        search_pairs(Settings.of(["heft", "cpop"], limits=limits, evaluations=5), workers=1)


# ----- dominance ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("a", "b", "known"),
    [
        ("duplex", "min_min", True),
        ("duplex", "max_min", True),
        ("min_min", "duplex", False),
        ("hybrid", "heft", True),
        ("hybrid", "duplex", True),  # both of its members are members
        ("hybrid[of=heft+min_min]", "duplex", False),
        ("hybrid[of=heft+duplex]", "max_min", True),
        ("heft", "heft[insertion=true]", True),
        ("heft", "heft[insertion=false]", False),
        ("hybrid[of=heft]", "heft", True),
        ("heft", "hybrid[of=heft]", True),
    ],
)
def test_dominated(a: str, b: str, known: bool) -> None:
    assert (dominated(a, b) is not None) == known


@pytest.mark.parametrize(("a", "b"), [("duplex", "min_min"), ("hybrid", "duplex")])
def test_dominated_pairs_have_no_ratio_above_one(a: str, b: str) -> None:
    assert search(a, b, Limits(), evaluations=150).ratio <= 1.0


def test_dominated_pairs_are_listed_and_not_searched() -> None:
    square = search_pairs(Settings.of(["duplex", "min_min"], evaluations=20), workers=1)
    assert list(square.dominated) == [("duplex", "min_min")]
    assert list(square.found) == [("min_min", "duplex")]
    status = {(row["a"], row["b"]): row["status"] for row in square.rows()}
    assert status["duplex", "min_min"] == "dominated"


def test_a_pair_without_a_worse_instance_is_no_dominated_pair() -> None:
    """On one node nobody can be worse, but nothing is known of the algorithms."""
    limits = Limits(nodes=(1, 1))
    square = search_pairs(Settings.of(pair=["heft", "met"], limits=limits, evaluations=20), None, 1)
    (row,) = square.rows()
    assert row["status"] == "none"
    assert row["ratio"] == 1.0
    assert not square.dominated


# ----- files -------------------------------------------------------------------------------------
def test_saved_scenarios_give_the_ratio_again_exactly(tmp_path: Path) -> None:
    for unrelated in (1.0, 4.0):
        settings = Settings.of(
            ["heft", "cpop", "olb"], limits=Limits(unrelated=unrelated), evaluations=120
        )
        square = search_pairs(settings, workers=1)
        write(square, tmp_path)
        for row in square.rows():
            if row["status"] == "none":
                continue
            scenario = load(tmp_path / row["scenario"])
            rows = compare(scenario, [row["a"], row["b"]]).rows
            makespan = {r["scheduler"]: r["makespan"] for r in rows}
            assert makespan[row["a"]] == row["makespan_a"]
            assert makespan[row["b"]] == row["makespan_b"]
            assert makespan[row["a"]] / makespan[row["b"]] == row["ratio"]


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    settings = Settings.of(["heft", "cpop", "met"], evaluations=40)

    def stop_at(count: int):  # type: ignore[no-untyped-def]
        def progress(done: int, total: int, label: str) -> None:
            if done == count:
                raise KeyboardInterrupt

        return progress

    first = search_pairs(settings, tmp_path, 1, stop_at(2))
    assert first.interrupted
    assert len(first.found) == 2
    write(first, tmp_path)
    second = search_pairs(settings, tmp_path, 1)
    assert (second.resumed, len(second.found), second.interrupted) == (2, 6, False)
    whole = search_pairs(settings, None, 1)
    for pair, found in whole.found.items():
        assert second.found[pair].ratio == found.ratio
        assert render(scenario_of(second.found[pair])) == render(scenario_of(found))


def test_other_settings_are_searched_again(tmp_path: Path) -> None:
    search_pairs(Settings.of(pair=["heft", "cpop"], evaluations=30), tmp_path, 1)
    again = search_pairs(Settings.of(pair=["heft", "cpop"], evaluations=30, seed=1), tmp_path, 1)
    assert again.resumed == 0


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"key": 3}', "nonsense"])
def test_a_broken_pair_file_is_searched_again(tmp_path: Path, text: str) -> None:
    settings = Settings.of(pair=["heft", "cpop"], evaluations=30)
    search_pairs(settings, tmp_path, 1)
    (tmp_path / "pairs" / "heft-vs-cpop.json").write_text(text)
    again = search_pairs(settings, tmp_path, 1)
    assert again.resumed == 0
    assert len(again.found) == 1


def test_stored_instances_are_exact(tmp_path: Path) -> None:
    found = search("heft", "cpop", Limits(unrelated=3.0), evaluations=50)
    store.save(tmp_path, "k", found)
    read = store.load(tmp_path, "k", "heft", "cpop")
    assert read is not None
    assert render(scenario_of(read)) == render(scenario_of(found))
    assert read.curve == found.curve
    assert store.load(tmp_path, "other", "heft", "cpop") is None


def test_workers_find_what_one_process_finds() -> None:
    settings = Settings.of(["heft", "cpop"], evaluations=60)
    alone, together = search_pairs(settings, None, 1), search_pairs(settings, None, 2)
    assert [r["ratio"] for r in alone.rows()] == [r["ratio"] for r in together.rows()]


def test_files_are_those_that_the_manifest_names(tmp_path: Path) -> None:
    square = search_pairs(Settings.of(["heft", "met"], evaluations=60), None, 1)
    files = write(square, tmp_path)
    names = {str(f.relative_to(tmp_path)) for f in files}
    assert {"ratios.csv", "summary.json", "heatmap.png", "manifest.json"} <= names
    record = json.loads((tmp_path / "manifest.json").read_text())
    assert set(record["files"]["adversarial"]) == names
    assert limits_of(record["limits"]) == Limits()


# ----- limits ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"taks": 3}, "unknown key 'taks'; did you mean 'tasks'"),
        ({"tasks": "8:3"}, "tasks: low must not be above high, got 8 and 3"),
        ({"tasks": "three"}, "tasks: expected a number or low:high, got 'three'"),
        ({"tasks": [1, 2, 3]}, "tasks: expected a number or two, low and high"),
        ({"tasks": 0}, "tasks: expected whole numbers from 1 to 200, got 0 to 0"),
        ({"nodes": 2.5}, "nodes: expected whole numbers from 1 to 50, got 2.5 to 2.5"),
        ({"weights": "0:1"}, "weights: expected numbers from 1e-09 to 1e"),
        ({"bytes": [True, 2]}, "bytes: expected a number or two, low and high"),
        ({"unrelated": 0.5}, "unrelated: expected a value of at least 1"),
        ({"ccr": "-1:2"}, "ccr: expected numbers of at least 0, got -1"),
        ({"ccr": "1:2", "nodes": 1}, "ccr: one node sends no messages"),
        ({"families": "fork"}, "families: unknown graph family 'fork'; did you mean 'fork-join'"),
        ({"speeds": float("nan")}, "speeds: expected a number or two, low and high"),
    ],
)
def test_bad_limits_are_one_sentence(data: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidScenario) as error:
        limits_of(data, "mine.yaml")
    assert str(error.value).startswith("mine.yaml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_limits_take_numbers_texts_and_lists() -> None:
    limits = limits_of({"tasks": 5, "nodes": "2:3", "weights": [1, 2], "ccr": "0.5:inf"})
    assert limits.tasks == (5, 5)
    assert limits.nodes == (2, 3)
    assert limits.weights == (1.0, 2.0)
    assert limits.ccr == (0.5, float("inf"))
    assert limits_of(limits.to_dict()) == limits


def test_settings_are_checked_before_anything_runs() -> None:
    with pytest.raises(UnknownName, match="did you mean 'heft'"):
        Settings.of(["heftt", "cpop"])
    with pytest.raises(InvalidScenario, match="at least two different"):
        Settings.of(["heft", "heft[insertion=true]"])
    with pytest.raises(InvalidScenario, match="expected two schedulers"):
        Settings.of(pair=["heft"])
    with pytest.raises(AlloclabError, match="must be > 0"):
        Settings.of(["heft", "cpop"], seconds=-1)
    assert len(Settings.of().pairs) == 14 * 13
