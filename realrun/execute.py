"""Run an allocation for real: plan, load, start together, wait, and hand back a trace.

What comes back is the simulator's own `Trace`, so that metrics, charts, certificates and
comparisons are those of simulated runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from realrun.clerk import Clerk, Outputs
from realrun.controller import Controller
from realrun.plan import make_plan
from realrun.rows import trace_of
from realrun.survivors import Replan, Survivors
from simulator.errors import InvalidAllocation, Unsupported
from simulator.luck import draw
from simulator.shown import Shown

if TYPE_CHECKING:
    from realrun.pool import Workers
    from simulator.allocation import Allocation
    from simulator.problem import Problem
    from simulator.realisation import Realisation
    from simulator.trace import Trace


@dataclass(frozen=True, repr=False)
class RealRun(Shown):
    """One real run.

    Parameters
    ----------
    trace : Trace
        Measured; `trace.observed` has (R, T) arrays: ``cpu_s`` (CPU seconds of the slot's thread
        in the whole hold), ``compute_s`` (in the module alone), ``compute_wall_s`` (the same by the
        wall clock), ``minor_faults``, ``switches``
        (involuntary), ``bytes_sent``, ``worker`` (which executed it; differs from the allocation
        after a failure).
    outputs : mapping of (request, task name) to mapping of tensor name to array
        Of exit tasks, where they were asked for.
    facts : mapping
        ``late_start_s``: the latest worker's; ``transport``; ``emulated``; ``load_s``;
        ``failures``: what happened to workers; ``answered_twice``.
    """

    trace: Trace
    outputs: Outputs = field(default_factory=dict, repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def _title(self) -> str:
        return self.trace.problem.name

    def _summary(self) -> dict[str, str]:
        kept = {"outputs": f"{len(self.outputs)} kept"} if self.outputs else {}
        facts = {str(k).replace("_", " "): str(v) for k, v in self.facts.items() if v}
        return {**self.trace._summary(), **kept, **facts}


def execute(
    problem: Problem,
    allocation: Allocation,
    workers: Workers,
    realisation: Realisation | None = None,
    seed: int = 0,
    *,
    keep_outputs: bool = False,
    emulate: bool = False,
    tolerate_failures: bool = False,
    replan: Replan | None = None,
    input_seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[Clerk], None] | None = None,
) -> RealRun:
    """Execute an allocation on real workers.

    Parameters
    ----------
    problem : Problem
        Its nodes are the workers, in their order.
    realisation : Realisation or None
        Arrivals, sizes and branches; None draws those of the `test` family for `seed`.
    keep_outputs : bool
        Bring the outputs of exit tasks back.
    emulate : bool
        Pad every task to its planned duration and delay every message as the planned links
        would; the run then says how well the engine and the runtime agree, not how fast this
        machine is.
    tolerate_failures : bool
        When a worker dies, hangs or runs out of memory, put its work onto the others and go on;
        otherwise the run ends with an error.
    replan : function of (problem, allocation, failed node) or None
        The new allocation, in which only tasks of the failed node have moved; None moves them
        greedily.
    progress : function of (requests over, requests)
    watch : function of the clerk, called now and then during the run

    Returns
    -------
    RealRun

    Raises
    ------
    InvalidAllocation, Unsupported
    WorkerFailed
        A worker failed and that is not tolerated, or none is left.
    """
    _check_workers(problem, workers)
    if not workers.is_local and (tolerate_failures or emulate):
        raise Unsupported(
            "between hosts, failures are not survived and links are not emulated; leave out "
            "tolerate_failures and emulate"
        )
    workers.ensure()
    if realisation is None:
        realisation = draw(problem, seed)
    plan = make_plan(
        problem, allocation, realisation,
        input_seed=input_seed, emulate=emulate, retain=tolerate_failures, keep_outputs=keep_outputs,
    )  # fmt: skip
    if not workers.in_use.acquire(blocking=False):
        raise Unsupported("these workers are busy with another run; start others for a second one")
    try:
        survivors = Survivors(problem, allocation, realisation, tolerate_failures, replan)
        run = Controller(
            plan, workers, progress, watch, lambda error: survivors.make_up_for(run, error)
        )
        run.go()
        return _result(run, survivors)
    finally:
        workers.in_use.release()


def _result(run: Controller, survivors: Survivors) -> RealRun:
    facts: dict[str, Any] = {
        "transport": run.workers.transport_name,
        "emulated": run.plan.pad,
        "failures": survivors.failures,
        "load_s": run.load_s,
        **run.workers.after_run(run.answers, run.clerk.zero),
        "late_start_s": max(float(log.status[3]) for log in run.workers.logs),
        "answered_twice": run.clerk.twice,
    }
    engine = f"realrun/{run.workers.transport_name}" + ("/emulated" if run.plan.pad else "")
    trace = trace_of(
        survivors.problem, survivors.allocation, survivors.realisation, run.plan,
        run.workers.logs, run.answers.values(), engine,
    )  # fmt: skip
    return RealRun(trace, run.clerk.outputs, facts)


def _check_workers(problem: Problem, workers: Workers) -> None:
    from realrun.pool import LOG_ROWS

    names = [spec.name for spec in workers.specs]
    executions = sum(s.requests * len(s.graph.tasks) for s in problem.streams)
    if executions > LOG_ROWS:
        raise Unsupported(
            f"{problem.name}: {executions:,} executions are more than the {LOG_ROWS:,} of which a "
            "real run keeps note; give its streams fewer requests"
        )
    if list(problem.node_names) != names:
        raise InvalidAllocation(
            f"{problem.name}: its nodes ({', '.join(problem.node_names[:6])}) are not the workers "
            f"({', '.join(names[:6])})"
        )
    for node, spec in zip(problem.cluster.nodes, workers.specs, strict=True):
        if node.slots != spec.slots:
            raise InvalidAllocation(
                f"worker {spec.name!r} has {spec.slots} slots, but its node {node.slots}"
            )
