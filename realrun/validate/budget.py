"""How many requests and allocations fit into the time that somebody wants to wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from realrun.validate.choice import Candidate
from realrun.validate.loads import Case

LEAST_ROUNDS = 5
LIGHT_REQUESTS, HEAVY_REQUESTS = 6, 20
LEAST_LIGHT, LEAST_HEAVY = 4, 12
LEAST_CANDIDATES = 6
PER_RUN_S = 0.35
"""Seconds around each run: reference matmuls, arming the workers, collecting what they wrote."""

Build = Callable[[Sequence[Candidate], int, int], list[Case]]
"""(candidates, light requests, heavy requests) -> the cases."""


@dataclass(frozen=True)
class Plan:
    """What is run.

    Parameters
    ----------
    cases : list of Case
    rounds : int
    seconds : float
        How long it will take by prediction.
    remarks : list of str
        What the budget took away.
    """

    cases: list[Case]
    rounds: int
    seconds: float
    remarks: list[str] = field(default_factory=list)


def duration_s(cases: Sequence[Case], rounds: int) -> float:
    """Predicted seconds of all rounds."""
    return rounds * sum(PER_RUN_S + case.predicted.makespan for case in cases)


def fit(build: Build, candidates: Sequence[Candidate], rounds: int, seconds: float | None) -> Plan:
    """Take requests away first, then allocations; never rounds below five.

    Allocations are dropped from the end, where the random ones are. What cannot be shortened
    any more is run all the same, and the plan says so.
    """
    remarks: list[str] = []
    if rounds < LEAST_ROUNDS:
        remarks.append(f"{rounds} rounds were asked for; {LEAST_ROUNDS} is the least")
        rounds = LEAST_ROUNDS
    light, heavy = LIGHT_REQUESTS, HEAVY_REQUESTS
    kept = list(candidates)
    cases = build(kept, light, heavy)
    need = duration_s(cases, rounds)
    if seconds is None or need <= seconds:
        return Plan(cases, rounds, need, remarks)
    # Both costs per run and per request are known, so the right number follows from two counts.
    shortest = duration_s(build(kept, LEAST_LIGHT, LEAST_HEAVY), rounds)
    share = (seconds - shortest) / (need - shortest) if need > shortest else 0.0
    share = min(max(share, 0.0), 1.0)
    light = LEAST_LIGHT + int(share * (LIGHT_REQUESTS - LEAST_LIGHT))
    heavy = LEAST_HEAVY + int(share * (HEAVY_REQUESTS - LEAST_HEAVY))
    cases = build(kept, light, heavy)
    remarks.append(f"the time allows for {light} requests a run in light load and {heavy} in heavy")
    need = duration_s(cases, rounds)
    if need > seconds and len(kept) > LEAST_CANDIDATES:
        most = max(LEAST_CANDIDATES, int(len(kept) * seconds / need))
        remarks.append(f"the time allows for {most} of {len(kept)} allocations")
        kept = kept[:most]
        cases = build(kept, light, heavy)
        need = duration_s(cases, rounds)
    if need > 1.1 * seconds:
        remarks.append(f"{rounds} rounds take about {need / 60:.1f} min, longer than asked for")
    return Plan(cases, rounds, need, remarks)
