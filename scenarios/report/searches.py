"""Charts of searches: best-so-far curves and Pareto fronts, from the files of a folder."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.report.columns import axis_kind, column, records
from scenarios.report.page import Axis, Chart, Plot, Series, Table
from scenarios.report.reading import read_csv

MOST_PAIRS = 10


def curves(path: Path, objective: str) -> list[Chart]:
    """Best objective so far over CPU seconds or evaluations, of the first seed."""
    if not path.is_file():
        return []
    frame = read_csv(path, ("scheduler", "seed", "seconds", "evaluations", "objective"))
    frame = frame[frame["seed"] == frame["seed"].min()]
    plots = {}
    words = objective.replace("_", " ")
    fields = [("seconds", "CPU seconds of the search", "seconds"),
              ("evaluations", "evaluations", "count")]  # fmt: skip
    for i, (field, label, kind) in enumerate(fields):
        series: list[Series] = []
        for spec, rows in frame.groupby("scheduler", sort=False):
            x = np.maximum(rows[field].astype(float), 1e-4 if kind == "seconds" else 1)
            single = len(rows) == 1
            series.append(Series(
                str(spec), x.tolist(), rows["objective"].astype(float).tolist(),
                colour="muted" if single else sum(s.line == "step" for s in series),
                line="" if single else "step",
            ))  # fmt: skip
        series.sort(key=lambda s: s.line == "")
        best = Axis(f"best {words} so far", axis_kind(objective))
        plots[str(i)] = Plot("lines", Axis(label, kind, log=True), best, series)
    note = "Under the luck that the search may look at. Grey dots: schedulers that answer once."
    return [Chart("Best so far", plots, [("Over", ["CPU time", "evaluations"])], note)]


def fronts(folder: Path) -> list[Any]:
    """Points and table of every Pareto front in a folder."""
    out: list[Any] = []
    for path in sorted(folder.glob("front*.csv")):
        frame = read_csv(path, ("point", "chosen"))
        spec = path.stem.removeprefix("front").strip("-")
        title = f"Pareto front{f' of {spec}' if spec else ''}"
        names = [str(name) for name in frame if name not in ("point", "chosen")]
        rows = records(frame)
        plots, options = {}, []
        for i, (a, b) in enumerate(list(combinations(names, 2))[:MOST_PAIRS]):
            order = frame.sort_values([a, b])
            text = [f"point {p}" for p in order["point"]]
            chosen = frame[frame["chosen"].astype(bool)]
            series = [
                Series("not dominated", order[a].tolist(), order[b].tolist(), text=text,
                       line="step" if len(names) == 2 else ""),
                Series("chosen", chosen[a].tolist(), chosen[b].tolist(), colour="accent", line=""),
            ]  # fmt: skip
            plots[str(i)] = Plot("lines", Axis(a.replace("_", " "), axis_kind(a)),
                                 Axis(b.replace("_", " "), axis_kind(b)), series)  # fmt: skip
            options.append(f"{a} and {b}".replace("_", " "))
        choices = [("Objectives", options)] if len(options) > 1 else []
        if not choices:
            plots = {"": plots["0"]} if plots else {}
        if plots:
            out.append(Chart(title, plots, choices, "All objectives are minimised."))
        columns = [column(str(name), frame[name].tolist()) for name in frame]
        out.append(Table(f"{title}: points", columns, [list(r.values()) for r in rows]))
    return out
