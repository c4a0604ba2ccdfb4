"""Files of an analysis: JSON, tables as CSV and LaTeX, figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.results import folder, manifest, to_json
from scenarios.statistics.words import effect_text, p_text

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.statistics.analysis import Analysis

FIGURES = ("effects", "ranks", "profiles", "levels")
SUFFIXES = ("png", "svg", "pdf")
TABLES = ("schedulers", "pairs", "levels", "profiles", "ranks", "cells")


def write(a: Analysis, target: Path, facts: Mapping[str, Any]) -> list[Path]:
    """Write ``statistics.json``, ``tables/`` and ``figures/`` into a folder.

    Files of an earlier analysis that this one does not have are removed; all others stay.

    Raises
    ------
    AlloclabError
        The folder cannot be written.
    """
    from scenarios.statistics.figures import draw

    with folder(target) as work:
        record = {**a.to_dict(), "manifest": manifest("stats", **facts)}
        (work / "statistics.json").write_text(to_json(record) + "\n", encoding="utf-8")
        (work / "tables").mkdir()
        for name, frame in tables(a).items():
            frame.to_csv(work / "tables" / f"{name}.csv", index=False)
            (work / "tables" / f"{name}.tex").write_text(latex(a, name), encoding="utf-8")
        (work / "figures").mkdir()
        draw(a, work / "figures")
        names = sorted(p.relative_to(work).as_posix() for p in work.rglob("*") if p.is_file())
    for stale in _possible() - set(names):
        (target / stale).unlink(missing_ok=True)
    return [target / name for name in names]


def _possible() -> set[str]:
    """Every file that an analysis may write."""
    return {f"tables/{name}.{suffix}" for name in TABLES for suffix in ("csv", "tex")} | {
        f"figures/{name}.{suffix}" for name in FIGURES for suffix in SUFFIXES
    }


def tables(a: Analysis) -> dict[str, pd.DataFrame]:
    """Name -> table with all digits; those that there are."""
    import pandas as pd

    found = {"schedulers": a.table, "pairs": a.pairs, "levels": a.levels, "cells": a.cells}
    if a.profiles is not None:
        found["profiles"] = a.profiles.table()
    if a.ranks is not None:
        found["ranks"] = pd.DataFrame(
            {"scheduler": a.ranks.schedulers, "mean_rank": a.ranks.average}
        )
    return {name: frame for name, frame in found.items() if len(frame)}


def readable(a: Analysis) -> pd.DataFrame:
    """The table of schedulers as people read it: rounded, intervals in one column."""
    import pandas as pd

    percent = f"{100 * a.settings.confidence:g} %"
    rows: list[dict[str, Any]] = []
    for row in a.table.to_dict("records"):
        shown = {
            "scheduler": row["scheduler"],
            "ratio" if a.scale == "ratio" else "difference": effect_text(a, row["effect"]),
            f"{percent} by {a.drawn}": _interval(a, row["low"], row["high"]),
        }
        if a.size["families"] > 1:
            shown["by family"] = _interval(a, row["family_low"], row["family_high"])
        counts = (row["better"], row["equal"], row["worse"])
        shown |= {
            "better/equal/worse": "/".join(str(n) for n in counts),
            "p (Holm)": p_text(row["p_holm"]),
            "effect size": _number(row["rank_biserial"], "+.2f"),
        }
        if "mean_rank" in row:
            shown["mean rank"] = _number(row["mean_rank"], ".2f")
        if a.table["left_out"].any():
            shown["left out"] = str(row["left_out"])
        rows.append(shown)
    return pd.DataFrame(rows)


def _interval(a: Analysis, low: float, high: float) -> str:
    if math.isnan(low):
        return "-"
    if a.scale == "ratio":
        return f"{low:.3f} to {high:.3f}"
    return f"{low:+.4g} to {high:+.4g}"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def latex(a: Analysis, name: str) -> str:
    """One table for a paper, with the rules of the booktabs package.

    Parameters
    ----------
    a : Analysis
    name : str
        A key of `tables`.
    """
    frame = readable(a) if name == "schedulers" else _rounded(tables(a)[name])
    columns = "l" + "r" * (len(frame.columns) - 1)
    body = frame.to_latex(index=False, escape=True, column_format=columns, na_rep="--")
    return f"% \\usepackage{{booktabs}}\n% {_note(a)}\n{body}"


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Four digits in columns of numbers that are not whole."""
    out = frame.copy()
    for name in out.columns:
        if out[name].dtype.kind == "f":
            out[name] = [_number(v, ".4g") for v in out[name]]
        out[name] = out[name].astype(str)
    out.columns = [str(c).replace("_", " ") for c in out.columns]
    return out


def _note(a: Analysis) -> str:
    words = a.metric.replace("_", " ")
    return f"{words}, {a.scale} to {a.baseline}, {a.size['units']} {a.unit}s"
