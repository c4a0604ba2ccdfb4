"""From rows, as a sweep or a comparison writes them, to cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.statistics.cases import UNITS, Cases
from scenarios.statistics.scales import TIE, Scale, scale_for
from scenarios.statistics.words import names_text
from simulator.arrays import BoolArray, FloatArray
from simulator.errors import InvalidScenario, unknown

if TYPE_CHECKING:
    import pandas as pd

PARAMETER = "param."


def cases_of(
    frame: pd.DataFrame,
    metric: str = "objective",
    *,
    unit: str | None = None,
    scale: str | None = None,
    tie: float = TIE,
) -> Cases:
    """Arrange the rows of a study or of a comparison for statistics.

    Parameters
    ----------
    frame : DataFrame
        A row a cell, with at least `scheduler` and the metric; `instance` (default `scenario`),
        `family` (default `scenario`), `seed` (default 0), `status`, `error` and ``param.*`` where
        there are any.
    metric : str
    unit : {"instance", "seed"} or None
        None takes instances, or seeds where there is one instance only.
    scale : {"ratio", "difference"} or None
        None takes ratios where all values are above 0.
    tie : float
        Relative difference up to which two values are equal.

    Raises
    ------
    UnknownName, InvalidScenario
        A missing column; no answers; one cell with two different answers.
    """
    import pandas as pd

    if unit is not None and unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    rows = _complete(frame, metric)
    values = pd.to_numeric(rows[metric], errors="coerce").to_numpy(dtype=float, copy=True)
    failed = _failed(rows)
    values[failed] = np.nan
    if np.isnan(values).all():
        raise InvalidScenario(_nothing(rows, metric, failed))
    measure = scale_for(metric, values, scale, tie)
    rows = rows.assign(_value=values, _failed=failed)
    rows, remarks = _once(rows, measure)
    schedulers = tuple(dict.fromkeys(rows["scheduler"]))
    names = ["family", "instance", "seed"]
    keys = rows.drop_duplicates(names)[[*names, *_factors(rows)]].reset_index(drop=True)
    place = (
        rows.groupby(names, sort=False).ngroup().to_numpy(),
        pd.Categorical(rows["scheduler"], categories=schedulers).codes,
    )
    table = np.full((len(keys), len(schedulers)), np.nan)
    table[place] = rows["_value"]
    lost, there = np.zeros(table.shape, dtype=bool), np.zeros(table.shape, dtype=bool)
    lost[place], there[place] = rows["_failed"], True
    counts = _counts(schedulers, table, lost, there)
    if unit is None:
        unit = "instance" if keys["instance"].nunique() > 1 else "seed"
    return Cases(
        metric, unit, measure, schedulers, keys, measure.scores(table), lost, counts,
        _errors(rows), (*remarks, *_remarks(frame, counts, metric)),
    )  # fmt: skip


def _complete(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows with every key that statistics need."""
    if "scheduler" not in frame or len(frame) == 0:
        raise InvalidScenario("statistics: there are no rows with a scheduler")
    if metric not in frame:
        numbers = [
            str(c) for c in frame.columns
            if frame[c].dtype.kind in "fi" and not str(c).startswith(PARAMETER)
            and c not in ("seed", "semantics", "scheduler_version")
        ]  # fmt: skip
        raise unknown("metric", metric, numbers)
    rows = frame.copy()
    scenario = rows.get("scenario", "all")
    for name in ("instance", "family"):
        given = rows.get(name, scenario)
        rows[name] = given.fillna(scenario) if hasattr(given, "fillna") else given
        rows[name] = rows[name].astype(str)
    rows["scheduler"] = rows["scheduler"].astype(str)
    rows["seed"] = rows["seed"].fillna(0).astype(int) if "seed" in rows else 0
    for name in rows.columns:
        if str(name).startswith(PARAMETER) and rows[name].dtype == object:
            rows[name] = rows[name].map(str, na_action="ignore")  # lists and mappings, for one
    return rows


