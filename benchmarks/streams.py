"""Tail latency of streams: searches against HEFT at given shares of what the cluster can take.

    python -m benchmarks.streams [--quick] [--out FOLDER]

Every scenario of the catalogue on two clusters, `fair` network. The rate is a share (50, 80, 95 %)
of the bottleneck-bound throughput: `schedulers.streams.max_throughput`, the rate at which the
busiest node or link of the best allocation found has nothing left. Several streams keep their
proportions. Schedulers see `plan` luck only; each answer then runs with the same `test` draws, so
ratios of p99 are paired: the table gives their geometric mean with a bootstrap interval (BCa) over
the draws, and over all scenarios and clusters at each load. Rows go to streams.json and .csv.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats

import scenarios
from scenarios.scenario import Scenario
from schedulers import solve
from schedulers.streams import bottleneck_throughput, max_throughput
from simulator.batch import evaluate_batch
from simulator.errors import AlloclabError
from simulator.luck import draw
from simulator.objective import Objective
from simulator.problem import Problem

SCENARIOS = ("translation", "detection", "driving", "robot", "recommendation")
CLUSTERS = ("hetero-lab", "edge-cloud")
LOADS = (0.5, 0.8, 0.95)
SCHEDULERS = ("heft", "single_node", "contention_heft", "stream_search", "portfolio")
BASE = "heft"


def at_load(scenario: Scenario, load: float, requests: int, plan_draws: int) -> Problem:
    """The scenario at a share of its bottleneck-bound throughput, `requests` in all."""
    rates = np.array([stream.arrivals.rate for stream in scenario.streams])
    share = rates / rates.sum()
    fixed = _with_rates(scenario, rates, np.maximum(np.rint(share * requests), 1), plan_draws)
    limit = max_throughput(fixed)
    counts = [stream.requests for stream in fixed.streams]
    return _with_rates(scenario, share * limit * load, np.array(counts, dtype=float), plan_draws)


def _with_rates(
    scenario: Scenario, rates: np.ndarray, requests: np.ndarray, plan_draws: int
) -> Problem:
    streams = tuple(
        replace(stream, arrivals=replace(stream.arrivals, rate=float(rate)), requests=int(count))
        for stream, rate, count in zip(scenario.streams, rates, requests, strict=True)
    )
    posed = replace(
        scenario,
        streams=streams,
        network="fair",
        objective=Objective.parse("p99_latency"),
        plan_draws=plan_draws,
    )
    return posed.problem()


def tail_latencies(problem: Problem, rows: tuple[np.ndarray, ...], draws: int) -> np.ndarray:
    """(draws,) p99 latencies in seconds of one allocation over `test` draws."""
    node, variant, priority = (x[None] for x in rows)
    out = np.empty(draws)
    for seed in range(draws):
        luck = draw(problem, seed, "test")
        run = evaluate_batch(problem.arrays, node, variant, priority, luck)
        out[seed] = problem.objective.values(
            problem, luck.stream, run.arrival, run.completed, run.busy
        )[0]
    return out


def interval(logs: np.ndarray) -> tuple[float, float, float]:
    """Geometric mean of ratios given as logarithms, and its 95 % bootstrap interval."""
    middle = float(np.exp(logs.mean()))
    if len(logs) < 2 or np.ptp(logs) <= 1e-12 * max(1.0, float(np.abs(logs).max())):
        return middle, middle, middle
    found = stats.bootstrap((logs,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    low, high = float(np.exp(found.low)), float(np.exp(found.high))
    return middle, low if np.isfinite(low) else middle, high if np.isfinite(high) else middle


def measure(options: argparse.Namespace, say: Console) -> list[dict[str, Any]]:
    """One row for each scenario, cluster, load and scheduler."""
    rows: list[dict[str, Any]] = []
    for name in options.scenarios.split(","):
        for cluster in options.clusters.split(","):
            scenario = scenarios.load(name).on(scenarios.load_cluster(cluster))
            for load in LOADS:
                problem = at_load(scenario, load, options.requests, options.plan_draws)
                rows += _case(problem, (name, cluster, load), options)
                shown = {r["scheduler"]: f"{r['p99_s']:.4g}" for r in rows[-options.count :]}
                say.print(f"{name} on {cluster} at {load:.0%}: p99 {shown}", highlight=False)
    return rows


def _case(
    problem: Problem, case: tuple[str, str, float], options: argparse.Namespace
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    tails: dict[str, np.ndarray] = {}
    for spec in options.schedulers.split(","):
        outcome = solve(spec, problem, seconds=options.seconds, seed=options.seed)
        allocation = outcome.allocation.arrays(problem)
        tails[spec] = tail_latencies(problem, allocation, options.draws)
        middle, low, high = interval(np.log(tails[spec] / tails[BASE]))
        neck = bottleneck_throughput(problem, allocation[0][None], allocation[1][None])[0]
        rows.append(
            dict(zip(("scenario", "cluster", "load"), case, strict=True))
            | {
                "scheduler": spec,
                "p99_s": float(np.mean(tails[spec])),
                "ratio": middle,
                "low": low,
                "high": high,
                "plan_p99_s": outcome.objective,
                "bottleneck_per_s": float(neck),
                "cpu_seconds": outcome.cpu_seconds,
                "evaluations": outcome.evaluations,
                "draws_p99_s": tails[spec].tolist(),
            }
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """Geometric mean of the ratios by load and scheduler, with intervals over the cases."""
    frame = pd.DataFrame(rows)
    out = Table("load", "scheduler", f"p99 / {BASE}", "95 %", "better", "worse", "cpu s")
    for (load, spec), part in frame.groupby(["load", "scheduler"], sort=False):
        middle, low, high = interval(np.log(part["ratio"].to_numpy()))
        better, worse = int((part["high"] < 1).sum()), int((part["low"] > 1).sum())
        out.add_row(
            f"{load:.0%}",
            str(spec),
            f"{middle:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{better} of {len(part)}",
            f"{worse}",
            f"{part['cpu_seconds'].mean():.2f}",
        )
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, run, write and print."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--quick", action="store_true", help="300 requests, 5 draws, 0.5 s")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--clusters", default=",".join(CLUSTERS))
    parser.add_argument("--schedulers", default=",".join(SCHEDULERS))
    parser.add_argument("--requests", type=int, default=None, help="2000")
    parser.add_argument("--draws", type=int, default=None, help="test draws (20)")
    parser.add_argument("--plan-draws", type=int, default=None, help="what searches see (2)")
    parser.add_argument("--seconds", type=float, default=None, help="CPU seconds of a search (5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="folder for the rows")
    options = parser.parse_args(arguments)
    usual = (300, 5, 1, 0.5) if options.quick else (2000, 20, 2, 5.0)
    for key, value in zip(("requests", "draws", "plan_draws", "seconds"), usual, strict=True):
        if getattr(options, key) is None:
            setattr(options, key, value)
    specs = options.schedulers.split(",")
    options.count = len(specs)
    console = Console()
    if specs[0] != BASE:
        parser.error(f"--schedulers must begin with {BASE}: ratios are to it")
    try:
        rows = measure(options, console)
    except AlloclabError as error:
        console.print(f"error: {error}", highlight=False)
        return 2
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "streams.json").write_text(json.dumps(rows, indent=1))
        plain = pd.DataFrame(rows).drop(columns="draws_p99_s")
        plain.to_csv(options.out / "streams.csv", index=False)
    console.print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
