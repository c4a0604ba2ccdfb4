"""Charts of comparisons: what they show, in which order, and that it fits."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from scenarios.compare import Comparison
from scenarios.plots import Line, _paint, chart_data, compare_chart
from scenarios.scenario import Scenario
from simulator import AlloclabError, Cluster, Node, Objective, Stream, Task, TaskGraph, Variant
from simulator.charts import style


def comparison(values: dict[str, Any], objective: str = "makespan", bound: float | None = None,
               ) -> Comparison:  # fmt: skip
    """A comparison with given objectives by scheduler and seed; a text is an error."""
    task = Task("t", (Variant("m", seconds={"*": 1.0}),))
    scenario = Scenario(
        "pipeline", Cluster("lab", (Node("n"),)), (Stream("s", TaskGraph((task,))),),
        objective=Objective.parse(objective),
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for name, found in values.items():
        for seed, value in enumerate(found):
            row = {"scheduler": name, "seed": seed}
            row |= {"error": value} if isinstance(value, str) else {"objective": value}
            if bound is not None and not isinstance(value, str):
                row["bound"] = bound
            rows.append(row)
    seeds = tuple(range(max(len(found) for found in values.values())))
    return Comparison(scenario, rows, seeds, "kernel")


PLAIN = {
    "random": [0.5, 0.9],
    "heft": [0.25, 0.35],
    "met": [math.inf, 0.4],
    "cpop": ["no room"] * 2,
}


def test_rows_are_sorted_by_their_mean_failures_last() -> None:
    lines, bound, unit, scale = chart_data(comparison(PLAIN, bound=0.2))
    assert [line.scheduler for line in lines] == ["heft", "random", "met", "cpop"]
    assert (unit, scale, bound) == ("ms", 1e-3, pytest.approx(200.0))
    assert lines[0].values == pytest.approx((250.0, 350.0)) and lines[0].mean == 300.0
    assert lines[2].mean == math.inf
    assert lines[3] == Line("cpop", (), "no room")


def test_a_bound_that_not_every_run_has_is_left_out() -> None:
    some = comparison({"heft": [1.0, 2.0]}, bound=0.5)
    del some.rows[1]["bound"]
    assert chart_data(some)[1] is None
    assert chart_data(comparison({"heft": [1.0]}))[1] is None


@pytest.mark.parametrize(("objective", "unit"), [("energy", "J"), ("balance", ""), ("cost", ""),
                                                 ("p99_latency", "s")])  # fmt: skip
def test_units_follow_the_objective(objective: str, unit: str) -> None:
    assert chart_data(comparison({"heft": [2.0]}, objective))[2] == unit


def texts(figure: Any) -> list[tuple[str, Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    outside = set()
    for axis in itertools.chain.from_iterable((a.xaxis, a.yaxis) for a in figure.axes):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low <= tick.get_loc() <= high:
                outside |= {tick.label1, tick.label2}
    return [(t.get_text(), t.get_window_extent(renderer)) for t in figure.findobj(Text)
            if t.get_visible() and t.get_text().strip() and t not in outside]  # fmt: skip


WIDE = {"heft": [0.01, 0.02], "single_node[by=makespan,pinned=yes]": [3.0, 90.0]}


@pytest.mark.parametrize("values", [PLAIN, WIDE, {"heft": [0.3]}, {"heft": [math.inf]},
                                    {"heft": ["x"]}, {"heft": [0.0], "met": [1.0]}])  # fmt: skip
def test_every_scheduler_is_named_and_no_text_overlaps(values: dict[str, Any]) -> None:
    from matplotlib import rc_context

    with rc_context(style.RC):
        figure = _paint(comparison(values, bound=0.005), 7.2)
        found = texts(figure)
    words = {text for text, _ in found}
    assert set(values) <= words and "pipeline on lab" in words
    if "cpop" in values:
        assert {"loses requests", "no answer", "lower bound", "300 ms", "1.00x"} <= words
    page = figure.bbox
    for text, box in found:
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, text
    for (a, one), (b, other) in itertools.combinations(found, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert width <= 1 or height <= 2, f"{a!r} and {b!r} overlap"


def test_bars_start_at_zero_and_far_values_are_dots_on_a_logarithmic_scale() -> None:
    from matplotlib import rc_context

    with rc_context(style.RC):
        near = _paint(comparison(PLAIN), 7.2).axes[0]
        far = _paint(comparison(WIDE), 7.2).axes[0]
    assert near.get_xlim()[0] == 0 and len(near.patches) == 2
    assert all(bar.get_x() == 0 for bar in near.patches)
    assert far.get_xscale() == "log" and len(far.patches) == 0


@pytest.mark.parametrize(
    ("objective", "label", "ticks"),
    [
        ("makespan", "makespan", {"10 ms", "100 ms", "1 s", "10 s", "100 s"}),
        ("energy", "energy (J)", {"0.01", "0.1", "1", "10", "100"}),
    ],
)
def test_ticks_of_a_logarithmic_scale_are_plain(
    objective: str, label: str, ticks: set[str]
) -> None:
    axes = _paint(comparison(WIDE, objective, bound=0.005), 7.2).axes[0]
    low, high = axes.get_xlim()
    names = axes.xaxis.get_major_formatter().format_ticks(axes.get_xticks())
    assert axes.get_xlabel() == label
    assert {n for n, at in zip(names, axes.get_xticks(), strict=True) if low < at < high} == ticks


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_it_draws_files_of_each_kind(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"chart.{suffix}"
    compare_chart(comparison(PLAIN, bound=0.2), path)
    assert path.stat().st_size > 2000


def test_another_suffix_or_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlloclabError, match="unknown chart format 'gif'"):
        compare_chart(comparison(PLAIN), tmp_path / "chart.gif")
    nothing = comparison(PLAIN)
    nothing.rows.clear()
    with pytest.raises(AlloclabError, match="there are no rows"):
        compare_chart(nothing, tmp_path / "chart.png")
