"""The report of a real run: what was predicted above what happened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.report import columns, placed
from scenarios.report.page import Axis, Chart, Column, Page, Plot, Section, Series, Table
from scenarios.report.reading import (
    missing_trace,
    provenance,
    read_json,
    trace_or_none,
)
from simulator.metrics import RUN_UNITS, show
from simulator.units import format_si

FIRST = ("makespan", "mean_latency", "p50_latency", "p95_latency", "p99_latency", "throughput")


def page(folder: Path) -> Page:
    """Read what ``alloclab run -o`` wrote."""
    data = read_json(folder / "run.json")
    traces, reasons = {}, []
    for name, label in (("predicted", "simulated"), ("real", "real")):
        trace, why = trace_or_none(folder / "traces" / name)
        if trace is not None:
            traces[label] = trace
        elif why:
            reasons.append(why)
    sections = [Section("Predicted and real", [_table(data), _task_errors(traces)]
                        if len(traces) == 2 else [_table(data)])]  # fmt: skip
    if traces:
        sections += placed.sections(list(traces.items()), shown=len(traces))
    sections += [Section("Facts of the run", [_facts(data)]), provenance(folder, "scenario.yaml")]
    sentences = _sentences(data)
    if len(traces) < 2:
        sentences.append(" ".join(reasons) or missing_trace("run"))
    return Page(
        "run", f"{data['scenario']} on {', '.join(data['workers'])}",
        f"Real run of one allocation by {data['allocated_by']}, seed {data['seed']}",
        _figures(data), sentences, sections, _drawings(traces, str(data["scenario"])),
    )  # fmt: skip


def _both(data: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    mine, real = data["predicted"], data["real"]
    keys = [*FIRST, *(k for k in RUN_UNITS if k not in FIRST)]
    both = [(key, mine.get(key), real.get(key)) for key in keys]
    return [(k, a, b) for k, a, b in both if columns.is_number(a) and columns.is_number(b)]


def _table(data: Mapping[str, Any]) -> Table:
    rows = [
        [key.replace("_", " "), {"value": mine, "shown": show(key, mine)},
         {"value": real, "shown": show(key, real)}, real / mine - 1 if mine > 0 else None]
        for key, mine, real in _both(data)
    ]  # fmt: skip
    heads = [Column("metric"), Column("predicted", "raw"), Column("real", "raw"),
             Column("real against predicted", "percent")]  # fmt: skip
    return Table("Metrics, predicted and real", heads, rows, size=60)


def _task_errors(traces: Mapping[str, Any]) -> Chart:
    """Seconds of every execution, real over simulated."""
    mine, real = traces["simulated"], traces["real"]
    series = []
    for t, name in enumerate(mine.problem.task_names):
        x = mine.log.finish[:, t] - mine.log.start[:, t]
        y = real.log.finish[:, t] - real.log.start[:, t]
        both = [(a, b, r) for r, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True))
                if a == a and b == b and a > 0 and b > 0]  # fmt: skip
        series.append(Series(name, [a for a, _, _ in both], [b for _, b, _ in both], colour=t,
                             line="", text=[f"request {r}" for *_, r in both]))  # fmt: skip
    plot = Plot("lines", Axis("predicted", "seconds", log=True), Axis("real", "seconds", log=True),
                series, diagonal=0.05)  # fmt: skip
    return Chart.of("Duration of every execution", plot, "The band is 5 % on either side.")


def _facts(data: Mapping[str, Any]) -> Table:
    flat = {k: v for k, v in data["facts"].items() if not isinstance(v, dict | list)}
    equal = data.get("outputs_equal_one_process")
    if equal is not None:
        flat["outputs equal those of one process"] = "yes" if equal else "NO"
    rows = [[k.replace("_", " "), str(v)] for k, v in flat.items()]
    return Table("Facts", [Column("fact"), Column("value")], rows)


def _figures(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    out = []
    for key, mine, real in _both(data)[:3]:
        if RUN_UNITS[key] == "s" and mine > 0:
            out.append((f"{100 * (real / mine - 1):+.1f} %",
                        f"{key.replace('_', ' ')}, real against predicted"))  # fmt: skip
    equal = data.get("outputs_equal_one_process")
    if equal is not None:
        out.append(("equal" if equal else "NOT equal", "outputs against one process"))
    return out


def _sentences(data: Mapping[str, Any]) -> list[str]:
    out = []
    values = {key: (mine, real) for key, mine, real in _both(data)}
    if "makespan" in values and values["makespan"][0] > 0:
        mine, real = values["makespan"]
        out.append(
            f"{data['scenario']} took {format_si(real, 's', digits=4)} where "
            f"{format_si(mine, 's', digits=4)} were predicted ({100 * (real / mine - 1):+.1f} %)."
        )
    equal = data.get("outputs_equal_one_process")
    if equal is not None:
        out.append("All outputs equal those of one process, bit for bit." if equal else
                   "Outputs differ from those of one process.")  # fmt: skip
    return out + [f"{note[0].upper()}{note[1:]}." for note in data["notes"] if note]


def _drawings(traces: Mapping[str, Any], title: str) -> dict[str, Any]:
    if len(traces) < 2:
        return {}
    return {"gantts": lambda path: both(traces, path, title)}


def both(traces: Mapping[str, Any], path: Path, title: str) -> None:
    """Simulated above real, for print."""
    from realrun.validate.charts import gantts

    gantts(traces["simulated"], traces["real"], path, title)
