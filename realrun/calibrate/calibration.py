"""What was measured of a machine, and how a scenario gets it.

A calibration is plain data with a format version. It is written once, with a hash over its content;
nothing is fitted after that. `Calibration.cluster` and `Calibration.streams` put a scenario onto
the workers that were calibrated.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from realrun.calibrate import machine as machines
from realrun.devices import ENTRY, WorkerSpec
from simulator.cluster import Cluster, Link, Node
from simulator.errors import AlloclabError, unknown
from simulator.shown import Shown, some
from simulator.taskgraph import Task, Variant
from simulator.units import format_si
from simulator.workload import Stream

FORMAT = "alloclab-calibration/1"
SOURCES = ("profiled", "harvested", "predicted")


class BadCalibration(AlloclabError, ValueError):
    """A calibration file cannot be read, was changed, or is of another machine."""


@dataclass(frozen=True)
class Entry:
    """Seconds of one model on one node at one batch size.

    Parameters
    ----------
    model : str
        Reference, such as ``encoder-large`` or ``encoder-large@fp16``.
    node : str
    batch : int
    seconds : float
        Median of the module's execution; CPU time of one-thread CPU workers, else wall time.
    spread : float
        Median absolute deviation over the median.
    n : int
        Executions measured.
    source : {"profiled", "harvested", "predicted"}
    looped : float or None
        For a harvested one, what profiling in a loop had said.
    """

    model: str
    node: str
    batch: int
    seconds: float
    spread: float = 0.0
    n: int = 0
    source: str = "profiled"
    looped: float | None = None


@dataclass(frozen=True)
class Overheads:
    """Seconds that a node spends beside computing; see `simulator.cluster.Node`."""

    dispatch_s: float = 0.0
    send_s: float = 0.0
    send_s_per_byte: float = 0.0
    wake_s: float = 0.0
    corun: tuple[float, ...] = ()
    memory_bytes: float | None = None
    idle_watts: float | None = None
    busy_watts: float | None = None


@dataclass(frozen=True)
class LinkTime:
    """Time of messages between two nodes beyond what the sender's overhead says."""

    source: str
    target: str
    latency_s: float
    bandwidth: float
    size_table: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, repr=False)
class Calibration(Shown):
    """Everything that was measured.

    Parameters
    ----------
    workers : tuple of WorkerSpec
    entries : tuple of Entry
    overheads : mapping of node to Overheads
    links : tuple of LinkTime
    network : {"ideal", "fifo", "fair"}
        The model that fits how concurrent messages share the links.
    transport : str
    machine : mapping
        Fingerprint of the hardware; see `realrun.calibrate.machine`.
    facts : mapping
        Versions, clocks, date, settings, reference matmul, share of CPU time.
    training : mapping of pipeline to list of allocations (node names by task)
        What harvesting ran, so that validation can stay away from it.
    left_out : tuple of str
        What could not be measured, each with its reason.
    """

    workers: tuple[WorkerSpec, ...]
    entries: tuple[Entry, ...]
    overheads: Mapping[str, Overheads] = field(default_factory=dict)
    links: tuple[LinkTime, ...] = ()
    network: str = "ideal"
    transport: str = "shared"
    machine: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def _summary(self) -> dict[str, str]:
        sources = [e.source for e in self.entries]
        out = {
            "workers": some(map(str, self.workers)),
            "durations": f"{len(sources)} of {len({e.model for e in self.entries})} models, "
            + some(f"{sources.count(s)} {s}" for s in SOURCES if s in sources),
            "links": f"{len(self.links)}, network {self.network}, transport {self.transport}",
        }
        return out | ({"left out": some(self.left_out, 3)} if self.left_out else {})

    def _details(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [e.model, e.node, str(e.batch), format_si(e.seconds, "s"),
             f"{100 * e.spread:.1f} %", e.source]
            for e in self.entries
        ]  # fmt: skip
        return ["model", "node", "batch", "median", "spread", "source"], rows

    # ----- put a scenario onto the machine -----------------------------------------------------
    def cluster(self, overheads: bool = True) -> Cluster:
        """The workers as a cluster: overheads, co-run tables and links as measured."""
        nodes = []
        for i, spec in enumerate(self.workers):
            extra = self.overheads.get(spec.name, Overheads()) if overheads else Overheads()
            nodes.append(
                Node(
                    spec.name,
                    kind="gpu" if spec.kind == "cuda" else "cpu",
                    device=str(self.machine.get("devices", {}).get(spec.name, "")),
                    slots=spec.slots,
                    memory_bytes=_memory(spec, extra),
                    dispatch_s=extra.dispatch_s,
                    send_s=extra.send_s,
                    send_s_per_byte=extra.send_s_per_byte,
                    wake_s=extra.wake_s,
                    corun=extra.corun,
                    idle_watts=extra.idle_watts,
                    busy_watts=extra.busy_watts,
                    labels=(ENTRY,) if i == 0 else (),
                )
            )
        index = {spec.name: i for i, spec in enumerate(self.workers)}
        links: list[Link] = []
        routes: dict[tuple[int, int], tuple[int, ...]] = {}
        for found in self.links:
            routes[index[found.source], index[found.target]] = (len(links),)
            links.append(
                Link(
                    f"{found.source}->{found.target}",
                    found.bandwidth,
                    found.latency_s if overheads else 0.0,
                    found.size_table,
                )
            )
        return Cluster("calibrated", tuple(nodes), tuple(links), routes)

    def streams(self, streams: Iterable[Stream], source: str = "best") -> tuple[Stream, ...]:
        """Streams whose models take as long on each node as was measured.

        Parameters
        ----------
        source : {"best", "looped"}
            ``looped`` takes what profiling said before harvesting; for ablations.

        Notes
        -----
        Between calibrated batch sizes durations are interpolated, beyond them extended along the
        last piece. A variant without any entry cannot be placed; a task whose variants all have
        none is refused. Tasks without a module keep their durations.
        """
        table = self._table(source)
        return tuple(_measured(stream, table, self.workers) for stream in streams)

    def _table(self, source: str) -> dict[str, dict[str, dict[int, float]]]:
        out: dict[str, dict[str, dict[int, float]]] = {}
        for e in self.entries:
            looped = source == "looped" and e.looped is not None
            seconds = float(e.looped or 0.0) if looped else e.seconds
            out.setdefault(e.model, {}).setdefault(e.node, {})[e.batch] = seconds
        return out

    def predicted(self, streams: Iterable[Stream]) -> list[str]:
        """Models of these streams that were never measured on some node, only predicted."""
        used = {v.module for s in streams for t in s.graph.tasks for v in t.variants if v.module}
        return sorted({e.model for e in self.entries if e.source == "predicted"} & used)

    def training_nodes(self, pipeline: str) -> list[dict[str, Any]]:
        """Allocations whose durations were harvested."""
        return [dict(a) for a in self.training.get(pipeline, ())]

    # ----- checks ------------------------------------------------------------------------------
    def check_machine(self) -> None:
        """Refuse a file of another machine.

        Raises
        ------
        BadCalibration
        """
        here = machines.fingerprint()
        for key in machines.COMPARED:
            if key in self.machine and self.machine[key] != here.get(key):
                raise BadCalibration(
                    f"this calibration is of another machine: {key} there is "
                    f"{self.machine[key]!r}, here {here.get(key)!r}; measure this one with "
                    "`alloclab calibrate`"
                )

    def check_workers(self, specs: Sequence[WorkerSpec]) -> None:
        """Refuse other workers than those that were calibrated.

        Raises
        ------
        BadCalibration
        """
        mine = ", ".join(map(str, self.workers))
        theirs = ", ".join(map(str, specs))
        if tuple(specs) != self.workers:
            raise BadCalibration(
                f"this calibration is of the workers {mine}, not of {theirs}; measure with "
                "`alloclab calibrate --workers ...` or leave --workers out"
            )

    # ----- files -------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain data with its hash."""
        data = {
            "format": FORMAT,
            "machine": dict(self.machine),
            "facts": dict(self.facts),
            "transport": self.transport,
            "network": self.network,
            "workers": [_finite(asdict(w)) for w in self.workers],
            "overheads": {name: _finite(asdict(o)) for name, o in self.overheads.items()},
            "links": [_finite(asdict(x)) for x in self.links],
            "entries": [asdict(e) for e in self.entries],
            "training": {k: [dict(a) for a in v] for k, v in self.training.items()},
            "left_out": list(self.left_out),
        }
        data = json.loads(json.dumps(data))
        return {**data, "hash": content_hash(data)}

    @property
    def hash(self) -> str:
        """Hash of the content."""
        return str(self.to_dict()["hash"])

    def save(self, path: str | Path) -> None:
        """Write a file; see `realrun.calibrate.file`."""
        from realrun.calibrate.file import save

        save(self, path)

    @staticmethod
    def load(path: str | Path) -> Calibration:
        """Read what `save` wrote.

        Raises
        ------
        BadCalibration
            Unreadable, of another format, incomplete, or changed since it was written.
        """
        from realrun.calibrate.file import load

        return load(path)


