"""The report of a validation: how far predictions were off, run by run, simulated above real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.report import columns, placed
from scenarios.report.of_run import both
from scenarios.report.page import Axis, Chart, Column, Page, Plot, Section, Series, Table, Text
from scenarios.report.reading import (
    missing_trace,
    read_csv,
    read_json,
    trace_or_none,
)
from scenarios.results import file_stem, to_json

if TYPE_CHECKING:
    import pandas as pd

Data = Mapping[str, Any]

SOURCES = (("wall clock", "real"), ("durations (CPU time replayed)", "cpu_replay"))
KINDS = (
    ("durations", "durations"), ("wall clock, all", "wall_clock"),
    ("wall clock, kept", "wall_clock_survivors"), ("noise floor", "noise_floor"),
    ("rules alone", "rules_alone"),
)  # fmt: skip
"""What is compared with the predictions; "rules alone": simulated with measured durations."""


def page(folder: Path) -> Page:
    """Read what ``alloclab validate -o`` wrote."""
    data = read_json(folder / "report.json")
    runs = read_csv(folder / "runs.csv", ("pipeline", "workers", "load", "allocation"))
    pairs, why = _traces(folder, data)
    sections = [
        Section("How far off", [_errors(data), _scatter(data, runs)],
                "Errors of allocations that no calibration has seen, as shares of the real value."),
        Section("Right order", [_ranking(data)],
                "Whether the simulator knows which of two allocations is faster, and what choosing "
                "by it costs (regret)."),
        Section("What matters in the model", [_ablation_chart(data), _fidelity(data)],
                "The median error when a term is left out, and the certificate's findings."),
    ]  # fmt: skip
    for title, traces in pairs.items():
        sections += _pair(title, traces)
    every = columns.table("Runs", columns.records(runs), size=25)
    facts = {k: v for k, v in data.items() if k not in ("pipelines", "pooled")}
    sections += [
        Section("Every run", [every]),
        Section("Where it comes from", [Text("Facts of the validation", to_json(facts)),
                                        *_calibrations(folder)]),
    ]  # fmt: skip
    names = ", ".join(dict.fromkeys(p["pipeline"] for p in data["pipelines"]))
    workers = ", ".join(dict.fromkeys(p["workers"] for p in data["pipelines"]))
    return Page(
        "validation", f"{names} on {workers}",
        f"Validation: predictions against real runs, {str(data.get('date', ''))[:10]}",
        _figures(data), _sentences(data, why), sections, _drawings(pairs),
    )  # fmt: skip


def _traces(folder: Path, data: Data) -> tuple[dict[str, dict[str, Any]], str]:
    """Title -> the simulated and the real trace of one run."""
    out: dict[str, dict[str, Any]] = {}
    reasons = []
    for entry in data.get("traces", []):
        found = {}
        for label in ("simulated", "real"):
            trace, why = trace_or_none(folder / str(entry["folder"]) / label)
            if trace is not None:
                found[label] = trace
            elif why:
                reasons.append(why)
        if len(found) == 2:
            title = f"{entry['pipeline']}, {entry['load']} load"
            many = sum(p["pipeline"] == entry["pipeline"] for p in data["pipelines"]) > 1
            out[title + (f", {entry['workers']}" if many else "")] = found
    return out, " ".join(reasons) or ("" if out else missing_trace("validate"))


def _pair(title: str, traces: Mapping[str, Any]) -> list[Section]:
    """Gantt, timelines and breakdown of one run, simulated and real."""
    return placed.sections(list(traces.items()), title)[:3]


def _groups(data: Data) -> list[tuple[str, Data]]:
    groups = [(f"{p['pipeline']} on {p['workers']}", p) for p in data["pipelines"]]
    pooled = data.get("pooled")
    if pooled and len(pooled["pipelines"]) > 1:
        groups.append(("pooled", pooled))
    return groups


def _errors(data: Data) -> Table:
    rows = []
    for name, group in _groups(data):
        for load, figures in group["loads"].items():
            measures = dict.fromkeys((figures["measure"], "mean_latency"))
            for measure in measures if load == "heavy" else [figures["measure"]]:
                for label, key in KINDS:
                    e = figures[measure].get(key)
                    if e is not None:
                        rows.append([
                            name, load, measure.replace("_", " "), label, e["runs"],
                            e["allocations"], e["median"], e["p90"], e["max"], e["mape"],
                            e["bias"], e["bias_low"], e["bias_high"],
                        ])  # fmt: skip
    columns_ = [
        Column("pipeline"), Column("load"), Column("measure"),
        Column("error of", hint="rules alone: the simulator fed with measured durations"),
        Column("runs", "count"), Column("allocations", "count"), Column("median", "percent"),
        Column("p90", "percent"), Column("max", "percent"), Column("MAPE", "percent"),
        Column("bias", "percent"), Column("from", "percent", "95 % interval of the bias"),
        Column("to", "percent", "95 % interval of the bias"),
    ]  # fmt: skip
    return Table("Errors", columns_, rows)


def _scatter(data: Data, runs: pd.DataFrame) -> Chart:
    """Predicted against real of every run, one plot for each load and source."""
    plots: dict[str, Plot] = {}
    loads = [load for load in ("light", "heavy") if (runs["load"] == load).any()]
    keys = list(dict.fromkeys(zip(runs["pipeline"], runs["workers"], strict=True)))
    rejected = runs["rejected"].notna() & (runs["rejected"].astype(str) != "")
    for i, load in enumerate(loads):
        measure = _measure(data, load)
        for j, (_, source) in enumerate(SOURCES):
            series = []
            for k, (pipeline, workers) in enumerate(keys):
                mine = (runs["pipeline"] == pipeline) & (runs["workers"] == workers)
                mine &= runs["load"] == load
                grey = rejected if source == "real" else rejected & False
                name = f"{pipeline} on {workers}"
                for part, label, colour in ((~grey, name, k), (grey, f"{name}, rejected", "muted")):
                    if (mine & part).any():
                        series.append(_points(runs[mine & part], label, measure, source, colour))
            words = measure.replace("_", " ")
            plots[f"{i}|{j}"] = Plot(
                "lines", Axis(f"predicted {words}", "seconds", log=True),
                Axis(f"real {words}", "seconds", log=True), series, diagonal=0.05,
            )  # fmt: skip
    choices = [("Load", loads), ("Real value by", [label for label, _ in SOURCES])]
    note = (
        f"The band is 5 % on either side. {int(rejected.sum())} of {len(runs)} runs were rejected."
    )
    return Chart("Predicted against real", plots, choices, note)


def _measure(data: Data, load: str) -> str:
    for p in data["pipelines"]:
        if load in p["loads"]:
            return str(p["loads"][load]["measure"])
    return "makespan"


def _points(rows: pd.DataFrame, name: str, measure: str, source: str, colour: int | str) -> Series:
    text = [
        f"{r['allocation']}, round {r.get('round', '')}" + (f", rejected: {r['rejected']}"
        if isinstance(r.get("rejected"), str) and r["rejected"] else "")
        for r in columns.records(rows)
    ]  # fmt: skip
    return Series(name, rows[f"predicted_{measure}"].tolist(), rows[f"{source}_{measure}"].tolist(),
                  colour=colour, line="", text=text)  # fmt: skip


def _ranking(data: Data) -> Table:
    rows = []
    for name, group in _groups(data):
        for load, figures in group["loads"].items():
            for label, key in (("wall clock", "ranking"), ("durations", "ranking_of_durations")):
                r = figures.get(key)
                if r is None:
                    continue
                share = r["pairs_right"] / r["pairs_apart"] if r["pairs_apart"] else None
                rows.append([name, load, label, r["pairs"], r["pairs_apart"], share,
                             r.get("tau_b"), r.get("regret")])  # fmt: skip
    columns_ = [
        Column("pipeline"), Column("load"), Column("by"), Column("pairs", "count"),
        Column("more than 5 % apart", "count"), Column("ordered right", "percent"),
        Column("Kendall's tau-b", "number"), Column("regret", "percent"),
    ]  # fmt: skip
    return Table("Order of allocations", columns_, rows)


def _ablation_chart(data: Data) -> Chart:
    plots, groups = {}, _groups(data)
    loads = list(dict.fromkeys(load for _, g in groups for load in g["loads"]))
    for i, load in enumerate(loads):
        mine = [(name, g["loads"][load]["ablation"]) for name, g in groups if load in g["loads"]]
        terms = list(dict.fromkeys(key for _, a in mine for key in a))
        series = [
            Series(name, [a[t]["median"] if a.get(t) else None for t in terms], terms, colour=k,
                   line="")
            for k, (name, a) in enumerate(mine)
        ]  # fmt: skip
        plots[str(i)] = Plot("bars", Axis("median error by wall clock", "percent", zero=True),
                             Axis("", "text"), series)  # fmt: skip
    return Chart("Error with a term left out", plots, [("Load", loads)])


def _fidelity(data: Data) -> Table:
    rows = []
    for name, group in _groups(data):
        for which, key in (("all runs", "fidelity"), ("kept runs", "fidelity_of_survivors")):
            f = group[key]
            by = ", ".join(f"{count} {rule}" for rule, count in f["by_rule"].items())
            late = [f[f"message_error_{k}_s"] for k in ("median", "p90")]
            counts = [f[k] for k in ("checked", "violations", "share")]
            rows.append([name, which, *counts, by or None, f["messages"], *late])
    columns_ = [
        Column("pipeline"), Column("of"), Column("executions", "count"),
        Column("violations", "count"), Column("share", "percent"), Column("by rule"),
        Column("messages", "count"), Column("message error, median", "seconds"),
        Column("p90", "seconds"),
    ]  # fmt: skip
    return Table("Fidelity: what the certificate says of the real traces", columns_, rows)


def _calibrations(folder: Path) -> list[Text]:
    from scenarios.report.reading import read_text

    files = sorted(folder.glob("calibration*.yaml"))
    return [Text(f"Calibration: {f.name}", read_text(f) or "") for f in files]


def _headline(data: Data) -> Sequence[tuple[str, str, Data]]:
    """(load, measure, errors by durations) of all pipelines, or of the only one."""
    _, group = _groups(data)[-1]
    return [(load, f["measure"], f[f["measure"]]) for load, f in group["loads"].items()]


def _figures(data: Data) -> list[tuple[str, str]]:
    out = []
    for load, measure, errors in _headline(data):
        if (e := errors.get("durations")) is not None:
            words = f"median error of durations, {load} load, {measure.replace('_', ' ')}"
            out.append((f"{100 * e['median']:.1f} %", words))
    _, group = _groups(data)[-1]
    right = [f[k] for f in group["loads"].values() for k in ("ranking_of_durations",) if f.get(k)]
    apart = sum(r["pairs_apart"] for r in right)
    if apart:
        share = sum(r["pairs_right"] for r in right) / apart
        out.append((f"{100 * share:.0f} %", "of clearly different pairs ordered right"))
    out.append((str(sum(p["runs"] for p in data["pipelines"])), "real runs"))
    return out


def _sentences(data: Data, why: str) -> list[str]:
    out = []
    for load, measure, errors in _headline(data):
        for label, key in (("durations", "durations"), ("wall clock", "wall_clock_survivors")):
            if (e := errors.get(key)) is not None:
                out.append(
                    f"In {load} load the {measure.replace('_', ' ')} by {label} is off by "
                    f"{100 * e['median']:.1f} % in the median and {100 * e['p90']:.1f} % at the "
                    f"90th percentile ({e['runs']} runs of {e['allocations']} allocations)."
                )
    for p in data["pipelines"]:
        total = f"{p['existing']:,}" if p["existing_is_exact"] else f"at most {p['existing']:,}"
        text = (f"{p['pipeline']} on {p['workers']}: {p['allocations']} of {total} distinct "
                f"allocations, {p['runs']} runs, {100 * p['rejected_share']:.0f} % rejected by "
                f"rules fixed beforehand")  # fmt: skip
        out.append("; ".join([text, *p["remarks"]]) + ".")
    return [*out, why] if why else out


def _drawings(pairs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        f"gantts-{file_stem(title)}": lambda path, t=traces, n=title: both(t, path, n)
        for title, traces in pairs.items()
    }
