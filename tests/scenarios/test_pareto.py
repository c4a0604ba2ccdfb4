"""Charts and tables of Pareto fronts: what they show, that it fits, and that they are written."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenarios import single
from scenarios.compare import compare
from scenarios.loader import load
from scenarios.pareto import _paint, front_rows, pareto_chart
from scenarios.results import write_comparison
from schedulers.outcome import FrontPoint
from simulator import Allocation, AlloclabError
from simulator.allocation import Placement
from simulator.charts import style
from tests.scenarios.test_plots import texts


def outcome(values: list[dict[str, float]], chosen: int = 0) -> Any:
    """Something with a front of such objectives."""
    front = tuple(
        FrontPoint(Allocation((Placement("t", "n", "v", i),)), found)
        for i, found in enumerate(values)
    )
    return SimpleNamespace(front=front, allocation=front[chosen].allocation if front else None)


TWO = [{"makespan": x, "energy": y} for x, y in ((0.010, 90.0), (0.012, 40.0), (0.050, 30.0))]
FAR = [{"p99_latency": x, "cost_busy": y} for x, y in ((1e-4, 9e-6), (7.0, 0.0))]
FOUR = [{"makespan": 1.0 + i, "energy": 2e7 / (1 + i), "accuracy": abs(i - 3) / 10, "balance": 1.0}
        for i in range(6)]  # fmt: skip
FIVE = [{**p, "lost": 5.0 - i, "balance": 1.0 + i} for i, p in enumerate(FOUR)]


def test_rows_carry_numbers_objectives_and_the_choice() -> None:
    found = [{"accuracy": 0.1, "makespan": 2.0}, {"accuracy": 0.2, "makespan": 1.0}]
    rows = front_rows(outcome(found, chosen=1))
    assert rows == [
        {"point": 0, "accuracy_loss": 0.1, "makespan": 2.0, "chosen": False},
        {"point": 1, "accuracy_loss": 0.2, "makespan": 1.0, "chosen": True},
    ]


@pytest.mark.parametrize(("values", "panels"), [(TWO, 1), (FAR, 1), (FOUR, 3), (FIVE, 10),
                                                (TWO[:1], 1)])  # fmt: skip
def test_there_is_a_panel_for_each_pair_and_no_text_overlaps(
    values: list[dict[str, float]], panels: int
) -> None:
    from matplotlib import rc_context

    for chosen in {0, len(values) - 1}:
        with rc_context(style.RC):
            figure = _paint(outcome(values, chosen), "detection on lab, nsga2", 7.2)
            found = texts(figure)
        assert len(figure.axes) == panels
        words = [text for text, _ in found]
        assert words.count("chosen") == panels
        assert any(text.startswith("hypervolume ") for text in words)
        for text, box in found:
            assert box.x0 >= figure.bbox.x0 - 1 and box.x1 <= figure.bbox.x1 + 1, text
        for (a, one), (b, other) in itertools.combinations(found, 2):
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert width <= 1 or height <= 2, f"{a!r} and {b!r} overlap"


def test_the_staircase_bounds_what_the_front_dominates() -> None:
    """Down at each point's own makespan, level in between; far values on a logarithmic axis."""
    from matplotlib import rc_context

    with rc_context(style.RC):
        axes = _paint(outcome(TWO), "t", 7.2).axes[0]
        far = _paint(outcome(FAR), "t", 7.2).axes[0]
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert list(steps.get_xdata())[:4] == pytest.approx([10, 10, 12, 50])
    assert list(steps.get_ydata())[1:] == pytest.approx([90, 40, 30, 30])
    assert axes.get_xlabel() == "makespan (ms)" and axes.get_ylabel() == "energy (J)"
    assert far.get_xscale() == "log" and far.get_yscale() == "linear"
    assert far.get_ylabel() == "price of busy time (× 10⁻⁶)"


def test_another_suffix_or_no_front_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlloclabError, match="unknown chart format 'gif'"):
        pareto_chart(outcome(TWO), tmp_path / "front.gif", title="t")
    with pytest.raises(AlloclabError, match="has no front"):
        pareto_chart(outcome([]), tmp_path / "front.png", title="t")


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_it_draws_files_of_each_kind(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"front.{suffix}"
    pareto_chart(outcome(TWO), path, title="t")
    assert path.stat().st_size > 2000


def test_runs_and_comparisons_write_their_fronts(tmp_path: Path) -> None:
    scenario = load("translation")
    run = single.simulate(scenario, "nsga2", evaluations=60)
    single.write(run, tmp_path / "one")
    rows = list(csv.DictReader((tmp_path / "one" / "front.csv").open(encoding="utf-8")))
    points = json.loads((tmp_path / "one" / "front.json").read_text(encoding="utf-8"))
    assert [row["chosen"] for row in rows].count("True") == 1
    assert len(rows) == len(points) == len(run.outcome.front)
    assert Allocation.from_dict(points[0]["allocation"]) == run.outcome.front[0].allocation
    assert (tmp_path / "one" / "pareto.png").stat().st_size > 5000
    specs = ["heft", "nsga2[choose=first]", "nsga2[choose=knee,population=8]"]
    found = write_comparison(compare(scenario, specs, evaluations=60), tmp_path / "many")
    names = {path.name for path in found}
    assert {"pareto-nsga2_choose_first_.png", "front-nsga2_choose_first_.csv"} <= names
    assert "pareto.png" not in names and not any("front-heft" in name for name in names)
