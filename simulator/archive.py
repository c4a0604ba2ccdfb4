"""Saving a trace with its whole problem, and reading it back to the last bit, without pickle.

``trace.json`` holds the named things (problem, allocation, engine, versions), ``arrays.npz`` the
numbers (luck and run log). Only the world's own dataclasses are ever built from a file.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator import cluster, dynamics, objective, problem, taskgraph, workload
from simulator.allocation import Allocation
from simulator.errors import InvalidScenario
from simulator.realisation import Realisation
from simulator.runlog import RunLog

if TYPE_CHECKING:
    from simulator.trace import Trace

FORMAT = "alloclab-trace/1"

_CLASSES = {
    cls.__name__: cls
    for cls in (
        cluster.Cluster, cluster.Node, cluster.Link,
        taskgraph.TaskGraph, taskgraph.Task, taskgraph.Variant, taskgraph.Work,
        taskgraph.Join, taskgraph.Edge,
        workload.Stream, workload.Arrivals, workload.Distribution, workload.Size,
        dynamics.Dynamics, dynamics.Outage, dynamics.Slowdown, dynamics.Degradation,
        objective.Objective, problem.Problem,
    )
}  # fmt: skip


def encode(value: object) -> Any:
    """Plain data for JSON; dataclasses carry their name, fields at their default are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        out: dict[str, Any] = {"is": type(value).__name__}
        for f in fields(value):
            item = getattr(value, f.name)
            default = f.default_factory() if f.default_factory is not MISSING else f.default
            if f.init and (default is MISSING or item != default):
                out[f.name] = encode(item)
        return out
    if isinstance(value, Mapping):
        return {"is": "mapping", "items": [[encode(k), encode(v)] for k, v in value.items()]}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"is": "number", "value": repr(value)}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Sequence | np.ndarray):
        return [encode(v) for v in value]
    raise TypeError(f"cannot save a {type(value).__name__}")


def decode(value: Any) -> Any:
    """Build what `encode` wrote; sequences become tuples."""
    if isinstance(value, list):
        return tuple(decode(v) for v in value)
    if not isinstance(value, dict):
        return value
    kind = value["is"]
    if kind == "mapping":
        return {decode(k): decode(v) for k, v in value["items"]}
    if kind == "number":
        return float(value["value"])
    return _CLASSES[kind](**{k: decode(v) for k, v in value.items() if k != "is"})


def save(trace: Trace, folder: str | Path) -> None:
    """Write ``trace.json`` and ``arrays.npz`` into a folder, which is made if need be."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "format": FORMAT,
        "engine": trace.engine,
        "semantics": trace.semantics,
        "versions": dict(trace.versions),
        "seed": trace.seed,
        "luck": trace.realisation.family,
        "observed": None if trace.observed is None else sorted(trace.observed),
        "problem": encode(trace.problem),
        "allocation": trace.allocation.to_dict(),
    }
    text = json.dumps(head, indent=1, allow_nan=False, default=str) + "\n"
    (folder / "trace.json").write_text(text, encoding="utf-8")
    np.savez_compressed(folder / "arrays.npz", **_flat(trace))


def _flat(trace: Trace) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for prefix, thing in (("luck", trace.realisation), ("log", trace.log)):
        for f in fields(thing):
            item = getattr(thing, f.name)
            if isinstance(item, tuple):
                out |= {f"{prefix}.{f.name}.{i}": part for i, part in enumerate(item)}
            elif isinstance(item, np.ndarray):
                out[f"{prefix}.{f.name}"] = item
    return out | {f"observed.{name}": values for name, values in (trace.observed or {}).items()}


def load(folder: str | Path) -> Trace:
    """Read what `save` wrote.

    Raises
    ------
    InvalidScenario
        The folder holds no saved trace, or one that cannot be read; names the file.
    """
    from simulator.trace import Trace

    path = Path(folder) / "trace.json"
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        log = {f.name: _field(arrays, f"log.{f.name}") for f in fields(RunLog)}
        luck = {f.name: arrays[f"luck.{f.name}"] for f in fields(Realisation)
                if f"luck.{f.name}" in arrays}  # fmt: skip
        observed = head["observed"]
        return Trace(
            decode(head["problem"]),
            Allocation.from_dict(head["allocation"], str(path)),
            Realisation(**luck, family=str(head["luck"]), seed=int(head["seed"])),
            RunLog(**log),
            engine=str(head["engine"]),
            observed=None if observed is None else {n: arrays[f"observed.{n}"] for n in observed},
            semantics=int(head["semantics"]),
            versions=dict(head["versions"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InvalidScenario(f"{path}: cannot be read as a saved trace: {reason}") from None


def _field(arrays: Mapping[str, Any], name: str) -> Any:
    if name in arrays:
        return arrays[name]
    parts = tuple(arrays[key] for i in range(5) if (key := f"{name}.{i}") in arrays)
    if len(parts) != 5:
        raise KeyError(name)
    return parts
