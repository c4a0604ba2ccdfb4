"""Rows of a study summed up for pictures: by scheduler, and by scheduler and parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scenarios.report.columns import LABELS, is_number, kind_of
from scenarios.report.page import Axis, Chart, Plot, Series
from scenarios.rows import METRIC_COLUMNS
from simulator.metrics import UNITS

if TYPE_CHECKING:
    import pandas as pd

RATIO = "vs best"
TIE = 1e-9
MOST_LEVELS = 16
MOST_MEASURES = 10


class Factor(NamedTuple):
    """A column whose values are compared.

    Parameters
    ----------
    column, label : str
    levels : list
        Its values in order; texts where they are intervals of many numbers.
    numeric, log : bool
    """

    column: str
    label: str
    levels: list[Any]
    numeric: bool
    log: bool


def with_ratio(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with the objective over the best of the same instance and seed, as `RATIO`."""
    frame = frame.copy()
    best = frame.groupby(["instance", "seed"])["objective"].transform("min")
    ratio = frame["objective"] / best.where(best > 0)
    ratio = ratio.where(~((best == 0) & (frame["objective"] == 0)), 1.0)
    frame[RATIO] = ratio
    return frame


def geometric(values: pd.Series) -> float:
    """Geometric mean of what is finite; NaN of nothing."""
    finite = values[np.isfinite(values) & (values > 0)]
    return float(np.exp(np.log(finite).mean())) if len(finite) else float("nan")


def overview(good: pd.DataFrame) -> pd.DataFrame:
    """One row a scheduler, nearest to the best first; cases that all of them answered count."""
    whole = good.groupby(["instance", "seed"])["scheduler"].transform("nunique")
    common = good[whole == good["scheduler"].nunique()]
    common = good if common.empty else common
    groups = common.groupby("scheduler", sort=False)
    table = groups[RATIO].agg(geometric).to_frame(RATIO)
    table["best in"] = groups[RATIO].agg(lambda r: float((r <= 1 + TIE).mean()))
    table["lost requests in"] = groups["objective"].agg(lambda v: float((~np.isfinite(v)).mean()))
    table["cells"] = groups.size()
    for name in ("gap", "cpu_seconds", "evaluations", *METRIC_COLUMNS):
        if name in common and common[name].notna().any():
            table[name] = groups[name].mean().astype(float)
    if not table["lost requests in"].any():
        table = table.drop(columns="lost requests in")
    return table.sort_values([RATIO, "cpu_seconds"], kind="stable").reset_index()


def factors_of(frame: pd.DataFrame) -> list[Factor]:
    """Parameters, family and scenario with several values; numbers first, seeds last."""
    out = []
    names = [c for c in map(str, frame) if c.startswith("param.")]
    for name in [*names, *(c for c in ("family", "scenario") if f"param.{c}" not in names)]:
        values = frame[name].dropna()
        every: list[Any] = [v if v.__hash__ else str(v) for v in values.tolist()]
        distinct = list(dict.fromkeys(every))
        if len(distinct) < 2 or (not name.startswith("param.") and len(distinct) > MOST_LEVELS):
            continue
        numeric = all(is_number(v) for v in distinct)
        label = name.removeprefix("param.").replace("_", " ")
        if numeric:
            distinct.sort()
        elif len(distinct) > MOST_LEVELS:
            continue
        log = numeric and distinct[0] > 0 and distinct[-1] / distinct[0] >= 20
        out.append(Factor(name, label, distinct, numeric, log))
    return sorted(out, key=lambda f: ("seed" in f.column, not f.numeric))


def measures_of(frame: pd.DataFrame) -> list[str]:
    """What can be drawn over a parameter, the ratio to the best first."""
    names = [RATIO, "gap", "cpu_seconds", *METRIC_COLUMNS]
    out = [n for n in names if n in frame and frame[n].notna().any()
           and (n == RATIO or frame[n].nunique() > 1)]  # fmt: skip
    return out[:MOST_MEASURES]


def words(measure: str) -> str:
    """What a measure is called."""
    if measure == RATIO:
        return "objective over the best"
    return LABELS.get(measure, measure.replace("_", " "))


def axis_of(measure: str) -> Axis:
    """The axis of a measure."""
    if measure == RATIO:
        return Axis(words(measure), "ratio")
    if measure == "gap":
        return Axis(words(measure), "percent")
    if measure == "cpu_seconds":
        return Axis("CPU time of the scheduler", "seconds", log=True)
    return Axis(words(measure), kind_of(measure, UNITS.get(measure, "")))


