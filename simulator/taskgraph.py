"""What is to be done: tasks, the models that can do them (variants), and edges between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simulator.cluster import Node, non_negative, require
from simulator.costs import interpolate, roofline_seconds
from simulator.errors import InvalidScenario, unknown
from simulator.shown import Shown, some

Curve = float | tuple[float, ...]
"""One number, or one for each batch breakpoint of the variant."""

ACCURACY_RULES = ("product", "min", "mean")


@dataclass(frozen=True)
class Work:
    """What a model computes on one batch, independent of the device.

    Parameters
    ----------
    flops : mapping of operator class to a Curve, FLOPs
    bytes_touched : Curve, bytes read and written by all operators
    operators : float, kernel launches
    dtype : str
    """

    flops: Mapping[str, Curve]
    bytes_touched: Curve = 0.0
    operators: float = 0.0
    dtype: str = "fp32"


@dataclass(frozen=True)
class Variant:
    """One model that can do a task.

    Durations come from `seconds` where given, else from `work` by the roofline formula.

    Parameters
    ----------
    name : str
    seconds : mapping or None
        Duration by node name, device, kind, or ``"*"`` for all; the most specific wins. Divided
        by the node's `speed` unless the key is the node's own name or its device.
        Nodes without an entry cannot run the variant.
    work : Work or None
    batch : tuple of int
        Breakpoints of the batch axis of every Curve; linear in between and beyond.
    weights_bytes : float
    activation_bytes : Curve, working set of one execution
    output_bytes : Curve, bytes of the output; edges may override
    sharing_group : str or None
        Variants of one group share their weights on a node.
    accuracy : float or None, in [0, 1]
    module : str or None
        Name of the torch module that a real run builds.
    """

    name: str
    seconds: Mapping[str, Curve] | None = None
    work: Work | None = None
    batch: tuple[int, ...] = (1,)
    weights_bytes: float = 0.0
    activation_bytes: Curve = 0.0
    output_bytes: Curve = 0.0
    sharing_group: str | None = None
    accuracy: float | None = None
    module: str | None = None

    def __post_init__(self) -> None:
        where = f"variant {self.name!r}"
        require(bool(self.name), "a variant needs a name")
        require(
            (self.seconds is None) != (self.work is None),
            f"{where}: give either seconds or work, not both and not neither",
        )
        points = list(self.batch)
        require(
            len(points) > 0 and points == sorted(set(points)) and points[0] >= 1,
            f"{where}: batch breakpoints must be increasing integers >= 1",
        )
        curves: dict[str, Curve] = {
            "activation": self.activation_bytes,
            "output": self.output_bytes,
        }
        for key, curve in (self.seconds or {}).items():
            curves[f"seconds on {key}"] = curve
        if self.work is not None:
            curves |= {f"{kind} FLOPs": curve for kind, curve in self.work.flops.items()}
            curves["bytes_touched"] = self.work.bytes_touched
            non_negative(where, operators=self.work.operators)
        for label, curve in curves.items():
            for value in curve if isinstance(curve, tuple) else (curve,):
                require(
                    0 <= value < math.inf,
                    f"{where}: {label} must be a finite number >= 0, got {value!r}",
                )
            require(
                not isinstance(curve, tuple) or len(curve) == len(points),
                f"{where}: {label} needs one value for each of the {len(points)} batch breakpoints",
            )
        non_negative(where, weights=self.weights_bytes)
        require(
            self.accuracy is None or 0 <= self.accuracy <= 1, f"{where}: accuracy must be in [0, 1]"
        )

    def at(self, curve: Curve, batch: int) -> float:
        """Value of a curve at a batch size; a plain number does not depend on the batch."""
        return interpolate(self.batch, curve, batch) if isinstance(curve, tuple) else curve

    def seconds_on(self, node: Node, batch: int = 1) -> float:
        """Duration on a node in seconds, NaN where the variant cannot run there."""
        if self.seconds is not None:
            for key in (node.name, node.device, node.kind, "*"):
                if key and key in self.seconds and (key != "*" or node.kind != "storage"):
                    value = self.at(self.seconds[key], batch)
                    return value if key in (node.name, node.device) else value / node.speed
            return math.nan
        assert self.work is not None
        peak = node.peak_flops.get(self.work.dtype)
        if peak is None:
            return math.nan
        return roofline_seconds(
            {kind: self.at(curve, batch) for kind, curve in self.work.flops.items()},
            self.at(self.work.bytes_touched, batch),
            self.work.operators,
            peak_flops=peak,
            efficiency=node.efficiency.get(self.work.dtype, {}),
            memory_bandwidth=node.memory_bandwidth,
            launch_overhead_s=node.launch_overhead_s,
        )


@dataclass(frozen=True)
class Join:
    """How a task waits for its inputs.

    Parameters
    ----------
    need : int or None
        Quorum k; None waits for all inputs.
    deadline_s : float or None
        Seconds after the request's arrival at which it goes ahead with at least one input.
    late : {"keep", "cancel"}
        Whether work that only feeds closed joins goes on or is removed.
    """

    need: int | None = None
    deadline_s: float | None = None
    late: str = "keep"

    def __post_init__(self) -> None:
        require(self.need is None or self.need >= 1, f"join: need must be >= 1, got {self.need!r}")
        if self.deadline_s is not None:
            non_negative("join", deadline=self.deadline_s)
        if self.late not in ("keep", "cancel"):
            raise unknown("value of join.late", self.late, ["keep", "cancel"])


@dataclass(frozen=True)
class Task:
    """A sub-task of the AI task, done by one of its variants.

    Parameters
    ----------
    name : str
    variants : tuple of Variant
    join : Join
    fusion : str or None
        Label of the way inputs are fused (``mean``, ``vote``, ...); carried along.
    scale_with : str or None
        Request size that scales the seconds of this task.
    allowed : tuple of str or None
        Node names, labels, devices or kinds the task may run on; None means any.
    forbidden : tuple of str
        Node names, labels, devices or kinds it may not run on.
    pinned : str or None
        Name or label of the node it must run on.
    """

    name: str
    variants: tuple[Variant, ...]
    join: Join = field(default_factory=Join)
    fusion: str | None = None
    scale_with: str | None = None
    allowed: tuple[str, ...] | None = None
    forbidden: tuple[str, ...] = ()
    pinned: str | None = None

    def __post_init__(self) -> None:
        require(bool(self.name), "a task needs a name")
        require(len(self.variants) > 0, f"task {self.name!r}: there are no variants")
        names = [v.name for v in self.variants]
        require(len(set(names)) == len(names), f"task {self.name!r}: a variant name is used twice")

    def may_run_on(self, node: Node) -> bool:
        """Whether pins and forbidden nodes admit this node (durations are another matter)."""
        labels = {node.name, node.device, node.kind, *node.labels} - {""}
        if self.pinned is not None and self.pinned not in (node.name, *node.labels):
            return False
        if labels & set(self.forbidden):
            return False
        return self.allowed is None or bool(labels & set(self.allowed))


@dataclass(frozen=True)
class Edge:
    """A message from one task to another.

    Parameters
    ----------
    src, dst : str, task names
    bytes : float or None
        None takes the output size of the producer's variant.
    name : str
    lag : int
        Request r's message feeds request r + lag.
    probability : float or None
        None: always taken. Otherwise the edge is conditional and taken with this probability.
    branch : str or None
        Conditional edges of one producer with one branch label exclude each other.
    scale_with : str or None
        Request size that scales the bytes.
    """

    src: str
    dst: str
    bytes: float | None = None
    name: str = ""
    lag: int = 0
    probability: float | None = None
    branch: str | None = None
    scale_with: str | None = None

    def __post_init__(self) -> None:
        where = f"edge {self.label!r}"
        require(self.lag >= 0, f"{where}: lag must be >= 0, got {self.lag}")
        if self.bytes is not None:
            non_negative(where, bytes=self.bytes)
            require(self.bytes < math.inf, f"{where}: bytes must be finite")
        require(
            self.probability is None or 0 <= self.probability <= 1,
            f"{where}: probability must be in [0, 1], got {self.probability!r}",
        )
        require(
            self.branch is None or self.probability is not None,
            f"{where}: a branch label needs a probability",
        )

    @property
    def label(self) -> str:
        """Its name, or "src -> dst"."""
        return self.name or f"{self.src} -> {self.dst}"


@dataclass(frozen=True, repr=False)
class TaskGraph(Shown):
    """Tasks and edges; a cycle is legal only if its lags sum to more than 0.

    Parameters
    ----------
    tasks : tuple of Task
    edges : tuple of Edge, several between one pair are allowed
    place_with, apart : tuples of groups of task names
        Groups that share one node; groups whose members sit on different nodes.
    accuracy_rule : {"product", "min", "mean"} or None
        How the accuracies of the chosen variants compose; None means that nothing is claimed.
    """

    tasks: tuple[Task, ...]
    edges: tuple[Edge, ...] = ()
    place_with: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    accuracy_rule: str | None = None

    def __post_init__(self) -> None:
        require(len(self.tasks) > 0, "the graph is empty: it has no tasks")
        names = [t.name for t in self.tasks]
        known = set(names)
        if len(known) < len(names):
            twice = next(n for i, n in enumerate(names) if n in names[:i])
            raise InvalidScenario(f"two tasks are named {twice!r}")
        inputs = dict.fromkeys(names, 0)
        groups: dict[tuple[str, str], float] = {}
        for edge in self.edges:
            for end in (edge.src, edge.dst):
                if end not in known:
                    raise unknown("task", end, names, f"edge {edge.label!r}")
            inputs[edge.dst] += 1
            if edge.branch is not None:
                key = (edge.src, edge.branch)
                groups[key] = groups.get(key, 0.0) + (edge.probability or 0.0)
        for (src, branch), total in groups.items():
            require(
                total <= 1 + 1e-9,
                f"task {src!r}: probabilities of branch {branch!r} sum to {total:g}, more than 1",
            )
        for task in self.tasks:
            need = task.join.need
            require(
                need is None or need <= inputs[task.name],
                f"task {task.name!r}: join needs {need} of only {inputs[task.name]} inputs",
            )
        for group in (*self.place_with, *self.apart):
            for name in group:
                if name not in known:
                    raise unknown("task", name, names, "placement group")
        if self.accuracy_rule is not None and self.accuracy_rule not in ACCURACY_RULES:
            raise unknown("accuracy rule", self.accuracy_rule, ACCURACY_RULES)
        self._refuse_cycles(names)

    def _summary(self) -> dict[str, str]:
        fed, feeding = {e.dst for e in self.edges}, {e.src for e in self.edges}
        names = [t.name for t in self.tasks]
        out = {
            "tasks": f"{len(names)} with {sum(len(t.variants) for t in self.tasks)} variants",
            "edges": str(len(self.edges)),
            "begin": some(n for n in names if n not in fed),
            "end": some(n for n in names if n not in feeding),
        }
        return {label: value for label, value in out.items() if value}

    def _details(self) -> tuple[list[str], list[list[str]]]:
        before: dict[str, list[str]] = {}
        after: dict[str, list[str]] = {}
        for edge in self.edges:
            before.setdefault(edge.dst, []).append(edge.src)
            after.setdefault(edge.src, []).append(edge.dst)
        rows = [
            [
                task.name,
                some(v.name for v in task.variants),
                some(before.get(task.name, ())),
                some(after.get(task.name, ())),
            ]
            for task in self.tasks
        ]
        return ["task", "variants", "from", "to"], rows

    def _refuse_cycles(self, names: Sequence[str]) -> None:
        import graphlib

        sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
        for edge in self.edges:
            if edge.lag == 0:
                sorter.add(edge.dst, edge.src)
        try:
            sorter.prepare()
        except graphlib.CycleError as error:
            path = " -> ".join(reversed(error.args[1]))
            raise InvalidScenario(
                f"the edges form a cycle whose lags sum to 0: {path[:200]}"
            ) from None
