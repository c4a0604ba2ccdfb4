"""What `scenarios.statistics` says of a folder's rows, as a section of its report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.report.page import Axis, Chart, Column, Plot, Section, Series, Table
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.statistics import Analysis
    from scenarios.statistics.profiles import Profiles

MOST_POINTS = 300


def section(frame: pd.DataFrame) -> Section:
    """Effects, tests, ranks and profiles; where they cannot be had, why not."""
    from scenarios.statistics import analyse

    try:
        found = analyse(frame)
    except AlloclabError as error:
        return Section("How sure that is", [], f"No statistics: {error}.")
    blocks: list[Any] = [_table(found)]
    if (effects := _effects(found)) is not None:
        blocks.insert(0, effects)
    if found.ranks is not None:
        blocks.append(_ranks(found))
    if found.profiles is not None and len(found.profiles.ratios):
        blocks.append(profile(found.profiles))
    return Section("How sure that is", blocks, "\n".join(found.summary))


def _table(a: Analysis) -> Table:
    percent = f"{100 * a.settings.confidence:g} % interval"
    effect = "ratio" if a.scale == "ratio" else "number"
    wanted = [
        ("scheduler", Column("scheduler")),
        ("effect", Column(f"against {a.baseline}", effect, "Above 1 (ratio) or 0 is worse")),
        ("low", Column("from", effect, percent)),
        ("high", Column("to", effect, percent)),
        ("better", Column("better", "count")),
        ("equal", Column("equal", "count")),
        ("worse", Column("worse", "count")),
        ("p_holm", Column("p (Holm)", "number", "Signed-rank test, corrected for all schedulers")),
        ("rank_biserial", Column("effect size", "number", "Rank-biserial; 1: always better")),
        ("mean_rank", Column("mean rank", "number")),
        ("left_out", Column("left out", "count", "Without an answer, or with lost requests")),
    ]
    wanted = [(key, column) for key, column in wanted if key in a.table]
    rows = [[_plain(row[key]) for key, _ in wanted] for row in a.table.to_dict("records")]
    return Table("Schedulers compared", [column for _, column in wanted], rows, a.chosen, size=60)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _effects(a: Analysis) -> Chart | None:
    """Effects with their intervals."""
    rows = [r for r in a.table.to_dict("records") if math.isfinite(r["effect"])]
    if not rows or a.scale != "ratio":
        return None
    names, values = [r["scheduler"] for r in rows], [r["effect"] for r in rows]
    ends = [[r[k] if math.isfinite(r[k]) else r["effect"] for r in rows] for k in ("low", "high")]
    plot = Plot(
        "bars", Axis(f"ratio to {a.baseline}", "ratio", log=True), Axis("", "text"),
        [Series("effect", values, names, ends[0], ends[1])], [("x", 1.0, "equal")],
    )  # fmt: skip
    share = f"{100 * a.settings.confidence:g} %"
    note = f"Geometric means with {share} bootstrap intervals over each {a.unit}."
    return Chart.of("Effects with intervals", plot, note)


def _ranks(a: Analysis) -> Chart:
    assert a.ranks is not None
    r = a.ranks
    plot = Plot("bars", Axis("mean rank", "number", zero=True), Axis("", "text"),
                [Series("mean rank", list(r.average), list(r.schedulers))])  # fmt: skip
    groups = "; ".join(", ".join(group) for group in r.groups)
    note = (
        f"1 is best. Ranks less than {r.critical_difference:.2f} apart (Nemenyi) may be chance"
        + (f": {groups}." if groups else ": none are.")
    )
    return Chart.of("Mean ranks", plot, note)


def profile(profiles: Profiles) -> Chart:
    """Performance profiles: share of the units within a factor of the best."""
    finite = profiles.ratios[np.isfinite(profiles.ratios)]
    taus = np.unique(np.maximum(finite, 1.0)) if len(finite) else np.array([1.0])
    taus = _thin(np.unique(np.concatenate([[1.0], taus])))
    shares = profiles.at(taus)
    series = [
        Series(profiles.schedulers[s], taus.tolist(), shares[s].tolist(), colour=i, line="step",
               markers=False)
        for i, s in enumerate(profiles.order())
    ]  # fmt: skip
    plot = Plot("lines", Axis("factor of the best", "ratio", log=bool(taus[-1] > 3)),
                Axis("share of the cases within it", "percent", zero=True), series)  # fmt: skip
    note = (
        "Higher is better: at 1 how often a scheduler is the best, further right how far off it is "
        "at most (Dolan and Moré 2002)."
    )
    return Chart.of("Performance profiles", plot, note)


def _thin(values: Any, most: int = MOST_POINTS) -> Any:
    """At most so many of the values, with both ends."""
    if len(values) <= most:
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]


def enough(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a comparison has several seeds, so that statistics mean something."""
    return len({row["seed"] for row in rows}) > 1
