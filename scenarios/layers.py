"""Finds scenario and cluster files, follows `extends`, and merges what stands in each layer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.messages import show
from scenarios.reading import read_json
from scenarios.yamlsafe import read_yaml
from simulator.errors import InvalidScenario, UnknownName, nearest, unknown

VERSION = 1
DEEPEST = 16
"""Version of the format, and longest chain of `extends`."""

_HERE = Path(__file__).parent
FOLDERS = {"scenario": _HERE / "catalog", "cluster": _HERE / "clusters"}
_NO_SUCH = {"models", "devices"}
_SUFFIXES = (".yaml", ".yml", ".json", ".xml")
_FILES = ("factory", "exported")
_DISTRIBUTIONS = {"uniform", "exponential", "lognormal", "gamma", "choice"}
_MODEL = {
    "model", "dtype", "duration", "work", "weights", "activation", "output", "accuracy",
    "sharing_group", "module",
}  # fmt: skip
_ALTERNATIVES: dict[str, list[tuple[set[str], ...]]] = {
    "arrivals": [({"constant"}, {"poisson"}, {"trace", "column"}, {"clients", "think"}),
                 ({"requests"}, {"duration"})],
    "noise": [tuple({x} for x in _DISTRIBUTIONS)],
    "think": [tuple({x} for x in _DISTRIBUTIONS)],
    "sizes.*": [tuple({x} for x in _DISTRIBUTIONS)],
    "variants.*": [({"duration"}, {"work"})],
    "streams.*": [({"tasks", "edges"}, {"generate"}, {"module"})],
    "module": [({"factory"}, {"exported"})],
    "models.*": [({"duration"}, {"work"})],
    "tasks.*": [({"duration"}, {"work"}), ({"variants"}, _MODEL)],
    "cluster": [({"star"}, {"mesh"}, {"links"})],
}  # fmt: skip
"""Sets of keys of which only one may stand: naming one in a later layer drops the others."""


def names(kind: str) -> list[str]:
    """Built-in names of a kind, sorted."""
    return sorted(p.stem for p in FOLDERS[kind].glob("*.yaml") if p.stem not in _NO_SUCH)


def is_path(reference: str) -> bool:
    """Whether a reference means a file rather than a name."""
    return "/" in reference or "\\" in reference or reference.lower().endswith(_SUFFIXES)


def locate(kind: str, reference: str, folder: Path | None = None) -> Path:
    """The file that a name or a path means.

    Parameters
    ----------
    kind : {"scenario", "cluster"}
    reference : str
        A built-in name, or a path; relative ones start from `folder`.

    Raises
    ------
    UnknownName
    """
    known = names(kind)
    if reference in known:
        return FOLDERS[kind] / f"{reference}.yaml"
    path = Path(reference) if folder is None else folder / reference
    try:
        if is_path(reference) or path.is_file():
            return path
    except (OSError, ValueError):
        pass
    error = unknown(kind, reference, known)
    raise UnknownName(f"{error}; a file is named with its path or its ending .yaml or .json")


def label(kind: str, path: Path) -> str:
    """What a file is called in messages: the name of a built-in one, else its path."""
    return path.stem if path.parent == FOLDERS[kind] else str(path)


def read_layers(kind: str, path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a file and everything it extends, merged.

    Raises
    ------
    InvalidScenario
        A cycle of `extends`, another version of the format, or no mapping.
    """
    resolved = Path(os.path.normpath(path.absolute()))
    if resolved in above:
        chain = " -> ".join(label(kind, p) for p in (*above[above.index(resolved) :], resolved))
        raise InvalidScenario(f"{label(kind, path)}: extends goes in a circle: {chain}")
    if len(above) >= DEEPEST:
        raise InvalidScenario(f"{label(kind, path)}: extends goes more than {DEEPEST} files deep")
    data = read_json(path) if path.suffix.lower() == ".json" else read_yaml(path)
    where = label(kind, path)
    check_header(data, where, kind)
    return extend(kind, data, path.parent, where, (*above, resolved))


