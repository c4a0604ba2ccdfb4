"""From predictions and judged runs to figures: of one pipeline, and pooled over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from realrun.validate import judging, statistics
from realrun.validate.loads import HEADLINE, LOADS, MEASURES

Row = Mapping[str, Any]

REAL, CPU, WALL = "real", "cpu_replay", "wall_replay"


@dataclass(frozen=True)
class Pipeline:
    """What is known of one pipeline on one set of workers.

    Parameters
    ----------
    name : str
    workers : str
        As on the command line.
    predicted : mapping
        Content of the file of predictions.
    rows : sequence of judged rows
    tasks : int
    unlike : bool
        Whether the workers differ in device, threads or dtype.
    emulated : bool
        Whether speeds or links are emulated: reported apart, never pooled.
    existing, exact : number of distinct allocations that exist, and whether that is exact
    remarks : what a reader must know
    """

    name: str
    workers: str
    predicted: Mapping[str, Any]
    rows: Sequence[Row]
    tasks: int
    unlike: bool
    emulated: bool = False
    existing: int = 0
    exact: bool = True
    remarks: Sequence[str] = field(default_factory=tuple)

    @property
    def is_pooled(self) -> bool:
        """At least 6 tasks, or unlike workers; with fewer and like ones little can go wrong."""
        return not self.emulated and (self.tasks >= 6 or self.unlike)

    @property
    def held_out(self) -> set[str]:
        """Names of the allocations that no calibration has seen; all where there is none."""
        names = {c["allocation"] for c in self.predicted["cases"] if not c["harvested"]}
        return names or {c["allocation"] for c in self.predicted["cases"]}

    def prediction(self, load: str, allocation: str) -> Mapping[str, Any]:
        """The prediction of one case."""
        for case in self.predicted["cases"]:
            if case["load"] == load and case["allocation"] == allocation:
                return case
        raise KeyError((load, allocation))


def summarise(pipeline: Pipeline, rules: judging.Rules, seed: int = 0) -> dict[str, Any]:
    """All figures of one pipeline, by load."""
    rows = pipeline.rows
    return {
        "pipeline": pipeline.name,
        "workers": pipeline.workers,
        "tasks": pipeline.tasks,
        "unlike_workers": pipeline.unlike,
        "emulated": pipeline.emulated,
        "allocations": len({c["allocation"] for c in pipeline.predicted["cases"]}),
        "held_out": sum(not c["harvested"] for c in pipeline.predicted["cases"]
                        if c["load"] == pipeline.predicted["cases"][0]["load"]),
        "existing": pipeline.existing,
        "existing_is_exact": pipeline.exact,
        "runs": len(rows),
        "rejected_share": _share(rows),
        "rejected": _reasons(rows),
        "wall_clock_is_assessable": judging.is_assessable(rows, rules),
        "fidelity": fidelity(rows),
        "fidelity_of_survivors": fidelity([row for row in rows if not row["rejected"]]),
        "loads": {
            load: _load([(pipeline, row) for row in rows if row["load"] == load], load, rules, seed)
            for load in LOADS
            if any(row["load"] == load for row in rows)
        },
        "remarks": list(pipeline.remarks),
    }  # fmt: skip


def pooled(
    pipelines: Sequence[Pipeline], rules: judging.Rules, seed: int = 0
) -> dict[str, Any] | None:
    """Figures over the runs of all pipelines that may be pooled; None if there are none."""
    chosen = [p for p in pipelines if p.is_pooled]
    if not any(p.rows for p in chosen):
        return None
    rows = [row for p in chosen for row in p.rows]
    loads = {}
    for load in LOADS:
        pairs = [(p, row) for p in chosen for row in p.rows if row["load"] == load]
        if pairs:
            loads[load] = _errors(pairs, load, rules, seed) | _pooled_pairs(chosen, load, rules)
    return {
        "pipelines": [f"{p.name} on {p.workers}" for p in chosen],
        "runs": len(rows),
        "rejected_share": _share(rows),
        "wall_clock_is_assessable": judging.is_assessable(rows, rules),
        "fidelity": fidelity(rows),
        "fidelity_of_survivors": fidelity([row for row in rows if not row["rejected"]]),
        "loads": loads,
    }


def fidelity(rows: Sequence[Row]) -> dict[str, Any]:
    """Violations per execution over all runs, by rule; error of message times."""
    checked = sum(row["checked"] for row in rows)
    by_rule: dict[str, int] = {}
    for row in rows:
        for rule, count in row["violations"].items():
            by_rule[rule] = by_rule.get(rule, 0) + count
    late = [row["message_error_median_s"] for row in rows if row["messages"]]
    tail = [row["message_error_p90_s"] for row in rows if row["messages"]]
    return {
        "checked": checked,
        "violations": sum(by_rule.values()),
        "share": sum(by_rule.values()) / checked if checked else None,
        "by_rule": by_rule,
        "messages": sum(row["messages"] for row in rows),
        "message_error_median_s": float(np.median(late)) if late else None,
        "message_error_p90_s": float(np.median(tail)) if tail else None,
    }


def _share(rows: Sequence[Row]) -> float | None:
    return float(np.mean([bool(row["rejected"]) for row in rows])) if rows else None


def _reasons(rows: Sequence[Row]) -> dict[str, int]:
    out: dict[str, int] = {}
    for row in rows:
        for reason in filter(None, row["rejected"].split("; ")):
            out[reason] = out.get(reason, 0) + 1
    return out


Pairs = Sequence[tuple[Pipeline, Row]]


def _load(pairs: Pairs, load: str, rules: judging.Rules, seed: int) -> dict[str, Any]:
    """Figures of one pipeline under one load."""
    out = _errors(pairs, load, rules, seed)
    pipeline, rows = pairs[0][0], _counting([row for _, row in pairs], rules)
    out["ranking"] = _ranking(pipeline, rows, load, REAL)
    out["ranking_of_durations"] = _ranking(pipeline, [row for _, row in pairs], load, CPU)
    return out


def _errors(pairs: Pairs, load: str, rules: judging.Rules, seed: int) -> dict[str, Any]:
    """The three errors, the noise floor and the ablation, over held-out allocations."""
    held = [(p, row) for p, row in pairs if row["allocation"] in p.held_out]
    alive = [(p, row) for p, row in held if not row["rejected"]]
    out: dict[str, Any] = {
        "measure": HEADLINE[load],
        "runs": len(held),
        "survivors": len(alive),
    }
    for measure in MEASURES:
        out[measure] = {
            "wall_clock": _accuracy(held, measure, REAL, seed),
            "wall_clock_survivors": _accuracy(alive, measure, REAL, seed),
            "durations": _accuracy(held, measure, CPU, seed),
            "rules_alone": _rules_alone(held, measure, seed),
            "noise_floor": _floor(held, measure, seed),
            "noise_floor_survivors": _floor(alive, measure, seed),
        }
    out["drift"] = _drift(held, HEADLINE[load])
    counted = alive if _enough(held, rules) else held
    out["ablation"] = _ablation(counted, HEADLINE[load], seed)
    return out


def _drift(pairs: Pairs, measure: str) -> list[float]:
    """Mean signed error of durations in each round: whether the machine changed meanwhile."""
    errors: dict[int, list[float]] = {}
    for p, row in pairs:
        predicted = p.prediction(row["load"], row["allocation"])[measure]
        errors.setdefault(row["round"], []).append(predicted / row[f"{CPU}_{measure}"] - 1.0)
    return [float(np.mean(errors[r])) for r in sorted(errors)]


def _enough(pairs: Pairs, rules: judging.Rules) -> bool:
    return judging.is_assessable([row for _, row in pairs], rules)


def _counting(rows: Sequence[Row], rules: judging.Rules) -> list[Row]:
    """Surviving rows where enough survive, else all."""
    alive = [row for row in rows if not row["rejected"]]
    return alive if judging.is_assessable(rows, rules) else list(rows)


def _cluster(pipeline: Pipeline, row: Row) -> tuple[str, str, str]:
    return pipeline.name, pipeline.workers, row["allocation"]


def _accuracy(
    pairs: Pairs, measure: str, source: str, seed: int, ablation: str | None = None
) -> dict[str, Any] | None:
    """Errors of the prediction against the measured or replayed values."""
    predicted = []
    for p, row in pairs:
        case = p.prediction(row["load"], row["allocation"])
        predicted.append(case["ablations"][ablation][measure] if ablation else case[measure])
    real = [row[f"{source}_{measure}"] for _, row in pairs]
    found = statistics.accuracy(predicted, real, [_cluster(p, row) for p, row in pairs], seed)
    return found.to_dict() if found else None


def _rules_alone(pairs: Pairs, measure: str, seed: int) -> dict[str, Any] | None:
    """The simulator fed with the measured holds against the clock: what its rules get wrong."""
    found = statistics.accuracy(
        [row[f"{WALL}_{measure}"] for _, row in pairs],
        [row[f"{REAL}_{measure}"] for _, row in pairs],
        [_cluster(p, row) for p, row in pairs],
        seed,
    )
    return found.to_dict() if found else None


def _floor(pairs: Pairs, measure: str, seed: int) -> dict[str, Any] | None:
    rounds: dict[Any, list[float]] = {}
    for p, row in pairs:
        rounds.setdefault(_cluster(p, row), []).append(row[f"{REAL}_{measure}"])
    found = statistics.noise_floor(rounds, seed)
    return found.to_dict() if found else None


def _ablation(pairs: Pairs, measure: str, seed: int) -> dict[str, Any]:
    """Wall-clock errors of every prediction with a term left out."""
    if not pairs:
        return {}
    common = None
    for p, row in pairs:
        names = set(p.prediction(row["load"], row["allocation"])["ablations"])
        common = names if common is None else common & names
    case = pairs[0][0].prediction(pairs[0][1]["load"], pairs[0][1]["allocation"])
    kept = [name for name in case["ablations"] if name in (common or ())]
    return {name: _accuracy(pairs, measure, REAL, seed, name) for name in kept}


def _values(
    pipeline: Pipeline, rows: Sequence[Row], load: str, source: str
) -> tuple[list[str], list[float], list[float], dict[str, list[float]]]:
    """Names, predictions, medians over rounds, and the rounds themselves, by allocation."""
    measure = HEADLINE[load]
    rounds: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda r: (r["allocation"], r["round"])):
        rounds.setdefault(row["allocation"], []).append(row[f"{source}_{measure}"])
    names = list(rounds)
    predicted = [pipeline.prediction(load, name)[measure] for name in names]
    return names, predicted, list(statistics.medians(rounds).values()), rounds


def _ranking(
    pipeline: Pipeline, rows: Sequence[Row], load: str, source: str
) -> dict[str, Any] | None:
    """Order of all allocations of a pipeline, harvested ones included."""
    if not rows:
        return None
    names, predicted, real, rounds = _values(pipeline, rows, load, source)
    right, total = statistics.ordered_pairs(predicted, real)
    groups = [_variants(pipeline.prediction(load, name)) for name in names]
    chosen = names[int(np.argmin(predicted))]
    pairs = len(names) * (len(names) - 1) // 2
    return {
        "allocations": len(names),
        "pairs": pairs,
        "pairs_apart": total,
        "pairs_right": right,
        "tau_b": statistics.tau_b(predicted, real),
        "tau_b_equal_variants": statistics.tau_within(predicted, real, groups),
        "tau_b_best_third": statistics.tau_best_third(predicted, real),
        "chosen": chosen,
        "regret": statistics.regret(chosen, rounds),
        "regret_by_scheduler": _regrets(pipeline, load, rounds),
    }


def _regrets(
    pipeline: Pipeline, load: str, rounds: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """Regret of what each scheduler chose."""
    out = {}
    for case in pipeline.predicted["cases"]:
        if case["load"] != load:
            continue
        for label in case["made_by"]:
            value = statistics.regret(case["allocation"], rounds)
            if value is not None and label not in ("random", "slowest", "ping-pong"):
                out[label] = value
    return out


def _variants(case: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(p["variant"] for p in sorted(case["placements"], key=lambda p: p["task"]))


def _pooled_pairs(chosen: Sequence[Pipeline], load: str, rules: judging.Rules) -> dict[str, Any]:
    """Ordered pairs within each pipeline, summed: pairs across pipelines mean nothing."""
    out = {}
    for key, source in (("ranking", REAL), ("ranking_of_durations", CPU)):
        right = total = every = 0
        regrets = []
        for p in chosen:
            rows: list[Row] = [row for row in p.rows if row["load"] == load]
            found = _ranking(p, _counting(rows, rules) if source == REAL else rows, load, source)
            if found:
                right, total = right + found["pairs_right"], total + found["pairs_apart"]
                every += found["pairs"]
                if found["regret"] is not None:
                    regrets.append(found["regret"])
        out[key] = {
            "pairs": every,
            "pairs_apart": total,
            "pairs_right": right,
            "regret": float(np.mean(regrets)) if regrets else None,
            "regret_max": max(regrets) if regrets else None,
        }
    return out
