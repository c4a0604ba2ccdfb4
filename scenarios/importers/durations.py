"""Measured durations by name and device, and scenarios whose tasks take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.scenario import Scenario
from simulator.cluster import Cluster, Node
from simulator.errors import InvalidScenario, unknown
from simulator.taskgraph import Curve, Task, Variant

if TYPE_CHECKING:
    import pandas as pd

STATISTICS: Mapping[str, Callable[[Any], Any]] = {
    "median": np.median,
    "mean": np.mean,
    "min": np.min,
    "p95": lambda values: np.quantile(values, 0.95),
    "max": np.max,
}
"""What one duration is made of many."""

Key = tuple[str, str, str]
"""(name, device, category)."""


@dataclass(frozen=True, eq=False, repr=False)
class Durations:
    """Durations as a trace holds them.

    Parameters
    ----------
    samples : mapping of (name, device, category) to a tuple of float, seconds in file order
    source : str
    """

    samples: Mapping[Key, tuple[float, ...]]
    source: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in the order in which they first occur."""
        return tuple(dict.fromkeys(name for name, _, _ in self.samples))

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices, in the order in which they first occur."""
        return tuple(dict.fromkeys(device for _, device, _ in self.samples))

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each name, device and category, the one with the most seconds first."""
        import pandas as pd

        rows = [
            {
                "name": name,
                "device": device,
                "category": category,
                "count": len(values),
                **{f"{s}_s": float(f(values)) for s, f in STATISTICS.items()},
                "total_s": float(np.sum(values)),
            }
            for (name, device, category), values in self.samples.items()
        ]
        return pd.DataFrame(rows).sort_values(
            ["total_s", "name", "device"], ascending=[False, True, True], ignore_index=True
        )

    def to_csv(self, path: str | Path) -> None:
        """Write `frame` as CSV."""
        from scenarios.results import write_text

        write_text(Path(path), self.frame.to_csv(index=False))

    def assign(
        self,
        scenario: Scenario,
        tasks: Mapping[str, str] | None = None,
        devices: Mapping[str, str] | None = None,
        statistic: str = "median",
    ) -> tuple[Scenario, list[str]]:
        """The scenario with these durations, and remarks on what was taken and what was not.

        A task takes the durations of its own name, or of its variant's name. On a node it takes
        those of the devices that mean the node: the device's name is the node's name, device, kind
        or label; ``cuda:i`` means nodes of kind ``gpu``. On nodes that were not measured the
        scenario's own estimate stands. A request of average size takes the measured duration.

        Parameters
        ----------
        scenario : Scenario
        tasks : mapping of task, or task/variant, to a name in the trace, or None
        devices : mapping of a device in the trace to a node, device, kind or label, or None
        statistic : {"median", "mean", "min", "p95", "max"}

        Returns
        -------
        scenario : Scenario
        remarks : list of str

        Raises
        ------
        UnknownName
            A task, name, device or statistic that there is not.
        InvalidScenario
            No task is measured on any node, or the variant is not clear.
        """
        return _assign(self, scenario, dict(tasks or {}), dict(devices or {}), statistic)

    def __repr__(self) -> str:
        n = sum(len(values) for values in self.samples.values())
        return (
            f"Durations({self.source!r}: {n} of {len(self.names)} names on "
            f"{', '.join(self.devices[:4])}{', ...' if len(self.devices) > 4 else ''})"
        )

    def _repr_html_(self) -> str:
        return str(self.frame.head(20).to_html(index=False, escape=True))


def _assign(
    table: Durations,
    scenario: Scenario,
    tasks: dict[str, str],
    devices: dict[str, str],
    statistic: str,
) -> tuple[Scenario, list[str]]:
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    for device in devices:
        if device not in table.devices:
            raise unknown("device", device, table.devices, table.source)
    problem = scenario.problem()
    wanted = _wanted(table, scenario, problem.task_names, tasks)
    nodes = _nodes_by_device(table, scenario.cluster, devices)
    remarks, streams, measured, i = list[str](), [], 0, 0
    converted = False
    for stream in scenario.streams:
        new = []
        for task in stream.graph.tasks:
            name, scale = problem.task_names[i], float(problem.task_scale[i])
            i += 1
            variants = []
            for variant in task.variants:
                found = _on_nodes(table, wanted.get((name, variant.name)), nodes, statistic)
                if not found:
                    variants.append(variant)
                    continue
                measured += 1
                converted |= variant.work is not None
                remarks.append(f"{name}: measured on {', '.join(found)}")
                seconds = {node: value / scale for node, value in found.items()}
                variants.append(_with(variant, seconds, scenario.cluster))
            if all(a is b for a, b in zip(variants, task.variants, strict=True)):
                remarks.append(f"{name}: not in the trace, keeps its own durations")
            new.append(replace(task, variants=tuple(variants)))
        streams.append(replace(stream, graph=replace(stream.graph, tasks=tuple(new))))
    if not measured:
        raise InvalidScenario(_nothing(table, problem.task_names, bool(wanted)))
    remarks += [f"device {d!r} means no node; name one" for d in table.devices if not nodes.get(d)]
    facts = {**scenario.facts, "durations": f"{statistic} of {table.source}, {measured} measured"}
    return replace(
        scenario,
        streams=tuple(streams),
        facts=facts,
        fixed_cluster=scenario.fixed_cluster or converted,
    ), remarks


