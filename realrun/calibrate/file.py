"""Calibration files: YAML for people's eyes, checked when read, written whole or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from realrun.calibrate.calibration import (
    FORMAT,
    SOURCES,
    BadCalibration,
    Calibration,
    Entry,
    LinkTime,
    Overheads,
    content_hash,
)  # fmt: skip
from realrun.devices import WorkerSpec
from simulator.errors import AlloclabError, unknown

T = TypeVar("T")
_HEAD = (
    "# What `alloclab calibrate` measured. Not to be edited: the hash at the end would not fit.\n"
)
_KNOWN = ("format", "machine", "facts", "transport", "network", "workers", "overheads", "links",
          "entries", "training", "left_out", "hash")  # fmt: skip


def save(calibration: Calibration, path: str | Path) -> None:
    """Write a calibration.

    Raises
    ------
    BadCalibration
        The file cannot be written.
    """
    target = Path(path)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = _HEAD + yaml.dump(
        calibration.to_dict(), Dumper=dumper, sort_keys=False, default_flow_style=None, width=100
    )
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise BadCalibration(f"{target}: cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | Path) -> Calibration:
    """Read a calibration; see `Calibration.load`."""
    where = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(text, Loader=loader)
    except OSError as error:
        raise BadCalibration(f"{where}: cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise BadCalibration(f"{where}: is no YAML") from None
    return from_dict(data, where)


def from_dict(data: Any, where: str) -> Calibration:
    """Check plain data and build the calibration of it.

    Raises
    ------
    BadCalibration
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        got = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise BadCalibration(f"{where}: format must be {FORMAT!r}, got {str(got)[:60]!r}")
    for key in data:
        if key not in _KNOWN:
            raise BadCalibration(str(unknown("field", str(key), _KNOWN, where)))
    for key in _KNOWN:
        if key not in data:
            raise BadCalibration(f"{where}: the field {key!r} is missing")
    if content_hash(data) != data["hash"]:
        raise BadCalibration(
            f"{where}: hash is {str(data['hash'])[:40]!r}, but the content has "
            f"{content_hash(data)!r}: the file was changed after it was written"
        )
    try:
        return _build(data, where)
    except BadCalibration:
        raise
    except (AlloclabError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise BadCalibration(f"{where}: {error}") from None


def _build(data: Mapping[str, Any], where: str) -> Calibration:
    workers = tuple(
        _record(WorkerSpec, row, f"{where}: workers[{i}]", memory_bytes=math.inf)
        for i, row in enumerate(data["workers"])
    )
    entries = tuple(
        _record(Entry, row, f"{where}: entries[{i}]") for i, row in enumerate(data["entries"])
    )
    names = [w.name for w in workers]
    for i, e in enumerate(entries):
        at = f"{where}: entries[{i}]"
        if e.source not in SOURCES:
            raise unknown("source", str(e.source), SOURCES, at)
        if e.node not in names:
            raise unknown("node", str(e.node), names, at)
        if not isinstance(e.seconds, int | float) or not 0 <= e.seconds < math.inf:
            raise BadCalibration(f"{at}: seconds must be a number >= 0, got {e.seconds!r}")
    links = tuple(
        _record(LinkTime, _pairs(row), f"{where}: links[{i}]", bandwidth=math.inf)
        for i, row in enumerate(data["links"])
    )
    overheads = {
        name: _record(Overheads, _tuples(row), f"{where}: overheads.{name}")
        for name, row in data["overheads"].items()
    }
    return Calibration(
        workers=workers, entries=entries, overheads=overheads, links=links,
        network=data["network"], transport=data["transport"], machine=data["machine"],
        facts=data["facts"], training=data["training"], left_out=tuple(data["left_out"]),
    )  # fmt: skip


def _pairs(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "size_table": tuple((float(a), float(b)) for a, b in row["size_table"])}


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}


def _record(kind: type[T], row: Any, where: str, **infinite: float) -> T:
    """A dataclass of a mapping; None stands for infinity in the named fields."""
    if not isinstance(row, Mapping):
        raise BadCalibration(f"{where} must be a mapping, got {row!r}")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for key in row:
        if key not in known:
            raise BadCalibration(str(unknown("field", str(key), known, where)))
    for name, spec in known.items():
        if name not in row and spec.default is MISSING and spec.default_factory is MISSING:
            raise BadCalibration(f"{where}: the field {name!r} is missing")
    values = {k: infinite[k] if v is None and k in infinite else v for k, v in row.items()}
    return kind(**values)
