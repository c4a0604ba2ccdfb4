"""How far off durations are of models that were never profiled, by kind of model::

    python -m benchmarks.realrun.unprofiled --workers cpu:1,cpu:1@bf16 --rounds 3

All models of the catalogue are timed in interleaved rounds, and the basis beside them. Then each is
predicted twice: from all others (`model out`), and from those of other families only (`family out`,
a family being a file of realrun/modules). What is predicted never enters its own fit.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from realrun import models
from realrun.calibrate import counting
from realrun.calibrate.basis import CASES
from realrun.calibrate.predict import fit
from realrun.devices import parse_workers
from realrun.pool import Workers

PROBES = "realrun.calibrate.probes"
Times = dict[str, dict[str, float]]
"""Node -> name -> median seconds."""


def kind(name: str) -> str:
    """``transformer``, ``mlp``, ``conv``, or ``other`` without any weights to multiply by."""
    work = counting.of_model(name, 1)
    convolved = sum(work.get(f"{k}_conv_flops", 0) for k in ("thin", "pointwise", "dense"))
    if convolved > work.get("matmul_flops", 0) + work.get("vector_bytes", 0):
        return "conv"
    if work.get("attentions"):
        return "transformer"
    return "mlp" if work.get("products") else "other"


def measure(workers: Workers, rounds: int) -> Times:
    """Median seconds of all models and of the basis, on every worker."""
    found: dict[str, dict[str, list[float]]] = {s.name: {} for s in workers.specs}
    todo = [(name, "time_model", {"model": name, "batch": 1}) for name in models.MODELS]
    todo += [(f"basis {name}", "time_basis", {"name": name}) for name in CASES]
    for _ in range(rounds):
        for name, probe, arguments in todo:
            for i, spec in enumerate(workers.specs):
                seconds = workers.call(i, f"{PROBES}:{probe}", **arguments)["seconds"]
                found[spec.name].setdefault(name, []).extend(float(x) for x in seconds)
    return {n: {k: float(np.median(v)) for k, v in row.items()} for n, row in found.items()}


def errors(seconds: dict[str, float], known_to: Callable[[str, str], bool]) -> dict[str, float]:
    """Signed relative error of every model, from those models that it is known to."""
    support = [(w, seconds[f"basis {n}"]) for n, w in counting.of_basis().items()]
    out = {}
    for name in models.MODELS:
        known = [(counting.of_model(m, 1), seconds[m]) for m in models.MODELS if known_to(m, name)]
        predicted = fit(known, support).seconds(counting.of_model(name, 1))
        out[name] = predicted / seconds[name] - 1.0
    return out


def report(times: Times) -> dict[str, dict[str, dict[str, float]]]:
    """Print and return signed errors by node, way of leaving out, and model."""
    family = {name: spec.family for name, spec in models.MODELS.items()}
    ways: dict[str, Callable[[str, str], bool]] = {
        "model out": lambda m, name: m != name,
        "family out": lambda m, name: family[m] != family[name],
    }
    found: dict[str, dict[str, dict[str, float]]] = {}
    for node, seconds in times.items():
        found[node] = {way: errors(seconds, known) for way, known in ways.items()}
        for way, row in found[node].items():
            for k in ("transformer", "mlp", "conv", "other"):
                off = np.abs([e for name, e in row.items() if kind(name) == k])
                print(
                    f"{node}  {way:10}  {k:11}  {len(off):2} models  median "
                    f"{100 * np.median(off):5.1f} %  p90 {100 * np.quantile(off, 0.9):5.1f} %  "
                    f"max {100 * off.max():5.1f} %"
                )
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", default="cpu:1,cpu:1@bf16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--out", type=Path, help="JSON file to write")
    asked = parser.parse_args()
    began = time.perf_counter()
    with Workers(parse_workers(asked.workers)) as workers:
        times = measure(workers, asked.rounds)
    print(f"measured in {time.perf_counter() - began:.0f} s")
    found = report(times)
    if asked.out:
        asked.out.write_text(json.dumps({"seconds": times, "errors": found}, indent=1))


if __name__ == "__main__":
    main()
