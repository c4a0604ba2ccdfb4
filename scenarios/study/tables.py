"""What `alloclab sweep` prints: how far a study is, and how its schedulers fare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios import tables

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.study.folder import Status
    from scenarios.study.sweeping import Swept

ERRORS = 5
"""Different errors that are named."""


def summary(frame: pd.DataFrame, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row a scheduler, best first.

    Parameters
    ----------
    frame : DataFrame of `scenarios.study.read`
    metrics : tuple of str
        Metrics whose means over the good cells are shown.

    Returns
    -------
    list of dict
        ``vs best`` is the geometric mean over instances and seeds of the objective over the best
        that any scheduler of the study reached there, as far as both are positive and finite.
    """
    good = frame[frame["status"] == "ok"].copy()
    best = good.groupby(["instance", "seed"])["objective"].transform("min")
    ratio = (good["objective"] / best).where((best > 0) & np.isfinite(good["objective"]))
    good["log_ratio"] = np.log(ratio)
    out = []
    for scheduler in dict.fromkeys(frame["scheduler"]):
        mine = good[good["scheduler"] == scheduler]
        row: dict[str, Any] = {"scheduler": scheduler, "cells": len(mine)}
        row["failed"] = int((frame["scheduler"] == scheduler).sum()) - len(mine)
        mean = mine["log_ratio"].mean()
        row["vs best"] = None if np.isnan(mean) else float(np.exp(mean))
        for metric in metrics:
            value = mine[metric].mean()
            row[metric] = None if np.isnan(value) else float(value)
        out.append(row)
    return sorted(out, key=lambda r: (r["vs best"] is None, r["vs best"] or 0.0))


def errors(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Different errors of failed cells and how often each occurs, most frequent first."""
    counts = frame.loc[frame["status"] == "failed", "error"].value_counts(sort=True)
    return [(str(text), int(count)) for text, count in counts.items()]


def show_swept(swept: Swept, metrics: tuple[str, ...]) -> None:
    """Print what a sweep has done."""
    from scenarios.study.frame import read

    out = tables.console()
    out.print(f"{swept.study}: {_counts(swept)}; {swept.ran:,} run now", style="bold")
    frame = read(swept.folder)
    if len(frame):
        rows = summary(frame, metrics)
        shown = [row | {"vs best": _times(row["vs best"])} for row in rows]
        if not any(row["failed"] for row in shown):
            shown = [{k: v for k, v in row.items() if k != "failed"} for row in shown]
        out.print(tables.grid("", shown))
        out.print(
            "vs best: objective over the best of all schedulers on the same instance and seed, "
            "geometric mean",
            style="dim italic",
        )
    for text, count in errors(frame)[:ERRORS]:
        out.print(f"{count:,} failed: {text}", style="red")
    if not swept.reproducible:
        out.print("budget in seconds: rows depend on the machine and its load", style="dim italic")
    out.print()
    out.print(f"wrote {swept.folder}/rows/", soft_wrap=True)
    if swept.missing or swept.failed:
        _next(out, swept.missing, swept.failed)


def show_status(state: Status, folder: Path) -> None:
    """Print how far a study is."""
    out = tables.console()
    out.print(f"{state.study} in {folder}: {_counts(state)}", style="bold")
    if state.missing and state.core_seconds is not None:
        out.print(f"to go: about {_duration(state.core_seconds)} of one core")
    if state.dropped:
        out.print(f"{state.dropped:,} more rows are of cells that the study has no more")
    if not state.reproducible:
        out.print("budget in seconds: rows depend on the machine and its load")
    who = state.running
    if who is not None:
        out.print(
            f"running: process {who.get('process')} on {who.get('host')}, since "
            f"{who.get('since')}{_left(state.seconds_left)}"
        )
    elif state.missing or state.failed:
        _next(out, state.missing, state.failed)


def _counts(state: Swept | Status) -> str:
    return (
        f"{state.cells:,} cells: {state.done:,} done, {state.failed:,} failed, "
        f"{state.missing:,} missing"
    )


def _next(out: Any, missing: int, failed: int) -> None:
    if missing:
        out.print("Next: the same command runs what is missing")
    if failed:
        out.print("Next: with --retry-failed the failed cells run again")


def _times(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.3f}x"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"; done in about {_duration(seconds)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
