"""The report of one simulated run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.report import columns, placed
from scenarios.report.breakdown import WORDS, parts_of
from scenarios.report.page import Column, Page, Section, Table
from scenarios.report.reading import (
    missing_trace,
    provenance,
    read_json,
    trace_or_none,
)
from scenarios.report.searches import curves, fronts

if TYPE_CHECKING:
    from simulator.trace import Trace


def page(folder: Path) -> Page:
    """Read what ``alloclab simulate -o`` wrote."""
    data = read_json(folder / "metrics.json")
    trace, why = trace_or_none(folder / "trace")
    objective, value = next(iter(data["objective"].items()))
    value = float("inf") if value is None else value
    label = str(data["allocated_by"])
    sections: list[Section] = []
    if trace is not None:
        sections += placed.sections([(label, trace)], shown=1)
    else:
        sections.append(Section("Metrics", [_metrics(data["metrics"])]))
    blocks = [*curves(folder / "curve.csv", objective), *fronts(folder)]
    if blocks:
        sections.append(Section("Search", blocks))
    sections.append(provenance(folder, "scenario.yaml"))
    words = objective.replace("_", " ")
    figures = [(columns.words_of(objective, value), words), (label, "allocated by")]
    figures += _more(data["metrics"], objective)
    return Page(
        "simulation", f"{data['scenario']} on {data['cluster']}",
        f"Simulation of one allocation, seed {data['seed']}, engine {data['engine']}",
        figures, _sentences(data, objective, value, trace, why), sections,
        _drawings(trace, f"{data['scenario']}, {label}"),
    )  # fmt: skip


def _metrics(values: Mapping[str, Any]) -> Table:
    from simulator.metrics import show

    rows = [[k.replace("_", " "), {"value": v, "shown": show(k, v)}] for k, v in values.items()
            if isinstance(v, int | float)]  # fmt: skip
    return Table("Metrics", [Column("metric"), Column("value", "raw")], rows)


def _more(metrics: Mapping[str, Any], objective: str) -> list[tuple[str, str]]:
    from simulator.metrics import show

    wanted = ("makespan", "p99_latency", "slo_attainment", "utilisation")
    out = [(show(k, metrics[k]), k.replace("_", " ")) for k in wanted
           if k in metrics and k != objective]  # fmt: skip
    return out[:3]


def _sentences(
    data: Mapping[str, Any], objective: str, value: float, trace: Trace | None, why: str
) -> list[str]:
    metrics = data["metrics"]
    words = objective.replace("_", " ")
    done, total = int(metrics.get("completed", 0)), int(metrics.get("requests", 0))
    out = [
        f"{data['scenario']}, placed by {data['allocated_by']}: {words} is "
        f"{columns.words_of(objective, value)}; {done:,} of {total:,} requests completed."
    ]
    if trace is None:
        return [*out, why or missing_trace("simulate")]
    out += where_it_goes(trace)
    return out


def where_it_goes(trace: Trace) -> list[str]:
    """Sentences on the largest part of the latency and on the busiest node and link."""
    out = []
    parts = parts_of(trace)
    total = sum(parts.values())
    if total > 0:
        shares = sorted(parts.items(), key=lambda item: -item[1])
        text = ", ".join(f"{100 * s / total:.0f} % {WORDS[k]}" for k, s in shares if s > 0)
        out.append(f"Of the time of a request on its decisive chain {text}.")
    used = [(row["utilisation"], name) for name, row in trace.metrics().by_node.items()
            if "utilisation" in row]  # fmt: skip
    if used:
        share, name = max(used)
        out.append(f"The busiest node is {name}, {100 * share:.0f} % of its slots in use.")
    return out


def _drawings(trace: Trace | None, title: str) -> dict[str, Any]:
    if trace is None:
        return {}
    return {"gantt": lambda path: trace.gantt(path, title=title)}
