"""The report of a validation: tables for people, JSON, CSV, pictures and traces in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realrun.validate import charts, judging
from realrun.validate.protocol import Session
from realrun.validate.summary import Pipeline, pooled, summarise
from simulator.shown import Shown, some

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """Everything that a validation found.

    Parameters
    ----------
    pipelines : sequence of Pipeline
    sessions : sequence of Session, one for each pipeline
    facts : mapping
        Machine, versions, date, command, calibration.
    rules : Rules
    seed : int
    note : str or None
        One line where the hardware is outside what was validated so far.
    """

    pipelines: Sequence[Pipeline]
    sessions: Sequence[Session]
    facts: Mapping[str, Any] = field(default_factory=dict)
    rules: judging.Rules = field(default_factory=judging.Rules)
    seed: int = 0
    note: str | None = None

    def _summary(self) -> dict[str, str]:
        out = {
            "pipelines": some(p.name for p in self.pipelines),
            "runs": str(sum(len(p.rows) for p in self.pipelines)),
            "seed": str(self.seed),
        }
        return out | ({"note": self.note} if self.note else {})

    def _details(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [p.name, p.workers, str(p.tasks), str(len(p.predicted["cases"])), str(len(p.rows))]
            for p in self.pipelines
        ]
        return ["pipeline", "workers", "tasks", "cases", "runs"], rows

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain data."""
        return {
            **self.facts,
            "rules_of_rejection": str(self.rules),
            "pipelines": [summarise(p, self.rules, self.seed) for p in self.pipelines],
            "pooled": pooled(self.pipelines, self.rules, self.seed),
        }

    def write(self, folder: Path) -> list[Path]:
        """Write report, rows, pictures and traces; returns the names of the files."""
        folder.mkdir(parents=True, exist_ok=True)
        data = self.to_dict() | {"traces": save_traces(self.pipelines, self.sessions, folder)}
        (folder / "report.json").write_text(to_json(data) + "\n", encoding="utf-8")
        write_rows(self.pipelines, folder / "runs.csv")
        charts.scatter(self.pipelines, folder / "scatter.png")
        for pipeline, session in zip(self.pipelines, self.sessions, strict=True):
            stem = file_stem(pipeline, self.pipelines)
            for load, (case, measured) in session.shown.items():
                made_by = case.candidate.made_by
                more = f" and {len(made_by) - 3} more" if len(made_by) > 3 else ""
                who = ", ".join(made_by[:3]) + more
                title = f"{pipeline.name} on {pipeline.workers}, {load} load ({who})"
                path = folder / f"gantt{stem}-{load}.png"
                charts.gantts(case.predicted, measured, path, title)
            traces = {
                f"{kind} {load}": trace
                for load, (case, measured) in session.shown.items()
                for kind, trace in (("simulated", case.predicted), ("real", measured))
            }
            if traces:
                charts.perfetto(traces, folder / f"both{stem}.perfetto.json")
        return sorted(p for p in folder.rglob("*") if p.is_file())


def file_stem(pipeline: Pipeline, every: Sequence[Pipeline]) -> str:
    """What tells the files of a pipeline from those of others; empty where there is one."""
    if len(every) == 1:
        return ""
    same = [p for p in every if p.name == pipeline.name]
    text = f"-{pipeline.name}" + (f"-{pipeline.workers}" if len(same) > 1 else "")
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in text)


def save_traces(
    pipelines: Sequence[Pipeline], sessions: Sequence[Session], folder: Path
) -> list[dict[str, str]]:
    """Keep the runs that are shown, simulated and real, and say where."""
    kept = []
    for pipeline, session in zip(pipelines, sessions, strict=True):
        stem = file_stem(pipeline, pipelines).lstrip("-") or "pipeline"
        for load, (case, measured) in session.shown.items():
            place = f"traces/{stem}/{load}"
            case.predicted.save(folder / place / "simulated")
            measured.save(folder / place / "real")
            made_by = ", ".join(case.candidate.made_by)
            kept.append(
                {
                    "pipeline": pipeline.name, "workers": pipeline.workers, "load": load,
                    "made_by": made_by, "folder": place,
                }
            )  # fmt: skip
    return kept


def to_json(data: Any) -> str:
    """JSON text; NaN and infinities become null."""
    return json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def write_rows(pipelines: Sequence[Pipeline], path: Path) -> None:
    """One CSV row for each run, with what was predicted for it and why it was rejected."""
    import pandas as pd

    rows = []
    for p in pipelines:
        for row in p.rows:
            case = p.prediction(row["load"], row["allocation"])
            flat = {k: v for k, v in row.items() if not isinstance(v, list | dict)}
            rows.append({
                "pipeline": p.name,
                "workers": p.workers,
                "made_by": "; ".join(case["made_by"]),
                "harvested": case["harvested"],
                "requests": case["requests"],
                "predicted_makespan": case["makespan"],
                "predicted_mean_latency": case["mean_latency"],
                **flat,
                "off_cpu": judging.off_cpu(row),
                "violations": sum(row["violations"].values()),
            })  # fmt: skip
    pd.DataFrame(rows).to_csv(path, index=False)


