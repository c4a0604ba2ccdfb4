"""About a hundred generated instances with optima: how they were made, and that they are right.

    python -m benchmarks.quality.optimal --check             recompute every certificate
    python -m benchmarks.quality.optimal --prove [--limit N] prove the optima again (minutes)
    python -m benchmarks.quality.optimal --build FOLDER      generate and solve all anew (minutes)

The set: nine families of `scenarios.generate`, durations range-based and CV-based, consistent and
inconsistent, CCR 0.1, 1 and 10, 12 to 25 tasks on 2 to 5 unrelated machines. Durations and
transfers are rounded to thousandths of a second, so that constraint programming in ticks of a
millisecond is exact. Each file is a ``task-graph-instance/1`` with `best_known`, `bound`,
`proved_optimal` and, as a certificate of the first, `schedule`: the tasks of every node in order.

`--check` uses neither the engines nor the importer: fractions, the JSON and the rules of the game
(a task starts when its node is free and its inputs are there) are enough.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "optimal"
FAMILIES = ("layered", "fork-join", "chains", "in-tree", "out-tree", "series-parallel", "stencil",
            "fft", "gauss")  # fmt: skip
DURATIONS = {
    "range": "range[beta=1]",
    "range-consistent": "range[beta=1.5,consistency=consistent]",
    "cv": "cv[task=0.5,machine=0.5]",
    "cv-consistent": "cv[task=0.6,machine=0.4,consistency=consistent]",
}
RATIOS = (0.1, 1.0, 10.0)
SECONDS = 8.0
"""CPU seconds for each attempt at a proof; then a smaller graph is drawn."""


# ----- checking ----------------------------------------------------------------------------------
def recomputed(data: dict[str, Any]) -> Fraction:
    """Makespan of the certificate, exactly.

    Raises
    ------
    ValueError
        It is no schedule of this instance.
    """
    tasks = {t["id"]: t["seconds"] for t in data["tasks"]}
    queues = {node: list(order) for node, order in data["schedule"].items()}
    place = {task: node for node, order in queues.items() for task in order}
    if sorted(place) != sorted(tasks) or sum(map(len, queues.values())) != len(tasks):
        raise ValueError("the schedule does not hold every task exactly once")
    inputs: dict[str, list[tuple[str, Any]]] = {t: [] for t in tasks}
    for src, dst, size in data["edges"]:
        inputs[dst].append((src, size))
    finish: dict[str, Fraction] = {}
    free = dict.fromkeys(data["nodes"], Fraction(0))
    while any(queues.values()):
        before = len(finish)
        for node, queue in queues.items():
            while queue and all(src in finish for src, _ in inputs[queue[0]]):
                task = queue.pop(0)
                if node not in tasks[task]:
                    raise ValueError(f"{task} may not run on {node}")
                ready = [free[node]]
                for src, size in inputs[task]:
                    ready.append(finish[src] + _transfer(data, place[src], node, size))
                finish[task] = free[node] = max(ready) + exact(tasks[task][node])
        if len(finish) == before:
            raise ValueError("the orders of the nodes contradict the edges")
    return max(finish.values())


def exact(value: float) -> Fraction:
    """The decimal number that a file says, not the float nearest to it."""
    return Fraction(repr(value))


def _transfer(data: dict[str, Any], a: str, b: str, size: float) -> Fraction:
    return Fraction(0) if a == b else exact(size) / exact(data["bandwidth"])


def critical_path(data: dict[str, Any]) -> Fraction:
    """Longest path at the fastest nodes without transfers: nothing may be below it."""
    least = {t["id"]: min(map(exact, t["seconds"].values())) for t in data["tasks"]}
    incoming: dict[str, list[str]] = {t: [] for t in least}
    for src, dst, _ in data["edges"]:
        incoming[dst].append(src)
    known: dict[str, Fraction] = {}

    def end(task: str) -> Fraction:
        if task not in known:
            known[task] = max(map(end, incoming[task]), default=Fraction(0)) + least[task]
        return known[task]

    return max(map(end, least))


def complaints(data: dict[str, Any]) -> Iterator[str]:
    """Everything that is wrong with one instance."""
    try:
        makespan = recomputed(data)
    except ValueError as error:
        yield str(error)
        return
    best, bound = data["best_known"], data["bound"]
    if abs(makespan - exact(best)) > Fraction(1, 10**9) * makespan:
        yield f"the schedule takes {float(makespan)}, best_known is {best}"
    if bound > best * (1 + 1e-9) or float(critical_path(data)) > best * (1 + 1e-9):
        yield f"the bound {bound} or the critical path is above best_known {best}"
    if data["proved_optimal"] != (best <= bound * (1 + 1e-9)):
        yield f"proved_optimal is {data['proved_optimal']}, the bound {bound}, the best {best}"


def check(folder: Path, prove: bool, limit: int | None) -> int:
    """Print what is wrong; exit code 1 if anything is."""
    files = sorted(folder.glob("*.json"))[:limit]
    wrong = 0 if files else 1
    proved = 0
    for file in files:
        data = json.loads(file.read_text(encoding="utf-8"))
        found = list(complaints(data))
        if prove and data["proved_optimal"] and not found:
            again = _solved(file)
            if again.status != "optimal" or abs(again.objective / data["best_known"] - 1) > 1e-9:
                found.append(f"solved again: {again.status}, {again.objective}")
        wrong += len(found)
        proved += data["proved_optimal"]
        for line in found:
            print(f"{file.name}: {line}")
    print(f"{len(files)} instances, {proved} proved optimal, {wrong} complaints")
    return 1 if wrong else 0


def _solved(file: Path, seconds: float = 60.0) -> Any:
    import scenarios
    from schedulers import solve

    return solve("exact", scenarios.load(str(file)).problem(), seconds=seconds)


# ----- building ----------------------------------------------------------------------------------
def build(folder: Path) -> None:
    """Generate the whole set and solve it."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for family in FAMILIES:
        for durations, spec in DURATIONS.items():
            for ccr in RATIOS:
                number += 1
                _build_one(folder, number, family, durations, spec, ccr)


