"""Chrome traces and torch.profiler traces as tables of durations: name, device, seconds.

Both are JSON in the Chrome trace event format [1]_: complete events (``X``), pairs of begin and
end (``B``, ``E``), and names of processes (``M``). In a trace of torch.profiler [2]_ the device is
``cuda:i`` where the profiler saw the device at work, and ``cpu`` elsewhere; in any other it is the
name of the process.

References
----------
.. [1] Google, "Trace Event Format", 2016.
   https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
.. [2] PyTorch, torch.profiler, export_chrome_trace. https://docs.pytorch.org/docs/stable/profiler.html
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scenarios.importers.durations import Durations
from scenarios.importers.fields import as_list, as_mapping, describe, need
from scenarios.reading import MAX_BYTES, parse_json, read_text
from simulator.errors import InvalidScenario

ON_DEVICE = ("kernel", "gpu_memcpy", "gpu_memset", "gpu_user_annotation")
"""Categories of torch.profiler for what a GPU does."""

ON_HOST = ("cpu_op", "user_annotation", "python_function", "cuda_runtime", "cuda_driver")
"""Its categories for what the CPU does."""


def sniff(data: Any) -> bool:
    """Whether parsed JSON looks like a Chrome trace."""
    if isinstance(data, Mapping):
        return "traceEvents" in data
    return (
        isinstance(data, list) and bool(data) and isinstance(data[0], Mapping) and "ph" in data[0]
    )


def read_durations(path: str | Path) -> Durations:
    """Read a trace; a name that ends in ``.gz`` is unpacked.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Durations

    Raises
    ------
    InvalidScenario
        The file cannot be read, is larger than 64 MiB, is no Chrome trace, or has no durations.
    """
    source = str(path)
    text = _unpacked(Path(path)) if source.endswith(".gz") else read_text(path)
    return load(parse_json(text, source), source)


def load(data: Any, source: str) -> Durations:
    """The durations in a parsed trace.

    Parameters
    ----------
    data : parsed JSON
        ``{"traceEvents": [...]}``, or the list alone.
    source : str
        File name, for messages.

    Raises
    ------
    InvalidScenario
    """
    if isinstance(data, Mapping):
        data = need(data, "traceEvents", source)
    where = f"{source}: traceEvents"
    events = [as_mapping(e, f"{where}[{i}]") for i, e in enumerate(as_list(data, where))]
    names = _process_names(events, where)
    samples: dict[tuple[str, str, str], list[float]] = {}
    for i, event, microseconds in _spans(events, where):
        name = event.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidScenario(f"{where}[{i}]: name must be a text, got {describe(name)}")
        category = event.get("cat", "")
        category = category if isinstance(category, str) else ""
        device = _device(event, category, names)
        samples.setdefault((name, device, category), []).append(microseconds / 1e6)
    if not samples:
        raise InvalidScenario(f"{source}: the trace has no event with a duration")
    return Durations({key: tuple(values) for key, values in samples.items()}, source)


def _unpacked(path: Path) -> str:
    try:
        with gzip.open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidScenario(f"{path}: cannot be unpacked: {error}") from None
    if len(raw) > MAX_BYTES:
        raise InvalidScenario(
            f"{path}: unpacked it is larger than {MAX_BYTES // 2**20} MiB; record fewer steps"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidScenario(
            f"{path}: is not UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start}"
        ) from None


def _process_names(events: list[Mapping[str, Any]], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for i, event in enumerate(events):
        if event.get("ph") == "M" and event.get("name") == "process_name":
            args = as_mapping(event.get("args"), f"{where}[{i}]: args")
            if isinstance(args.get("name"), str) and args["name"]:
                found[str(event.get("pid"))] = args["name"]
    return found


def _spans(
    events: list[Mapping[str, Any]], where: str
) -> Iterator[tuple[int, Mapping[str, Any], float]]:
    """(index, event, microseconds) of everything that has a beginning and an end."""
    begun: dict[tuple[str, str], list[tuple[Mapping[str, Any], float]]] = {}
    for i, event in enumerate(events):
        kind = event.get("ph")
        if kind == "X":
            if "dur" in event and not _broken_off(event):
                yield i, event, _number(event, "dur", f"{where}[{i}]")
            continue
        if kind not in ("B", "E"):
            continue
        thread = (str(event.get("pid")), str(event.get("tid")))
        time = _number(event, "ts", f"{where}[{i}]", signed=True)
        if kind == "B":
            begun.setdefault(thread, []).append((event, time))
            continue
        if not begun.get(thread):
            raise InvalidScenario(f"{where}[{i}]: an end (E) without a beginning (B) before it")
        first, start = begun[thread].pop()
        if time < start:
            raise InvalidScenario(f"{where}[{i}]: it ends at {time:g}, before it begins")
        yield i, first, time - start


def _broken_off(event: Mapping[str, Any]) -> bool:
    """Whether a trace of alloclab's says that the execution was interrupted."""
    args = event.get("args")
    return isinstance(args, Mapping) and args.get("state") == "interrupted"


def _number(event: Mapping[str, Any], key: str, where: str, signed: bool = False) -> float:
    value = need(event, key, where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidScenario(f"{where}: {key} must be a number, got {describe(value)}")
    number = float(value) if abs(value) < 1e300 else math.inf
    if number == math.inf or (number < 0 and not signed):
        raise InvalidScenario(f"{where}: {key} must be finite and >= 0, got {describe(value)}")
    return number


def _device(event: Mapping[str, Any], category: str, names: Mapping[str, str]) -> str:
    args = event.get("args")
    number = args.get("device") if isinstance(args, Mapping) else None
    if category.lower() in ON_DEVICE:
        return f"cuda:{number}" if isinstance(number, int) else _last_resort(event, names)
    if category.lower() in ON_HOST:
        return "cpu"
    return _last_resort(event, names)


def _last_resort(event: Mapping[str, Any], names: Mapping[str, str]) -> str:
    pid = str(event.get("pid"))
    return names.get(pid, f"process {pid}"[:200])
