"""The numbers of a run. ``docs/metrics.md`` defines each with a formula, a unit and a test.

A metric that has no meaning in a run (an SLO without deadlines, a percentile of one request,
joules without watts) is absent: not NaN, not None, not a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from simulator.critical import PARTS, Segment
from simulator.errors import nearest
from simulator.shown import html_summary
from simulator.units import format_si

Values = Mapping[str, float]
Table = Mapping[str, Values]

RUN_UNITS: Mapping[str, str] = {
    "objective": "",
    "makespan": "s",
    "idle_at": "s",
    "requests": "",
    "completed": "",
    "lost": "",
    "mean_latency": "s",
    "p50_latency": "s",
    "p95_latency": "s",
    "p99_latency": "s",
    "max_latency": "s",
    "latency_compute": "s",
    "latency_transfer": "s",
    "latency_slot_wait": "s",
    "latency_join_wait": "s",
    "throughput": "1/s",
    "slo_attainment": "1",
    "goodput": "1/s",
    "utilisation": "1",
    "jain_index": "1",
    "balance": "1",
    "compute_time": "s",
    "transfer_time": "s",
    "slot_wait_time": "s",
    "join_wait_time": "s",
    "interrupted_time": "s",
    "discarded_time": "s",
    "discarded_bytes": "B",
    "communication_share": "1",
    "critical_communication_share": "1",
    "bytes_moved": "B",
    "max_link_utilisation": "1",
    "energy": "J",
    "energy_per_request": "J",
    "cost": "",
    "cost_busy": "",
    "peak_memory": "B",
    "accuracy": "1",
    "slr": "1",
    "speedup": "1",
    "efficiency": "1",
}
"""Metrics of a whole run and their units ("1" is a ratio, "" a count or the user's own unit)."""

STREAM_UNITS: Mapping[str, str] = {
    name: RUN_UNITS[name]
    for name in (
        "makespan", "requests", "completed", "lost", "mean_latency", "p50_latency", "p95_latency",
        "p99_latency", "max_latency", *(f"latency_{part}" for part in PARTS), "throughput",
        "slo_attainment", "goodput", "accuracy",
    )
}  # fmt: skip
"""Metrics of one stream, or of the streams of one class."""

NODE_UNITS: Mapping[str, str] = {
    "utilisation": "1",
    "busy_time": "s",
    "executions": "",
    "energy": "J",
    "cost": "",
    "cost_busy": "",
    "weights": "B",
    "peak_memory": "B",
}
"""Metrics of one node."""

LINK_UNITS: Mapping[str, str] = {"utilisation": "1", "bytes": "B", "messages": ""}
"""Metrics of one link."""

UNITS: Mapping[str, str] = {**NODE_UNITS, **LINK_UNITS, **RUN_UNITS}


@dataclass(frozen=True, repr=False, eq=False)
class Metrics(Mapping[str, float]):
    """The numbers of a run: a mapping of name to value, and as attributes.

    Parameters
    ----------
    values : mapping of metric to float
    by_node, by_link, by_stream, by_class : mapping of name to (mapping of metric to float)
        `by_stream` and `by_class` are empty where there is only one.
    critical_path : tuple of Segment
        Of the request with the longest latency; `simulator.critical.critical_path`.

    Examples
    --------
    >>> Metrics({"makespan": 0.125}).makespan
    0.125
    """

    values_: Values
    by_node: Table = field(default_factory=dict)
    by_link: Table = field(default_factory=dict)
    by_stream: Table = field(default_factory=dict)
    by_class: Table = field(default_factory=dict)
    critical_path: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values_", MappingProxyType(dict(self.values_)))
        for name in ("by_node", "by_link", "by_stream", "by_class"):
            rows = {key: MappingProxyType(dict(row)) for key, row in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(rows))

    def __getitem__(self, name: str) -> float:
        try:
            return self.values_[name]
        except KeyError:
            raise KeyError(self._why(name)) from None

    def __getattr__(self, name: str) -> float:
        if name.startswith("_") or name == "values_":
            raise AttributeError(name)
        try:
            return self.values_[name]
        except KeyError:
            raise AttributeError(self._why(name)) from None

    def _why(self, name: str) -> str:
        if name in RUN_UNITS:
            return f"{name} has no meaning in this run"
        return f"there is no metric {name!r}{nearest(name, RUN_UNITS)}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the run's metrics, and the tables by node, link, stream, class."""
        out: dict[str, Any] = dict(self.values_)
        for name in ("by_node", "by_link", "by_stream", "by_class"):
            if table := getattr(self, name):
                out[name] = {key: dict(row) for key, row in table.items()}
        return out

    def __repr__(self) -> str:
        width = max((len(name) for name in self), default=0)
        return "\n".join(f"{name:<{width}}  {show(name, self[name])}" for name in self)

    def _repr_html_(self) -> str:
        return html_summary({name: show(name, self[name]) for name in self})


def show(name: str, value: float) -> str:
    """Format a metric with its unit: ``show("makespan", 0.0123) == "12.3 ms"``."""
    unit = UNITS.get(name, "")
    if unit == "1" or (unit == "" and value != int(value)):
        return f"{value:.4g}"
    return format_si(value, unit) if unit else f"{int(value)}"
