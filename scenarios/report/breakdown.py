"""Where the time of a run goes: parts of the latency, nodes, links, the slowest request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.report.page import Axis, Chart, Column, Plot, Section, Series, Table
from simulator.critical import PARTS, latency_parts

if TYPE_CHECKING:
    from simulator.trace import Trace

WORDS = {
    "compute": "computing",
    "transfer": "transfer",
    "slot_wait": "waiting for a slot",
    "join_wait": "waiting at joins",
}
"""Names of the parts of a latency."""

HINTS = "Along the chain of last inputs, which is what decides when a request is done."

KINDS = {"s": "seconds", "B": "bytes", "1": "ratio", "1/s": "number", "J": "number", "": "number"}
PERCENT = ("utilisation", "slo_attainment", "communication_share", "critical_communication_share",
           "max_link_utilisation")  # fmt: skip


def parts_of(trace: Trace) -> dict[str, float]:
    """Mean seconds of each part of the latency over the completed requests; empty without any."""
    parts = latency_parts(trace.record)
    done = ~np.isnan(parts[:, 0])
    if not done.any():
        return {}
    return dict(zip(PARTS, parts[done].mean(axis=0).tolist(), strict=True))


def parts_chart(parts: Mapping[str, Mapping[str, float]], title: str, note: str = HINTS) -> Chart:
    """Stacked bars, one for each run."""
    names = [name for name, row in parts.items() if row]
    series = [
        Series(WORDS[part], [parts[name][part] for name in names], names, colour=i, line="")
        for i, part in enumerate(PARTS)
        if any(parts[name][part] > 0 for name in names)
    ]
    plot = Plot("stacked", Axis("mean latency of a request", "seconds", zero=True),
                Axis("", "text"), series)  # fmt: skip
    return Chart.of(title, plot, note)


def section(every: Sequence[tuple[str, Trace]], shown: int) -> Section:
    """Latency by parts of all runs; nodes, links and slowest request of the first ones."""
    panels = every[:shown]
    blocks: list[Any] = []
    parts = {name: parts_of(trace) for name, trace in every}
    if any(parts.values()):
        blocks.append(parts_chart(parts, "Latency by parts"))
    blocks.append(_places(panels, "by_node", "Nodes"))
    if any(t.metrics().by_link for _, t in panels):
        blocks.append(_places(panels, "by_link", "Links"))
    blocks += [chain for name, trace in panels if (chain := _chain(name, trace)) is not None]
    return Section("Where the time goes", blocks)


def _places(panels: Sequence[tuple[str, Trace]], attribute: str, title: str) -> Table:
    """One row for each node or link and run."""
    from simulator.metrics import UNITS

    tables = [(name, getattr(trace.metrics(), attribute)) for name, trace in panels]
    keys = list(dict.fromkeys(k for _, table in tables for row in table.values() for k in row))
    many = len(panels) > 1
    columns = [Column(title[:-1].lower()), *([Column("run")] if many else [])]
    columns += [Column(key.replace("_", " "), kind_of(key, UNITS.get(key, ""))) for key in keys]
    rows = [
        [place, *([name] if many else []), *(row.get(key) for key in keys)]
        for place in dict.fromkeys(p for _, table in tables for p in table)
        for name, table in tables
        if (row := table.get(place)) is not None
    ]
    return Table(title, columns, rows)


def kind_of(metric: str, unit: str) -> str:
    """How the values of a metric are written."""
    if metric in PERCENT:
        return "percent"
    return KINDS.get(unit, "number")


def _chain(name: str, trace: Trace) -> Table | None:
    """What the slowest request was doing at every instant."""
    segments = trace.critical_path()
    if not segments:
        return None
    begin = segments[0].start
    rows = [[s.kind, s.name, s.place, s.request, s.start - begin, s.seconds] for s in segments]
    columns = [Column("doing"), Column("task or message"), Column("node or links"),
               Column("request", "count"), Column("after its arrival", "seconds"),
               Column("took", "seconds")]  # fmt: skip
    title = f"Slowest request, {name}" if name else "Slowest request"
    note = f"Request {segments[-1].request}: every instant from its arrival to its completion."
    return Table(title, columns, rows, note, size=20)


def metrics_table(panels: Sequence[tuple[str, Trace]]) -> Table:
    """All metrics of all runs, a column for each run."""
    from simulator.metrics import RUN_UNITS, show

    every = [(name, trace.metrics()) for name, trace in panels]
    keys = [key for key in RUN_UNITS if any(key in m for _, m in every)]
    columns = [Column("metric"), *(Column(name or "value", "raw") for name, _ in every)]
    rows = [
        [key.replace("_", " "),
         *({"value": m[key], "shown": show(key, m[key])} if key in m else None for _, m in every)]
        for key in keys
    ]  # fmt: skip
    return Table("Metrics", columns, rows, "Defined in docs/metrics.md.", size=60)
