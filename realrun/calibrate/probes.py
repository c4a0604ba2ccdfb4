"""Functions that run inside a worker and time its models; called through `Workers.call`.

Medians are what count: minima are too short by 5 % for what happens in a pipeline. A one-thread CPU
worker is timed by the CPU clock of its thread, which other programs disturb least; any other by the
wall clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from realrun import models
from realrun.partition.reference import is_stage
from realrun.programs import computing_dtype, split_reference
from realrun.tensors import TENSORS

if TYPE_CHECKING:
    from realrun.worker.context import Context

BUDGET_S = 0.4
"""Seconds for one model in one round, where that is more than one execution."""
MOST = 15
FLUSH_BYTES = 8 << 20


def uses_cpu_clock(context: Context) -> bool:
    """Whether thread CPU time is the time of an execution here."""
    return context.device.type == "cpu" and context.spec.threads == 1


def runner(context: Context, model: str, batch: int) -> Callable[[], Any]:
    """A function that executes a model once on example inputs, casts included."""
    if is_stage(model):
        from realrun.partition.program import stage_runner

        return stage_runner(context, model)
    module = context.module(model)
    name, own = split_reference(model)
    inner = getattr(torch, models.DTYPES[computing_dtype(model, context.dtype)])
    outer = getattr(torch, models.DTYPES[own])
    given = models.inputs(name, batch)

    def run() -> Any:
        ready = [
            t.to(device=context.device, dtype=inner)
            if TENSORS[k].kind == "float"
            else t.to(device=context.device)
            for k, t in given.items()
        ]
        with torch.inference_mode():
            out = module(*ready)
        values = out if isinstance(out, tuple | list) else (out,)
        cast = [v.to(outer) if v.dtype == inner else v for v in values]
        context.synchronise()
        return cast

    return run


def time_model(context: Context, model: str, batch: int) -> dict[str, Any]:
    """Execute a model several times.

    Returns
    -------
    dict with ``seconds`` (array, the clock that counts here), ``wall_s``, ``cpu_s``,
    ``peak_bytes`` (of the device's allocator, 0 on a CPU).
    """
    return timed(context, runner(context, model, batch))


def time_basis(context: Context, name: str) -> dict[str, Any]:
    """The same for one of the modules of `realrun.calibrate.basis`."""
    from realrun.calibrate import basis

    dtype = getattr(torch, models.DTYPES[context.dtype])
    module = basis.build(name).to(device=context.device, dtype=dtype)
    given = torch.randn(basis.CASES[name][1], generator=torch.Generator().manual_seed(0))

    def run() -> Any:
        with torch.inference_mode():
            out = module(given.to(device=context.device, dtype=dtype)).to(torch.float32)
        context.synchronise()
        return out

    return timed(context, run, basis.BUDGET_S)


def timed(context: Context, run: Callable[[], Any], budget_s: float = BUDGET_S) -> dict[str, Any]:
    """Execute something several times, after a warm-up."""
    began = time.perf_counter()
    run()
    first = time.perf_counter() - began
    if first < 1.0:
        run()
    wall: list[float] = []
    cpu: list[float] = []
    rubbish = torch.empty(FLUSH_BYTES, dtype=torch.uint8)
    spent = 0.0
    while not wall or (spent < budget_s and len(wall) < MOST):
        rubbish.fill_(len(wall) % 250)  # between two executions in a pipeline others use the cache
        a, b = time.perf_counter(), time.thread_time()
        run()
        cpu.append(time.thread_time() - b)
        wall.append(time.perf_counter() - a)
        spent += wall[-1]
    peak = 0
    if context.device.type == "cuda":
        peak = torch.cuda.max_memory_reserved(context.device)
    seconds = cpu if uses_cpu_clock(context) else wall
    return {
        "seconds": np.array(seconds), "wall_s": np.array(wall), "cpu_s": np.array(cpu),
        "peak_bytes": int(peak),
    }  # fmt: skip


def time_together(context: Context, model: str, batch: int, copies: int) -> float:
    """Median wall seconds of a model while so many copies execute in threads at the same time."""
    run = runner(context, model, batch)
    times: list[float] = []
    barrier = threading.Barrier(copies)

    def serve() -> None:
        with context.thread():
            run()
            for _ in range(5):
                barrier.wait()
                began = time.perf_counter()
                run()
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=serve) for _ in range(copies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(np.median(times))


def host(context: Context) -> dict[str, Any]:
    """What the worker's process occupies, its device's memory, and its host's."""
    import hashlib
    import math
    import socket

    from realrun.host import host_memory

    there = host_memory()
    found: dict[str, Any] = {
        "resident_bytes": resident_bytes(), "device": "",
        "host": hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12],
        "host_bytes": there if there < math.inf else None,
    }  # fmt: skip
    if context.device.type == "cuda":
        free, total = torch.cuda.mem_get_info(context.device)
        found |= {
            "device": torch.cuda.get_device_name(context.device),
            "memory_bytes": total, "free_bytes": free,
            "allocated_bytes": torch.cuda.memory_allocated(context.device),
            "reserved_bytes": torch.cuda.memory_reserved(context.device),
        }  # fmt: skip
    return found


def resident_bytes() -> int:
    """Bytes of this process in memory now, or the most it ever had where that cannot be read."""
    import resource
    from pathlib import Path

    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def burn(context: Context, seconds: float) -> int:
    """Compute reference products for so long; returns how many times five."""
    from realrun.validate.probes import matmul

    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        matmul(context)
        count += 1
    return count