def _nothing(table: Durations, names: tuple[str, ...], matched: bool) -> str:
    if matched:
        return (
            f"{table.source}: none of its devices ({', '.join(table.devices[:6])}) means a node; "
            "say which, DEVICE=NODE"
        )
    return (
        f"{table.source}: none of its names is that of a task ({', '.join(names[:6])}) or of its "
        "model; say which, TASK=NAME"
    )


def _wanted(
    table: Durations, scenario: Scenario, names: tuple[str, ...], tasks: dict[str, str]
) -> dict[tuple[str, str], str]:
    """(task, variant) -> name in the trace."""
    every = [t for stream in scenario.streams for t in stream.graph.tasks]
    known = dict(zip(names, every, strict=True))
    out: dict[tuple[str, str], str] = {}
    for name, task in known.items():
        for variant in task.variants:
            if variant.name in table.names:
                out[name, variant.name] = variant.name
        if name in table.names and len(task.variants) == 1:
            out[name, task.variants[0].name] = name
    for given, label in tasks.items():
        if label not in table.names:
            raise unknown("name", label, table.names, table.source)
        out[_target(given, known)] = label
    return out


def _target(given: str, known: Mapping[str, Task]) -> tuple[str, str]:
    """(task, variant) that ``task`` or ``task/variant`` means."""
    if given in known:
        variants = known[given].variants
        if len(variants) > 1:
            choices = ", ".join(f"{given}/{v.name}" for v in variants)
            raise InvalidScenario(f"task {given!r} has several variants; name one: {choices}")
        return given, variants[0].name
    name, _, variant = given.rpartition("/")
    if name not in known:
        raise unknown("task", given, known)
    if variant not in [v.name for v in known[name].variants]:
        raise unknown("variant", variant, [v.name for v in known[name].variants], f"task {name!r}")
    return name, variant


def _nodes_by_device(
    table: Durations, cluster: Cluster, devices: Mapping[str, str]
) -> dict[str, list[str]]:
    """Device of the trace -> the nodes that it means."""
    labels = dict.fromkeys(x for node in cluster.nodes for x in _labels(node))
    out: dict[str, list[str]] = {}
    for device in table.devices:
        if device in devices and devices[device] not in labels:
            raise unknown("node, device, kind or label", devices[device], labels)
        meant = [devices[device]] if device in devices else _meanings(device)
        for label in meant:
            out[device] = [n.name for n in cluster.nodes if label in _labels(n)]
            if out[device]:
                break
    return out


def _meanings(device: str) -> list[str]:
    """What a device may stand for, the most exact first."""
    plain = device.partition(" (")[0]  # alloclab's own traces say "node (device)"
    kind = ["gpu"] if device.startswith("cuda") else []
    return [device, plain, *kind]


def _labels(node: Node) -> tuple[str, ...]:
    return tuple(x for x in (node.name, node.device, node.kind, *node.labels) if x)


def _on_nodes(
    table: Durations, label: str | None, nodes: Mapping[str, list[str]], statistic: str
) -> dict[str, float]:
    """Seconds by node; of several devices that mean one node, all samples together.

    Where torch.profiler saw a range on a GPU, the same range on the CPU is only its launch.
    """
    pooled: dict[str, list[float]] = {}
    on_gpu = any(name == label and kind == "gpu_user_annotation" for name, _, kind in table.samples)
    for (name, device, kind), values in table.samples.items():
        if name == label and not (on_gpu and kind == "user_annotation"):
            for node in nodes.get(device, ()):
                pooled.setdefault(node, []).extend(values)
    return {node: float(STATISTICS[statistic](values)) for node, values in pooled.items()}


def _with(variant: Variant, measured: Mapping[str, float], cluster: Cluster) -> Variant:
    """The variant with durations on some nodes measured, on the others as they were."""
    if variant.seconds is not None:
        return replace(variant, seconds={**variant.seconds, **measured})
    seconds: dict[str, Curve] = {}
    for node in cluster.nodes:
        if node.name in measured:
            seconds[node.name] = measured[node.name]
            continue
        curve = tuple(variant.seconds_on(node, size) for size in variant.batch)
        if all(value == value for value in curve):
            seconds[node.name] = curve
    return replace(variant, seconds=seconds, work=None)