def _failed(rows: pd.DataFrame) -> BoolArray:
    """Cells that were run and gave no answer."""
    found = np.zeros(len(rows), dtype=bool)
    if "status" in rows:
        found |= (rows["status"] == "failed").to_numpy(dtype=bool)
    if "error" in rows:
        found |= (rows["error"].fillna("").astype(str) != "").to_numpy(dtype=bool)
    return found


def _nothing(rows: pd.DataFrame, metric: str, failed: BoolArray) -> str:
    if not failed.all():
        return f"metric {metric}: it has no value in any of the {len(rows):,} rows"
    why = next((str(e) for e in rows.get("error", ()) if isinstance(e, str) and e), "no error text")
    return f"all {len(rows):,} cells failed; the first: {why}"


def _once(rows: pd.DataFrame, scale: Scale) -> tuple[pd.DataFrame, list[str]]:
    """Every cell once: equal repetitions are dropped, different ones refused."""
    names = ["family", "instance", "seed", "scheduler"]
    again = rows.duplicated(names)
    if not again.any():
        return rows, []
    repeated = rows[rows.duplicated(names, keep=False)]
    for key, group in repeated.groupby(names, sort=False):
        values = scale.scores(group["_value"].to_numpy(dtype=float))
        same = np.isnan(values).all() or (scale.minus(values, values[:1]) == 0).all()
        if not same:
            a, b = group["_value"].iloc[0], group["_value"].iloc[1]
            raise InvalidScenario(
                f"scheduler {key[3]} has two different answers on {key[1]}, seed {key[2]} ({a:g} "
                f"and {b:g}); give results of one budget and version only"
            )
    dropped = int(again.sum())
    return rows[~again], [f"{dropped:,} repeated rows with equal answers were counted once"]


def _factors(rows: pd.DataFrame) -> list[str]:
    """Columns that say how instances differ and are the same for all schedulers of a case."""
    found = [str(c) for c in rows.columns if str(c).startswith(PARAMETER)]
    return [c for c in found if rows[c].notna().any()]


def _counts(
    schedulers: tuple[str, ...], table: FloatArray, failed: BoolArray, there: BoolArray
) -> list[dict[str, Any]]:
    return [
        {
            "scheduler": name,
            "cells": int(there[:, s].sum()),
            "answered": int((~np.isnan(table[:, s])).sum()),
            "failed": int(failed[:, s].sum()),
            "without_value": int((there[:, s] & np.isnan(table[:, s]) & ~failed[:, s]).sum()),
            "missing": int((~there[:, s]).sum()),
            "infinite": int(np.isinf(table[:, s]).sum()),
        }
        for s, name in enumerate(schedulers)
    ]


def _errors(rows: pd.DataFrame) -> dict[str, str]:
    """The first error of every scheduler that failed."""
    if "error" not in rows:
        return {}
    bad = rows[rows["_failed"]]
    return {
        str(name): str(group["error"].iloc[0])
        for name, group in bad.groupby("scheduler", sort=False)
    }


def _remarks(frame: pd.DataFrame, counts: list[dict[str, Any]], metric: str) -> list[str]:
    """What the counts and the columns mean for the reader."""
    out = []
    for key, words in (
        ("failed", "failed"),
        ("without_value", f"have no {metric}"),
        ("missing", "were not run"),
        ("infinite", f"have an infinite {metric}: they lost requests"),
    ):
        total = sum(c[key] for c in counts)
        if total:
            who = names_text([f"{c['scheduler']} {c[key]:,}" for c in counts if c[key]])
            out.append(f"{total:,} cells {words} ({who})")
    if "reproducible" in frame:
        timed = int((frame["reproducible"] == False).sum())  # noqa: E712  (elementwise)
        if timed:
            out.append(f"{timed:,} cells had budgets in seconds: another run gives other answers")
    for column in ("status", "search_status"):
        if column in frame and (cut := int((frame[column] == "interrupted").sum())):
            out.append(f"{cut:,} searches were interrupted; their best so far is compared")
    return out
