"""Instances that a search found, each with a ratio that anybody can check.

A scheduler that becomes better may break one: then a worse instance for the new version belongs in
its place.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios import load
from scenarios.compare import compare
from simulator import simulate

FILES = sorted((Path(__file__).parent / "certificates").glob("*.yaml"))
BY_NAME = {file.stem: file for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_ratio_is_what_the_file_says(file: Path) -> None:
    scenario = load(file)
    a, b = file.stem.split("-vs-")
    result = compare(scenario, [a, b])
    makespan = {row["scheduler"]: row["makespan"] for row in result.rows}
    assert makespan[a] / makespan[b] >= float(scenario.facts["ratio"]) * (1 - 1e-12)
    for spec, trace in result.traces.items():
        again = simulate(trace.problem, trace.allocation, engine="reference")
        assert again.metrics()["makespan"] == makespan[spec]


def test_heft_is_worse_than_one_node_by_hand() -> None:
    """Two tasks at once save one second; the messages between them then take ten.

    t0 and t1 (1 s each) run side by side on equal nodes, t2 needs 10 bytes from both at 1 byte/s:
    it starts at 1 + 10 wherever it is. t3 needs t2. HEFT: 1 + 10 + 1 + 1. One node: 4 x 1.
    """
    rows = compare(load(BY_NAME["heft-vs-single_node"]), ["heft", "single_node"]).rows
    assert [row["makespan"] for row in rows] == [13.0, 4.0]


def test_min_min_waits_by_hand() -> None:
    """t3 would finish at 10.97 s, t2 at 11 s, so t3 goes first, and n0 is idle from 1 s on.

    On n0: t0 until 1, then t3 from 7.19 + 1.08 until + 2.7, then t2 for 10. Max-min takes t2 first.
    """
    rows = compare(load(BY_NAME["min_min-vs-max_min"]), ["min_min", "max_min"]).rows
    assert rows[0]["makespan"] == pytest.approx(7.19 + 1.08 + 2.7 + 10)
    assert rows[1]["makespan"] == pytest.approx(1 + 10)