def levels_charts(
    good: pd.DataFrame, factors: Sequence[Factor], measures: Sequence[str]
) -> tuple[Chart, Chart]:
    """Lines of every scheduler, and a heat map of schedulers, over every parameter and measure."""
    order = overview(good)["scheduler"].tolist()
    lines, heats = {}, {}
    for i, measure in enumerate(measures):
        for j, factor in enumerate(factors):
            means = _means(good, factor, measure).reindex(order)
            key = f"{i}|{j}"
            lines[key] = _lines(means, factor, measure)
            heats[key] = _heat(means, factor, measure)
    choices = [("Measure", [words(m) for m in measures]), ("Over", [f.label for f in factors])]
    return (Chart("Lines", lines, choices, "Geometric means of ratios, else means."),
            Chart("Heat map", heats, choices, "The best scheduler on top."))  # fmt: skip


def _means(good: pd.DataFrame, factor: Factor, measure: str) -> pd.DataFrame:
    """Schedulers by levels; many numbers are put into intervals with equally many rows."""
    import pandas as pd

    column = good[factor.column]
    if factor.numeric and len(factor.levels) > MOST_LEVELS:
        cut = pd.qcut(column.astype(float), 8, duplicates="drop")
        column = cut.map(lambda interval: float(interval.mid)).astype(float)
    elif not factor.numeric:
        column = column.map(lambda v: v if v.__hash__ else str(v))
    groups = good.groupby(["scheduler", column.rename("level")], sort=True, observed=True)[measure]
    found = groups.agg(geometric) if measure == RATIO else groups.mean()
    table = found.astype(float).unstack("level")
    if not factor.numeric:
        table = table[[v for v in factor.levels if v in table]]
    return table


def _lines(means: pd.DataFrame, factor: Factor, measure: str) -> Plot:
    heads = list[Any](means)
    levels = [float(v) for v in heads] if factor.numeric else [_name(v) for v in heads]
    series = [
        Series(str(spec), levels, row.tolist(), colour=i)
        for i, (spec, row) in enumerate(means.iterrows())
    ]
    kind = "number" if factor.numeric else "text"
    return Plot("lines", Axis(factor.label, kind, log=factor.log), axis_of(measure), series)


def _heat(means: pd.DataFrame, factor: Factor, measure: str) -> Plot:
    names = [str(s) for s in means.index]
    rows = [[None if v != v else float(v) for v in row] for row in means.to_numpy().tolist()]
    return Plot("heat", Axis(factor.label, "text"), Axis("", "text"),
                [Series(words(measure), [_name(v) for v in means], names)], z=rows,
                z_axis=axis_of(measure))  # fmt: skip


def _name(value: Any) -> str:
    return f"{value:.4g}" if is_number(value) else str(value)


def pareto(good: pd.DataFrame, measures: Sequence[str]) -> Chart:
    """Schedulers by two measures, and the front of those that no other beats in both."""
    from scenarios.report.columns import missing

    table = overview(good)
    plots: dict[str, Plot] = {}
    options: list[str] = []
    pairs = [("cpu_seconds", m) for m in measures if m != "cpu_seconds"]
    for a, b in pairs:
        if a not in table or b not in table:
            continue
        points = [(x, y, s) for x, y, s in zip(table[a], table[b], table["scheduler"], strict=True)
                  if not missing(x) and not missing(y)]  # fmt: skip
        front = front_of([(x, _loss(b, y)) for x, y, _ in points])
        best = sorted(points[i] for i in front)
        rest = [p for i, p in enumerate(points) if i not in front]
        series = [
            Series("not dominated", [x for x, *_ in best], [y for _, y, _ in best], line="step",
                   text=[s for *_, s in best], labelled=True),
            Series("dominated", [x for x, *_ in rest], [y for _, y, _ in rest], line="",
                   colour="muted", text=[s for *_, s in rest], labelled=True),
        ]  # fmt: skip
        plots[str(len(options))] = Plot("lines", axis_of(a), axis_of(b), series)
        options.append(words(b))
    note = "One point a scheduler; quicker is left. Nothing beats in both what is on the line."
    return Chart("Quality against time", plots, [("Quality", options)], note)


def _loss(measure: str, value: float) -> float:
    """The value, turned round where more is better."""
    better = ("throughput", "slo_attainment", "speedup", "jain_index", "utilisation", "accuracy")
    return -value if measure in better else value


def front_of(points: Sequence[tuple[float, float]]) -> set[int]:
    """Indices of the points that no other point is at least as good as in both and better in one.

    Examples
    --------
    >>> sorted(front_of([(1, 3), (2, 2), (3, 3), (3, 1)]))
    [0, 1, 3]
    """
    return {
        i for i, (x, y) in enumerate(points)
        if not any(a <= x and b <= y and (a < x or b < y) for a, b in points)
    }  # fmt: skip
