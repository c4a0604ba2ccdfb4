"""Instances of a run: from folders of ``task-graph-instance/1`` files, or from a generated set."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.sets import SETS, best_known_file, digest, generated
from scenarios.importers import instance as importer
from simulator.errors import InvalidScenario
from simulator.problem import Problem

CCR_LEVELS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BEST_KNOWN = "best_known.json"


@dataclass(frozen=True)
class Case:
    """One instance.

    Parameters
    ----------
    set : str
        Name of the folder or of the generated set.
    name : str
        Unique within the set.
    family : str
    ccr : float or None
        The nearest of `CCR_LEVELS`; None where the instance names none.
    tasks, nodes : int
    digest : str
        Hash of what decides the makespans.
    source : str
        File, or ``set:`` and the name of a generated set.
    best_known, bound : float or None
        Published, or kept for the set.
    proved : bool
        Whether `best_known` is proved to be optimal.
    peers : mapping
        Makespans that other programs reached.
    """

    set: str
    name: str
    family: str
    ccr: float | None
    tasks: int
    nodes: int
    digest: str
    source: str
    best_known: float | None
    bound: float | None
    proved: bool
    peers: Mapping[str, float]

    def data(self) -> Mapping[str, Any]:
        """The instance itself."""
        return read(self.source, self.name)


@lru_cache(maxsize=4)
def read(source: str, name: str) -> Mapping[str, Any]:
    """Data of an instance; the last few are kept."""
    if source.startswith("set:"):
        entries = {entry.name: entry for entry in generated(source[4:])}
        return entries[name].instance()
    found: dict[str, Any] = json.loads(Path(source).read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=2)
def problem_of(source: str, name: str) -> Problem:
    """Problem of an instance; the last two are kept."""
    return importer.load(dict(read(source, name)), name).problem()


def cases(folders: Sequence[Path], sets: Sequence[str], limit: int | None = None) -> list[Case]:
    """All instances, by set and name; at most `limit` of each, drawn once for all.

    Raises
    ------
    InvalidScenario, UnknownName
    """
    out: list[Case] = []
    for name in sets:
        sources = [(f"set:{name}", entry.name) for entry in generated(name)]
        out += _cases(name, sources, best_known_file(name), limit)
    for folder in folders:
        if not folder.is_dir():
            hint = f"; for the generated set use --set {folder}" if str(folder) in SETS else ""
            raise InvalidScenario(f"{folder} is no folder{hint}")
        files = sorted(p for p in folder.rglob("*.json") if p.name != BEST_KNOWN)
        if not files:
            raise InvalidScenario(f"{folder}: there are no .json files")
        sources = [(str(path), path.stem) for path in files]
        out += _cases(folder.resolve().name, sources, folder / BEST_KNOWN, limit)
    return out


def _cases(name: str, sources: list[tuple[str, str]], kept: Path, limit: int | None) -> list[Case]:
    best = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    # A fixed draw: every n-th would meet the period in which a set repeats its CCR levels.
    drawn = np.random.default_rng(0).permutation(len(sources))[:limit]
    chosen = [sources[i] for i in sorted(drawn)]
    return [_case(name, source, title, best) for source, title in chosen]


def _case(set_name: str, source: str, name: str, kept: Mapping[str, Any]) -> Case:
    data = read(source, name)
    if data.get("format") != importer.FORMAT:
        raise InvalidScenario(
            f"{source}: format must be {importer.FORMAT!r}, got {data.get('format')!r}"
        )
    key = digest(data)
    known = [_number(data.get("best_known"))]
    if kept.get(name, {}).get("digest") == key:
        known.append(_number(kept[name].get("makespan")))
    values = [v for v in known if v is not None]
    return Case(
        set=set_name,
        name=name,
        family=family_of(data, name),
        ccr=_level(data, name),
        tasks=len(data["tasks"]),
        nodes=len(data["nodes"]),
        digest=key,
        source=source,
        best_known=min(values) if values else None,
        bound=_number(data.get("bound")),
        proved=bool(data.get("proved_optimal")),
        peers={k: v for k, x in (data.get("peer_makespans") or {}).items() if (v := _number(x))},
    )


def _number(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("makespan")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def family_of(data: Mapping[str, Any], name: str) -> str:
    """Class of an instance: what it says, else the first word of its name.

    Examples
    --------
    >>> family_of({}, "16p_InTree-Balanced-MaxBf-3_Nodes_21_CCR_0.10_WeightType_Random")
    'InTree'
    >>> family_of({}, "mk07")
    'mk'
    """
    if data.get("family"):
        return str(data["family"])
    words = [w for w in re.split(r"[_-]", name) if not re.fullmatch(r"\d+p?", w)]
    found = re.match(r"[A-Za-z]+", words[0] if words else name)
    return found[0] if found else name


def _level(data: Mapping[str, Any], name: str) -> float | None:
    value = _number(data.get("ccr"))
    if value is None:
        found = re.search(r"CCR_?(\d+(?:\.\d+)?)", name, re.IGNORECASE)
        value = float(found[1]) if found else None
    if not value:
        return value
    return min(CCR_LEVELS, key=lambda level: abs(math.log(level / value)))
