"""Which scheduler of ours is which of SAGA's, and one measurement of both."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import Peer
from benchmarks.recheck import faults, makespan, play
from scenarios.importers import instance as importer
from schedulers import names, solve
from schedulers.outcome import Outcome
from simulator.errors import AlloclabError

PAIRS: Mapping[str, str] = {
    "heft": "HeftScheduler",
    "cpop": "CpopScheduler",
    "peft": "PEFTScheduler",
    "etf": "ETFScheduler",
    "mct": "MCTScheduler",
    "met": "METScheduler",
    "olb": "OLBScheduler",
    "min_min": "MinMinScheduler",
    "max_min": "MaxMinScheduler",
    "duplex": "DuplexScheduler",
    "sufferage": "SufferageScheduler",
    "fcp": "FCPScheduler",
    "flb": "FLBScheduler",
    "bil": "BILScheduler",
    "dps": "DPSScheduler",
    "dls": "GDLScheduler",
    "hbmct": "HbmctScheduler",
    "mst": "MSTScheduler",
    "msbc": "MsbcScheduler",
    "wba": "WBAScheduler",
    "hybrid[of=heft+cpop+min_min]": "HybridScheduler",
    "single_node": "FastestNodeScheduler",
}
"""Registered name -> SAGA's class. `dls` is the algorithm that SAGA's GDL generalises; both
hybrids have the same three parts."""

REPEAT, LONG_S = 5, 1.0


def registered() -> dict[str, str]:
    """Pairs both sides of which exist."""
    return {ours: theirs for ours, theirs in PAIRS.items() if ours.partition("[")[0] in names()}


def order_of(outcome: Outcome) -> tuple[dict[str, str], dict[str, Any]]:
    """Node and rank of every task."""
    placements = outcome.allocation.placements
    bare = {p: p.task.rpartition("/")[2] if "/" in p.task else p.task for p in placements}
    return (
        {bare[p]: p.node for p in placements},
        {bare[p]: (p.priority, i) for i, p in enumerate(placements)},
    )


def ours(spec: str, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Schedule here: the least CPU seconds of several times, from the problem and from the data."""
    least = whole = float("inf")
    spent, outcome = 0.0, None
    solve(spec, importer.load(data, name).problem(), seed=0)  # compiles
    for _ in range(REPEAT):
        begin = time.process_time()
        problem = importer.load(data, name).problem()
        outcome = solve(spec, problem, seed=0)
        took = time.process_time() - begin
        least, whole = min(least, outcome.cpu_seconds), min(whole, took)
        spent += took
        if spent > LONG_S:
            break
    assert outcome is not None
    placed = play(data, *order_of(outcome))
    found = faults(data, placed)
    if abs(makespan(placed) - outcome.objective) > 1e-9 * outcome.objective:
        found.append(f"makespan is {makespan(placed)}, not {outcome.objective}")
    return {"seconds": least, "whole_seconds": whole, "makespan": makespan(placed), "faults": found}


def theirs(
    cls: str, data: Mapping[str, Any], related: Path, peer: Peer, limit_s: float
) -> dict[str, Any]:
    """Schedule there, and recheck the schedule here."""
    request = {"file": str(related), "scheduler": cls, "repeat": REPEAT}
    reply = peer.ask(request, limit_s)
    if "error" in reply:
        return reply
    placed = [tuple(row) for row in reply.pop("placed")]
    if not placed:
        return {"error": "an empty schedule"}
    return {**reply, "makespan": makespan(placed), "faults": faults(data, placed)}


def measure(
    spec: str, data: Mapping[str, Any], related: Mapping[str, Any], folder: Path, peer: Peer,
    limit_s: float,
) -> dict[str, Any]:  # fmt: skip
    """One row: both sides, one right after the other."""
    file = folder / "related.json"
    if not file.exists():
        file.write_text(json.dumps(related), encoding="utf-8")
    name = str(data.get("name", "instance"))
    row: dict[str, Any] = {
        "instance": name,
        "family": data.get("family"),
        "ccr": data.get("ccr"),
        "tasks": len(data["tasks"]),
        "nodes": len(data["nodes"]),
        "scheduler": spec,
        "peer": PAIRS[spec],
    }
    try:
        row["ours"] = ours(spec, data, name)
    except AlloclabError as error:
        row["ours"] = {"error": str(error)}
    row["theirs"] = theirs(PAIRS[spec], data, file, peer, limit_s)
    return row
