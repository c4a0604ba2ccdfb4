"""Predictions with a term of the model left out: how much each of them is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from realrun.validate.loads import Case, measures
from simulator.engines import simulate
from simulator.problem import Problem
from simulator.taskgraph import Variant
from simulator.workload import Stream

FULL = "full"
NO_CONTENTION = "no contention"
NO_OVERHEADS = "no overheads"
NO_HARVESTING = "no harvesting"
PEAK_ONLY = "FLOPs / peak only"

Durations = Mapping[str, tuple[Stream, ...]]
"""Name of an ablation -> the pipeline's streams with other durations."""


def without_contention(problem: Problem) -> Problem:
    """Messages that share nothing, and nodes as fast with several tasks as with one."""
    nodes = tuple(replace(n, corun=()) for n in problem.cluster.nodes)
    return replace(problem, cluster=replace(problem.cluster, nodes=nodes), network="ideal")


def without_overheads(problem: Problem) -> Problem:
    """Dispatching, sending and waking take no time."""
    nodes = tuple(
        replace(n, dispatch_s=0.0, wake_s=0.0, send_s=0.0, send_s_per_byte=0.0)
        for n in problem.cluster.nodes
    )
    return replace(problem, cluster=replace(problem.cluster, nodes=nodes))


def with_durations(problem: Problem, streams: Sequence[Stream]) -> Problem:
    """The problem with the variants of other streams; load and luck stay its own."""
    mixed = tuple(
        replace(mine, graph=other.graph)
        for mine, other in zip(problem.streams, streams, strict=True)
    )
    return replace(problem, streams=mixed)


def over_peak(measured: Sequence[Stream], counted: Sequence[Stream]) -> tuple[Stream, ...]:
    """Streams whose durations are FLOPs over the node's peak and nothing else.

    The peak of a node is the highest rate that any of the measured variants reaches there.

    Parameters
    ----------
    measured : streams whose variants have seconds by node name
    counted : the same streams with counted work
    """
    peak: dict[str, float] = {}
    for variant, flops in _pairs(measured, counted):
        for node, seconds in (variant.seconds or {}).items():
            value = variant.at(seconds, variant.batch[0])
            if value > 0 and flops is not None:
                rate = flops.at(_total(flops), variant.batch[0]) / value
                peak[node] = max(peak.get(node, 0.0), rate)
    return tuple(
        replace(s, graph=replace(s.graph, tasks=tuple(
            replace(t, variants=tuple(
                _by_peak(v, c, peak) for v, c in zip(t.variants, u.variants, strict=True)))
            for t, u in zip(s.graph.tasks, other.graph.tasks, strict=True))))
        for s, other in zip(measured, counted, strict=True)
    )  # fmt: skip


def _pairs(
    measured: Sequence[Stream], counted: Sequence[Stream]
) -> list[tuple[Variant, Variant | None]]:
    """Each measured variant, with its counted self where that has work."""
    return [
        (v, c if c.work is not None else None)
        for s, other in zip(measured, counted, strict=True)
        for t, u in zip(s.graph.tasks, other.graph.tasks, strict=True)
        for v, c in zip(t.variants, u.variants, strict=True)
    ]


def _total(variant: Variant) -> float | tuple[float, ...]:
    """FLOPs of all operator classes, along the variant's own batch axis."""
    assert variant.work is not None
    curves = [np.broadcast_to(np.asarray(c, dtype=float), len(variant.batch))
              for c in variant.work.flops.values()]  # fmt: skip
    return tuple(np.sum(curves, axis=0).tolist())


def _by_peak(variant: Variant, counted: Variant, peak: Mapping[str, float]) -> Variant:
    if counted.work is None or variant.seconds is None:
        return variant
    flops = _total(counted)
    seconds = {
        node: tuple(counted.at(flops, b) / peak[node] for b in variant.batch)
        for node in variant.seconds
        if peak.get(node, 0.0) > 0
    }
    return replace(variant, seconds=seconds)


def ablated(case: Case, durations: Durations) -> dict[str, dict[str, float]]:
    """Measures of a case by every prediction, the full one first.

    Parameters
    ----------
    case : Case
    durations : mapping
        Ablations of durations that the caller can offer (`NO_HARVESTING`, `PEAK_ONLY`).
    """
    variants = {
        NO_CONTENTION: without_contention(case.problem),
        NO_OVERHEADS: without_overheads(case.problem),
    } | {name: with_durations(case.problem, streams) for name, streams in durations.items()}
    out = {FULL: measures(case.predicted)}
    for name, problem in variants.items():
        trace = simulate(problem, case.candidate.allocation, realisation=case.realisation)
        out[name] = measures(trace)
    return out