def extend(
    kind: str, data: Mapping[str, Any], folder: Path, where: str, above: tuple[Path, ...] = ()
) -> dict[str, Any]:
    """Merge a mapping over what it extends, with its file names made absolute.

    Parameters
    ----------
    folder : Path
        Where relative file names start from.
    """
    data = _absolute(data, folder)
    base = data.pop("extends", None)
    if base is None:
        return data
    if not isinstance(base, str):
        raise InvalidScenario(f"{where}: extends: expected a name or a file, got {show(base)}")
    try:
        path = locate(kind, base, folder)
    except UnknownName as error:
        raise UnknownName(f"{where}: extends: {error}") from None
    below = read_layers(kind, path, above)
    below.pop("name", None)
    return merge(below, data, (kind,))


def check_header(data: Any, where: str, kind: str) -> None:
    """Refuse what is no file of this kind, before its fields are looked at."""
    if not isinstance(data, dict):
        raise InvalidScenario(
            f"{where}: expected a {kind} that begins with 'alloclab: {VERSION}', got {show(data)}"
        )
    if "alloclab" not in data:
        close = [key for key in data if nearest(key, ["alloclab"])]
        hint = f", did you mean it by {show(close[0])}?" if close else ""
        foreign = ""
        if where.lower().endswith(".json") and kind == "scenario":
            from scenarios.importers import names as formats

            foreign = f", or be of one of the formats {', '.join(formats())}"
        raise InvalidScenario(
            f"{where}: the key 'alloclab' is missing{hint}; "
            f"a {kind} file must say 'alloclab: {VERSION}'{foreign}"
        )
    version = data["alloclab"]
    if isinstance(version, bool) or version != VERSION:
        raise InvalidScenario(
            f"{where}: alloclab: format version {show(version)} is not known, "
            f"this alloclab reads version {VERSION}"
        )
    other = {"scenario": "nodes", "cluster": "streams"}[kind]
    if other in data and not {"streams", "cluster", "extends"} & (set(data) - {other}):
        what = {"scenario": "cluster", "cluster": "scenario"}[kind]
        raise InvalidScenario(f"{where}: this is a {what} file ({other}:), not a {kind}")


def merge(below: Any, above: Any, path: tuple[str, ...] = ()) -> Any:
    """Deep merge: mappings merge, everything else is replaced; null removes a key."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    out = dict(below)
    for sides in _alternatives(path):
        if any(side & set(above) for side in sides):
            for key in set().union(*(side for side in sides if not side & set(above))):
                out.pop(key, None)
    for key, value in above.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value, (*path, key))
    return out


def _alternatives(path: tuple[str, ...]) -> list[tuple[set[str], ...]]:
    found = _ALTERNATIVES.get(path[-1], []) if path else []
    if len(path) >= 2:
        found = [*found, *_ALTERNATIVES.get(f"{path[-2]}.*", [])]
    return found


def _absolute(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Copy with the file names that stand in a scenario made absolute."""
    out = dict(data)
    cluster = out.get("cluster")
    if isinstance(cluster, str) and cluster not in names("cluster") and is_path(cluster):
        out["cluster"] = str(folder / cluster)
    elif isinstance(cluster, dict) and isinstance(cluster.get("extends"), str):
        base = cluster["extends"]
        if base not in names("cluster") and is_path(base):
            out["cluster"] = {**cluster, "extends": str(folder / base)}
    streams = out.get("streams")
    if isinstance(streams, dict):
        out["streams"] = {key: _absolute_files(value, folder) for key, value in streams.items()}
    return out


def _absolute_files(stream: Any, folder: Path) -> Any:
    stream = _absolute_trace(stream, folder)
    module = stream.get("module") if isinstance(stream, dict) else None
    if not isinstance(module, dict):
        return stream
    files = {k: v for k, v in module.items() if k in _FILES and isinstance(v, str)}
    return {**stream, "module": {**module, **{k: str(folder / v) for k, v in files.items()}}}


def _absolute_trace(stream: Any, folder: Path) -> Any:
    arrivals = stream.get("arrivals") if isinstance(stream, dict) else None
    if not isinstance(arrivals, dict) or not isinstance(arrivals.get("trace"), str):
        return stream
    return {**stream, "arrivals": {**arrivals, "trace": str(folder / arrivals["trace"])}}