def content_hash(data: Mapping[str, Any]) -> str:
    """Hash over everything but the hash itself."""
    text = json.dumps({k: v for k, v in data.items() if k != "hash"}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in data.items()}


def _memory(spec: WorkerSpec, extra: Overheads) -> float:
    if spec.memory_bytes < math.inf:
        return spec.memory_bytes
    return math.inf if extra.memory_bytes is None else extra.memory_bytes


def _measured(
    stream: Stream,
    table: Mapping[str, Mapping[str, Mapping[int, float]]],
    workers: Sequence[WorkerSpec],
) -> Stream:
    tasks = tuple(_task(task, stream.name, table, workers) for task in stream.graph.tasks)
    return replace(stream, graph=replace(stream.graph, tasks=tasks))


def _task(
    task: Task,
    stream: str,
    table: Mapping[str, Mapping[str, Mapping[int, float]]],
    workers: Sequence[WorkerSpec],
) -> Task:
    variants = []
    for variant in task.variants:
        if variant.module is None:
            variants.append(variant)
        elif variant.module in table:
            variants.append(_variant(variant, table[variant.module]))
    if not variants:
        wanted = ", ".join(dict.fromkeys(v.module or v.name for v in task.variants))
        raise unknown(
            "model", wanted, table, f"calibration: task {task.name!r} of stream {stream!r}"
        )
    return replace(task, variants=tuple(variants))


def _variant(variant: Variant, nodes: Mapping[str, Mapping[int, float]]) -> Variant:
    """The variant with measured seconds by node, on the union of the batch sizes."""
    from simulator.costs import interpolate

    points = tuple(sorted({b for by_batch in nodes.values() for b in by_batch}))
    union = tuple(sorted(set(points) | set(variant.batch)))

    def curve(by_batch: Mapping[int, float]) -> tuple[float, ...]:
        known = sorted(by_batch)
        values = [by_batch[b] for b in known]
        return tuple(interpolate(known, values, b) for b in union)

    def moved(value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        return tuple(interpolate(variant.batch, value, b) for b in union)

    return replace(
        variant,
        work=None,
        seconds={name: curve(by_batch) for name, by_batch in nodes.items()},
        batch=union,
        activation_bytes=moved(variant.activation_bytes),
        output_bytes=moved(variant.output_bytes),
    )