def _build_one(
    folder: Path, number: int, family: str, durations: str, spec: str, ccr: float
) -> None:
    """Up to three attempts, with fewer tasks each time; what cannot be proved is left out."""
    rng = np.random.default_rng(number)
    tasks, nodes = int(rng.integers(16, 26)), int(rng.integers(2, 6))
    for attempt in range(3):
        file = folder / f"{family}-{durations}-ccr{ccr:g}.json"
        size = max(tasks - 4 * attempt, 12)
        data = _instance(family, size, nodes, ccr, spec, seed=1000 + number)
        file.write_text(_text(data), encoding="utf-8")
        outcome = _solved(file, SECONDS)
        order: dict[str, list[str]] = {node: [] for node in data["nodes"]}
        for p in sorted(outcome.allocation.placements, key=lambda p: p.priority):
            order[p.node].append(p.task)
        data["schedule"] = order
        data["best_known"] = data["bound"] = round(float(recomputed(data)), 3)
        data["proved_optimal"] = outcome.status == "optimal"
        print(f"{number:3d} {file.name}: {len(data['tasks'])} tasks, {nodes} nodes, "
              f"{outcome.status} in {outcome.cpu_seconds:.1f} s", flush=True)  # fmt: skip
        if data["proved_optimal"]:
            file.write_text(_text(data), encoding="utf-8")
            return
        file.unlink()


def _instance(
    family: str, tasks: int, nodes: int, ccr: float, spec: str, seed: int
) -> dict[str, Any]:
    """A generated scenario in seconds, rounded to thousandths, without its facts."""
    from scenarios.export import to_instance
    from scenarios.generate import generate

    scenario = generate(family, tasks=tasks, nodes=nodes, ccr=ccr, heterogeneity=spec, seed=seed)
    data = to_instance(scenario)
    bandwidth = data["bandwidth"]
    for task in data["tasks"]:
        task["seconds"] = {n: max(round(s, 3), 0.001) for n, s in task["seconds"].items()}
    data["edges"] = [[a, b, round(size / bandwidth, 3)] for a, b, size in data["edges"]]
    data["bandwidth"] = 1.0
    data["source"] = (
        f"scenarios.generate: {family}, tasks {tasks}, nodes {nodes}, ccr {ccr:g}, {spec}, "
        f"seed {seed}; seconds and transfers rounded to 0.001"
    )
    return data


def _text(data: dict[str, Any]) -> str:
    """One line for each task and edge."""
    lines = []
    for key, value in data.items():
        if key in ("tasks", "edges"):
            rows = ",\n  ".join(json.dumps(row) for row in value)
            lines.append(f' "{key}": [\n  {rows}\n ]')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Parse arguments and run."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true")
    what.add_argument("--prove", action="store_true")
    what.add_argument("--build", type=Path, metavar="FOLDER")
    parser.add_argument("--folder", type=Path, default=DATA)
    parser.add_argument("--limit", type=int, default=None, help="first N files only")
    args = parser.parse_args()
    if args.build is not None:
        build(args.build)
        return 0
    return check(args.folder, args.prove, args.limit)


if __name__ == "__main__":
    sys.exit(main())
