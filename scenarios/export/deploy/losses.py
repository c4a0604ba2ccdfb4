"""What Kubernetes and Ray cannot be told of an allocation, named in one sentence each."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scenarios.export.deploy.plan import GPU_KINDS, Plan

SYSTEMS = {"kubernetes": "Kubernetes", "ray": "Ray Serve"}


def losses(plan: Plan, target: str) -> list[str]:
    """Sentences about what is planned but not deployed, only where the scenario has it.

    Parameters
    ----------
    plan : Plan
    target : {"kubernetes", "ray"}
    """
    name = SYSTEMS[target]
    return [*_network(plan, name), *_order(plan, name), *_graph(plan, name), *_nodes(plan, target)]


def _network(plan: Plan, name: str) -> Iterator[str]:
    links, rule = plan.scenario.cluster.links, plan.problem.network
    if links:
        shared = "" if rule == "ideal" else f", nor that messages contend for them ({rule})"
        yield (
            f"links: {name} reserves no bandwidth and knows no latency of the {len(links)} "
            f"links{shared}"
        )


def _order(plan: Plan, name: str) -> Iterator[str]:
    problem = plan.problem
    if any(len(tasks) > 1 for tasks in plan.by_node.values()):
        rule = f"{problem.dispatch} dispatch, discipline {problem.discipline}"
        yield (
            f"priorities: {name} does not order the tasks of a node ({rule}); the wiring carries "
            "their priorities for your program"
        )
    slots = [n for n, tasks in plan.by_node.items() if tasks[0].node.slots > 1]
    if slots and name == "Kubernetes":
        yield (
            f"slots: how many tasks run at once on {_some(slots)} is up to your program; one CPU "
            "is requested for each slot"
        )


def _graph(plan: Plan, name: str) -> Iterator[str]:
    joins = [t.name for t in plan.problem.tasks
             if t.join.need is not None or t.join.deadline_s is not None]  # fmt: skip
    if joins:
        yield f"joins: quorums and deadlines of {_some(joins)} are up to your program"
    maybe = [m.edge for m in plan.messages if m.probability is not None]
    if maybe:
        yield f"branches: which of the edges {_some(maybe)} is taken is up to your program"
    late = [m.edge for m in plan.messages if m.lag]
    if late:
        yield f"lags: that {_some(late)} feed a later request is up to your program"
    deadlines = [s.name for s in plan.scenario.streams if s.deadline_s not in (None, math.inf)]
    if deadlines:
        yield f"deadlines: {name} knows none, those of {_some(deadlines)} are left out"
    yield (
        f"load: arrivals, sizes and the objective ({plan.scenario.objective}) are left out, and "
        "nothing is scaled with the load"
    )
    groups = [g for s in plan.scenario.streams for g in (*s.graph.place_with, *s.graph.apart)]
    if groups:
        yield (
            "groups: place_with and apart hold because every task is bound to its node; they are "
            "not stated"
        )
    d = plan.scenario.dynamics
    if d.outages or d.slowdowns or d.degradations:
        yield "dynamics: outages, slow-downs and degradations are left out"


def _nodes(plan: Plan, target: str) -> Iterator[str]:
    used = [tasks[0].node for tasks in plan.by_node.values()]
    gpus = [n for n in used if n.kind in GPU_KINDS]
    hosts = [n.host for n in gpus if n.host is not None]
    if len(set(hosts)) < len(hosts):
        yield (
            "devices: which GPU of a machine a task gets is not said, so GPUs of one machine are "
            "interchangeable"
        )
    if gpus:
        yield "GPU memory: it cannot be requested, so only whole GPUs are" + (
            ", or shares of one" if target == "ray" else ""
        )
    others = [n.name for n in used if n.kind not in (*GPU_KINDS, "cpu", "storage")]
    if others:
        yield (
            f"devices: {_some(others)} are neither CPU nor GPU, so no device is requested for them"
        )
    if any(n.dispatch_s or n.send_s or n.wake_s or n.send_s_per_byte or n.corun for n in used):
        yield "overheads: dispatch, send, wake and co-run costs are properties, not settings"


def _some(names: list[str]) -> str:
    """Up to four names."""
    shown = ", ".join(repr(n) for n in names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
