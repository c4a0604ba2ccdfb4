"""Rules, fixed beforehand, by which a run does not count: the machine was busy with other things.

Errors are reported over all runs as well as over the surviving ones, with the rejected share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NOT_ASSESSABLE = "wall clock not assessable on this machine"


@dataclass(frozen=True)
class Rules:
    """Limits of a run that counts.

    Parameters
    ----------
    off_cpu : float
        (wall - CPU) / wall over all executions: the share of time in which tasks held their slot
        without computing.
    probe : float
        Time of a reference matmul before or after the run, over its median in the whole session.
    late_start_s : float
        Lateness of the last worker to start.
    least_share : float
        Below this share of surviving runs the wall clock says nothing.
    """

    off_cpu: float = 0.02
    probe: float = 1.1
    late_start_s: float = 2e-3
    least_share: float = 0.5

    def __str__(self) -> str:
        return (
            f"(wall - CPU)/wall > {100 * self.off_cpu:g} %, reference matmul before or after > "
            f"{self.probe:g}x its median, start later than {1e3 * self.late_start_s:g} ms"
        )


def off_cpu(row: Mapping[str, Any]) -> float:
    """(wall - CPU) / wall of a run; 0 where CPU time says nothing (all work on GPUs)."""
    wall = float(row["wall_s"])
    return (wall - float(row["cpu_s"])) / wall if wall > 0 else 0.0


def probe_medians(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Median time of the reference matmul on each worker, over all runs."""
    every = [row[key] for row in rows for key in ("probe_before_s", "probe_after_s")]
    return np.median(np.array(every), axis=0).tolist() if every else []


def reasons(row: Mapping[str, Any], median_s: Sequence[float], rules: Rules) -> list[str]:
    """Why a run is rejected; empty for one that counts."""
    out = []
    if off_cpu(row) > rules.off_cpu:
        out.append("off CPU")
    both = (*row["probe_before_s"], *row["probe_after_s"])
    slow = [t > rules.probe * m for t, m in zip(both, (*median_s, *median_s), strict=True)]
    if any(slow):
        out.append("slow probe")
    if float(row["late_start_s"]) > rules.late_start_s:
        out.append("late start")
    return out


def judge(rows: Sequence[dict[str, Any]], rules: Rules) -> list[dict[str, Any]]:
    """Copies of the rows with `rejected`: the reasons, joined; empty for survivors."""
    median_s = probe_medians(rows)
    return [{**row, "rejected": "; ".join(reasons(row, median_s, rules))} for row in rows]


def is_assessable(rows: Sequence[Mapping[str, Any]], rules: Rules) -> bool:
    """Whether enough judged runs survive to speak about the wall clock."""
    survive = [not row["rejected"] for row in rows]
    return bool(survive) and float(np.mean(survive)) >= rules.least_share
