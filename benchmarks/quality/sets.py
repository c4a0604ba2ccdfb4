"""The generated sets: fixed settings and seeds, so that results can be compared over time.

    python -m benchmarks.quality.sets evaluation -o FOLDER

`evaluation` is what all published tables of generated instances come from. `tuning` has other
families and other seeds, and is the only generated set on which parameters may be chosen. Neither
changes once results for it exist; a new set gets a new name.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.export import to_instance
from scenarios.generate import generate
from simulator.errors import unknown

HETEROGENEITY = {
    "range": "range[beta=1]",
    "related": "related[spread=4]",
    "cv": "cv[task=0.5,machine=0.5]",
    "consistent": "range[beta=1,consistency=consistent]",
}
"""Unrelated machines (range-based, CV-based), related ones, and consistent unrelated ones."""

# family, size class, tasks at most, nodes, heterogeneity of CCR 0.1, 1 and the high one
_EVALUATION = (
    ("layered", "small", 40, 4, ("range", "cv", "related")),
    ("layered", "large", 200, 16, ("related", "range", "cv")),
    ("stencil", "small", 36, 8, ("cv", "related", "range")),
    ("stencil", "large", 256, 8, ("range", "cv", "consistent")),
    ("fork-join", "small", 24, 4, ("consistent", "range", "cv")),
    ("fork-join", "large", 120, 8, ("cv", "related", "range")),
    ("fft", "small", 39, 16, ("related", "range", "cv")),
    ("fft", "large", 223, 8, ("range", "cv", "related")),
    ("gauss", "small", 54, 8, ("cv", "consistent", "range")),
    ("gauss", "large", 299, 16, ("range", "cv", "related")),
    ("chains", "small", 50, 8, ("related", "cv", "range")),
    ("chains", "large", 150, 4, ("range", "related", "cv")),
)
_TUNING = (
    ("in-tree", "small", 30, 4, ("cv", "range", "related")),
    ("in-tree", "large", 180, 8, ("range", "related", "cv")),
    ("out-tree", "small", 45, 8, ("related", "cv", "range")),
    ("out-tree", "large", 140, 16, ("cv", "range", "consistent")),
    ("series-parallel", "small", 60, 4, ("range", "related", "cv")),
    ("series-parallel", "medium", 100, 8, ("consistent", "cv", "range")),
    ("series-parallel", "large", 280, 8, ("related", "range", "cv")),
)
HIGH_CCR = {"small": 10.0, "medium": 10.0, "large": 5.0}
FIRST_SEED = {"evaluation": 1000, "tuning": 9000}


@dataclass(frozen=True)
class Generated:
    """One instance of a generated set.

    Parameters
    ----------
    name : str
        Unique within its set.
    settings : mapping
        Arguments of `scenarios.generate.generate`.
    """

    name: str
    settings: Mapping[str, Any]

    def instance(self) -> dict[str, Any]:
        """The instance in the format ``task-graph-instance/1``, with family and CCR."""
        data = to_instance(generate(**self.settings))
        return data | {
            "name": self.name,
            "family": self.settings["family"],
            "ccr": self.settings["ccr"],
            "source": f"python -m benchmarks.quality.sets: {self.settings}",
        }


def _entries(name: str, table: tuple[tuple[Any, ...], ...]) -> tuple[Generated, ...]:
    made: list[Generated] = []
    for family, size, tasks, nodes, heterogeneity in table:
        for ccr, kind in zip((0.1, 1.0, HIGH_CCR[size]), heterogeneity, strict=True):
            seed = FIRST_SEED[name] + len(made)
            title = f"{family}-{size}-m{nodes}-ccr{ccr:g}-{kind}-s{seed}"
            settings = {
                "family": family,
                "tasks": tasks,
                "nodes": nodes,
                "ccr": ccr,
                "heterogeneity": HETEROGENEITY[kind],
                "seed": seed,
            }
            made.append(Generated(title, settings))
    return tuple(made)


SETS: Mapping[str, tuple[Generated, ...]] = {
    "evaluation": _entries("evaluation", _EVALUATION),
    "tuning": _entries("tuning", _TUNING),
}
"""Name -> instances: 36 of 24 to 299 tasks for evaluation, 21 for tuning."""

BEST_KNOWN = Path(__file__).parent / "data"


def best_known_file(name: str) -> Path:
    """Where the best makespans found so far for a generated set are kept."""
    return BEST_KNOWN / name / "best_known.json"


def generated(name: str) -> tuple[Generated, ...]:
    """Instances of a set.

    Raises
    ------
    UnknownName
    """
    if name not in SETS:
        raise unknown("generated set", name, SETS)
    return SETS[name]


def digest(instance: Mapping[str, Any]) -> str:
    """Short hash of what decides the makespans of an instance: tasks, edges, nodes, network."""
    keys = ("nodes", "tasks", "edges", "bandwidth", "latency")
    text = json.dumps({k: instance.get(k) for k in keys}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> int:
    """Write a set as files."""
    parser = argparse.ArgumentParser(description="Write a generated set as .json files.")
    parser.add_argument("name", choices=SETS)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for entry in generated(options.name):
        instance = entry.instance()
        path = options.output / f"{entry.name}.json"
        path.write_text(json.dumps(instance, separators=(",", ":")) + "\n")
        print(f"{path}  {len(instance['tasks'])} tasks, {len(instance['edges'])} edges")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
