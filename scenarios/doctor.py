"""Checks of the installation, for `alloclab doctor`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Parameters
    ----------
    name : str
    status : {"ok", "absent", "failed"}
        "absent": an optional thing that is not here.
    detail : str
    """

    name: str
    status: str
    detail: str


def examine() -> list[Check]:
    """Run every check; one that raises is a failed check, not the end."""
    checks = []
    for name, check in _CHECKS.items():
        try:
            status, detail = check()
        except Exception as error:  # a doctor reports what is broken, whatever it is
            status, detail = "failed", f"{type(error).__name__}: {str(error).splitlines()[0]}"
        checks.append(Check(name, status, detail))
    return checks


def _versions() -> tuple[str, str]:
    from scenarios.results import versions

    found = versions()
    missing = [name for name, version in found.items() if version == "not installed"]
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    return ("failed" if missing else "ok"), text


def _threads() -> tuple[str, str]:
    from numba.core import config

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return "ok", f"{usable} usable cores, numba uses up to {vars(config)['NUMBA_NUM_THREADS']}"


def _cuda() -> tuple[str, str]:
    import torch

    if not torch.cuda.is_available():
        return (
            "absent",
            f"torch {torch.__version__} sees no CUDA device; everything runs on the CPU",
        )
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return "ok", ", ".join(names)


def _milp() -> tuple[str, str]:
    """Minimise x subject to x >= 2, x integer: the answer is 2."""
    from scipy.optimize import Bounds, milp

    answer = milp(c=[1.0], integrality=np.array([1]), bounds=Bounds(1.5, 9.0))
    good = answer.success and abs(answer.x[0] - 2.0) < 1e-9
    return ("ok" if good else "failed"), "MILP through scipy's HiGHS"


def _kernel() -> tuple[str, str]:
    """Both engines on a small pipeline under `fair`, where the answer is known: 1 + 2.5 + 2 s."""
    from simulator import Allocation, Cluster, Edge, Node, Problem, Stream, Task, TaskGraph, Variant
    from simulator.engines import execute
    from simulator.luck import nominal

    tasks = [Task(n, (Variant("m", seconds={"*": s}),)) for n, s in (("a", 1.0), ("b", 2.0))]
    graph = TaskGraph(tuple(tasks), (Edge("a", "b", bytes=20.0),))
    cluster = Cluster.star("c", [Node("x"), Node("y")], bandwidth=10.0, latency_s=0.25)
    problem = Problem(cluster, (Stream("s", graph),), network="fair")
    arrays = Allocation.of(problem, [0, 1]).arrays(problem)
    began = time.perf_counter()
    logs = {
        e: execute(problem.arrays, *arrays, nominal(problem), e) for e in ("kernel", "reference")
    }
    took = time.perf_counter() - began
    difference = logs["kernel"].first_difference(logs["reference"])
    if difference is not None or logs["kernel"].makespan != 5.5:
        return "failed", difference or f"makespan {logs['kernel'].makespan}, expected 5.5"
    return "ok", f"kernel and reference engine agree (loaded and run in {took:.1f} s)"


def _compiled() -> tuple[str, str]:
    import numba
    from numba.core import config

    settings = vars(config)
    if settings["DISABLE_JIT"]:
        return "failed", "NUMBA_DISABLE_JIT is set: the kernel runs interpreted, 100x slower"
    cache = settings["CACHE_DIR"] or "beside the code"
    return "ok", f"numba {numba.__version__} compiles; cache: {cache}"


_CHECKS: dict[str, Callable[[], tuple[str, str]]] = {
    "versions": _versions,
    "threads": _threads,
    "CUDA": _cuda,
    "solver": _milp,
    "compiler": _compiled,
    "engines": _kernel,
}
