"""Finished pairs on disk, so that an interrupted search goes on where it stood."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.adversarial.anneal import Found
from scenarios.adversarial.instance import Graph, Instance, Network
from scenarios.adversarial.limits import Limits
from scenarios.results import file_stem, to_json, write_text

METHOD = 1
"""Raised whenever the same settings may give other instances."""


def pair_key(
    a: str, b: str, limits: Limits, seconds: float | None, evaluations: int | None, seed: int
) -> str:
    """Digest of all that decides what is found."""
    from schedulers.registry import make
    from simulator.engines import SEMANTICS

    text = json.dumps(
        [METHOD, SEMANTICS, a, make(a).version, b, make(b).version, limits.to_dict(), seconds,
         evaluations, seed],
    )  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def stem(a: str, b: str) -> str:
    """File name of a pair."""
    return f"{file_stem(a)}-vs-{file_stem(b)}"


def save(folder: Path, key: str, found: Found) -> None:
    """Write one finished pair, whole or not at all."""
    data = {
        "key": key,
        **{k: v for k, v in found.__dict__.items() if k not in ("instance", "curve")},
        "curve": [list(point) for point in found.curve],
        "instance": instance_to_dict(found.instance),
    }
    write_text(folder / "pairs" / f"{stem(found.a, found.b)}.json", to_json(data) + "\n")


def load(folder: Path, key: str, a: str, b: str) -> Found | None:
    """A pair that was finished under the same settings; None if there is none."""
    try:
        path = folder / "pairs" / f"{stem(a, b)}.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("key") != key:
            return None
        curve = tuple((int(n), float(s), float(r)) for n, s, r in data.pop("curve"))
        return Found(instance=instance_from_dict(data.pop("instance")), curve=curve, **data)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # none, or somebody else's: it is searched again


def instance_to_dict(instance: Instance) -> dict[str, Any]:
    """Plain data, exact."""
    return {
        "tasks": instance.graph.tasks,
        "edges": [list(edge) for edge in instance.graph.edges],
        "weight": instance.weight.tolist(),
        "speed": instance.speed.tolist(),
        "size": instance.size.tolist(),
        "bandwidth": [
            [None if a == b else x for b, x in enumerate(row)]
            for a, row in enumerate(instance.network.bandwidth.tolist())
        ],
        "factor": None if instance.factor is None else instance.factor.tolist(),
    }


def instance_from_dict(data: dict[str, Any]) -> Instance:
    """The instance of `instance_to_dict`."""
    matrix = [[np.inf if x is None else x for x in row] for row in data["bandwidth"]]
    factor = data["factor"]
    return Instance(
        Graph(int(data["tasks"]), tuple((int(a), int(b)) for a, b in data["edges"])),
        Network(np.array(matrix, dtype=np.float64)),
        np.array(data["weight"], dtype=np.float64),
        np.array(data["speed"], dtype=np.float64),
        np.array(data["size"], dtype=np.float64),
        None if factor is None else np.array(factor, dtype=np.float64),
    )