# ----- tables ---------------------------------------------------------------------------------
def tables(data: Mapping[str, Any]) -> list[Table | str]:
    """What the command prints: errors, ranking, ablation, fidelity; emulated runs apart."""
    out: list[Table | str] = []
    for emulated, title in ((False, ""), (True, " (emulated: tests engine and runtime only)")):
        mine = [p for p in data["pipelines"] if p["emulated"] is emulated]
        if not mine:
            continue
        groups = [(_name(p), p) for p in mine]
        if not emulated and data["pooled"] and len(data["pooled"]["pipelines"]) > 1:
            groups.append(("pooled", data["pooled"]))
        out += [_errors(f"Errors, {name}{title}", group) for name, group in groups]
        out += [
            _ranking(f"Order of allocations{title}", groups),
            _ablation(f"Median error by wall clock with a term left out{title}", groups),
            _fidelity(f"Fidelity{title}", groups),
        ]
    for p in data["pipelines"]:
        out.append(_words(p))
    return out


def _name(p: Mapping[str, Any]) -> str:
    return f"{p['pipeline']} on {p['workers']}"


def _table(title: str, first: Sequence[str], numbers: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold",
                  box=None, pad_edge=False)  # fmt: skip
    for name in first:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def percent(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """A share in percent; a dash where there is none."""
    if value is None or value != value:
        return "-"
    return f"{100 * value:{'+' if sign else ''}.{digits}f} %"


KINDS = (
    ("durations", "durations"),
    ("wall clock, all", "wall_clock"),
    ("wall clock, kept", "wall_clock_survivors"),
    ("noise floor", "noise_floor"),
    ("rules alone", "rules_alone"),
)
"""What the table of errors shows; "rules alone" is the simulator fed with the measured holds."""


def _errors(title: str, group: Mapping[str, Any]) -> Table:
    numbers = ["runs", "allocations", "median", "p90", "max", "MAPE", "bias"]
    table = _table(title, ("load", "measure", "error of"), (*numbers, "95 % interval"))
    for load, figures in group["loads"].items():
        for measure in (figures["measure"], *(("mean_latency",) if load == "heavy" else ())):
            first = load, measure.replace("_", " ")
            for label, key in KINDS:
                e = figures[measure][key]
                if e is None:
                    continue
                low, high = (percent(e[k], sign=True) for k in ("bias_low", "bias_high"))
                table.add_row(
                    *first, label, str(e["runs"]), str(e["allocations"]), percent(e["median"]),
                    percent(e["p90"]), percent(e["max"]), percent(e["mape"]),
                    percent(e["bias"], sign=True), f"{low} .. {high}",
                )  # fmt: skip
                first = "", ""
    return table


def _ranking(title: str, groups: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    table = _table(title, ("pipeline", "load", "by"),
                   ("pairs > 5 % apart", "ordered right", "tau-b", "same variants", "best third",
                    "regret"))  # fmt: skip
    for name, group in groups:
        for load, figures in group["loads"].items():
            for label, key in (("wall clock", "ranking"), ("durations", "ranking_of_durations")):
                r = figures.get(key)
                if r is None:
                    continue
                share = r["pairs_right"] / r["pairs_apart"] if r["pairs_apart"] else None
                taus = [r.get(k) for k in ("tau_b", "tau_b_equal_variants", "tau_b_best_third")]
                table.add_row(
                    name, load, label, f"{r['pairs_apart']} of {r['pairs']}", percent(share),
                    *("-" if t is None else f"{t:.2f}" for t in taus),
                    percent(r["regret"], sign=True),
                )  # fmt: skip
                name, load = "", ""
    return table


def _ablation(title: str, groups: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    names = list(dict.fromkeys(
        key for _, g in groups for f in g["loads"].values() for key in f["ablation"]
    ))  # fmt: skip
    table = _table(title, ("pipeline", "load", "measure"), names)
    for name, group in groups:
        for load, figures in group["loads"].items():
            errors = [figures["ablation"].get(key) for key in names]
            table.add_row(name, load, figures["measure"].replace("_", " "),
                          *(percent(e["median"]) if e else "-" for e in errors))  # fmt: skip
            name = ""
    return table


def _fidelity(title: str, groups: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    numbers = ["runs", "executions", "violations", "share"]
    table = _table(title, ("pipeline",), (*numbers, "by rule", "messages", "error median", "p90"))
    both = [(*item, key) for item in groups for key in ("all", "kept")]
    for name, group, key in both:
        f = group["fidelity"] if key == "all" else group["fidelity_of_survivors"]
        rules = ", ".join(f"{count} {rule}" for rule, count in f["by_rule"].items())
        table.add_row(
            name if key == "all" else "", key, str(f["checked"]), str(f["violations"]),
            percent(f["share"], 2), rules or "-", str(f["messages"]), *(
                "-" if f[k] is None else f"{1e6 * f[k]:.0f} µs"
                for k in ("message_error_median_s", "message_error_p90_s")
            ),
        )  # fmt: skip
    return table


def _words(p: Mapping[str, Any]) -> str:
    """One paragraph: how many allocations and runs, what was rejected, remarks."""
    total = str(p["existing"]) if p["existing_is_exact"] else f"at most {p['existing']:,}"
    why = ", ".join(f"{count} {reason}" for reason, count in p["rejected"].items())
    text = (
        f"{_name(p)}: {p['allocations']} of {total} distinct allocations, {p['held_out']} not seen "
        f"in harvesting; {p['runs']} runs, {percent(p['rejected_share'], 0)} rejected"
        + (f" ({why})" if why else "")
    )
    if not p["wall_clock_is_assessable"]:
        text += f"; {judging.NOT_ASSESSABLE}"
    return "; ".join([text, *p["remarks"]])
