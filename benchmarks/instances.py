"""Run schedulers over a folder of published instances and check every schedule.

    python -m benchmarks.instances FOLDER [--schedulers heft,cpop] [--limit N]

For each file: every schedule is simulated and rechecked by the certificate, values that the file
expects of an algorithm must be met exactly, and nothing may lie below a proven optimum. The table
gives geometric means of the makespan over the best known, and over other programs' makespans where
the file has them. Exit code 1 if any check fails.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import scenarios
from scenarios.compare import compare
from scenarios.tables import console, grid
from simulator.check import check_trace
from simulator.errors import AlloclabError

PEER_NAMES = {"heft": "HEFT", "cpop": "CPOP", "met": "MET", "mct": "MCT", "min_min": "MinMin",
              "max_min": "MaxMin", "etf": "ETF", "sufferage": "Sufferage", "olb": "OLB",
              "duplex": "Duplex"}  # fmt: skip


def main() -> int:
    """Parse arguments, run, print, and return the exit code."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--schedulers", default=None, help="comma-separated; default all")
    parser.add_argument("--limit", type=int, default=None, help="first N files only")
    args = parser.parse_args()
    files = sorted(args.folder.rglob("*.json"))[: args.limit]
    if not files:
        print(f"{args.folder}: there are no .json files", file=sys.stderr)
        return 2
    specs = args.schedulers.split(",") if args.schedulers else None
    problems: list[str] = []
    ratios: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        try:
            _one(file, specs, ratios, problems)
        except AlloclabError as error:
            problems.append(f"{file.name}: {error}")
    rows = [
        {"scheduler": spec, "instances": max(map(len, columns.values()))}
        | {name: _geometric(values) for name, values in columns.items()}
        for spec, columns in sorted(ratios.items(), key=lambda kv: _geometric(kv[1]["/ HEFT"]))
    ]
    console().print(grid(f"{len(files)} instances of {args.folder}: geometric means", rows))
    for line in problems:
        print(line)
    print(f"{len(problems)} failed checks")
    return 1 if problems else 0


def _one(
    file: Path,
    specs: list[str] | None,
    ratios: dict[str, dict[str, list[float]]],
    problems: list[str],
) -> None:
    scenario = scenarios.load(str(file))
    data: dict[str, Any] = json.loads(file.read_text())
    result = compare(scenario, specs)
    makespan = {row["scheduler"]: row["objective"] for row in result.rows if "error" not in row}
    heft = makespan.get("heft")
    peers = data.get("peer_makespans") or {}
    for row in result.rows:
        if "error" in row:
            problems.append(f"{file.name}: {row['scheduler']}: {row['error']}")
    for spec, value in makespan.items():
        violations = check_trace(result.traces[spec])
        problems += [f"{file.name}: {spec}: {v}" for v in violations[:1]]
        columns = ratios[spec]
        if heft is not None:
            columns["/ HEFT"].append(value / heft)
        best = data.get("best_known")
        if best:
            columns["/ best known"].append(value / best)
            if data.get("proved_optimal") and value < best * (1 - 1e-9):
                problems.append(f"{file.name}: {spec}: {value} is below the optimum {best}")
        expected = (data.get("expected") or {}).get(spec)
        if expected is not None and value != expected:
            problems.append(f"{file.name}: {spec}: {value}, published {expected}")
        peer = _peer(peers, spec)
        if peer:
            columns["/ same in SAGA"].append(value / peer)
        values = [v for v in map(_number, peers.values()) if v]
        if values:
            columns["/ best of SAGA"].append(value / min(values))


def _peer(peers: dict[str, Any], spec: str) -> float | None:
    """Makespan of the scheduler of the same name, however the file spells it."""
    wanted = PEER_NAMES.get(spec, spec).lower()
    for name, value in peers.items():
        if name.lower().removesuffix("scheduler").replace("_", "") == wanted.replace("_", ""):
            return _number(value)
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, dict):
        value = value.get("makespan")
    return float(value) if isinstance(value, int | float) else None


def _geometric(values: list[float]) -> float:
    if not values:
        return math.nan
    return math.exp(math.fsum(math.log(v) for v in values) / len(values))


if __name__ == "__main__":
    raise SystemExit(main())
