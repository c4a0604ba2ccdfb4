"""What the searches are to reach on the known sets, measured and judged sentence by sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.analysis import Analysis, Key
from benchmarks.quality.cases import Case
from benchmarks.quality.statistics import CLOSE, geometric, paired

ABLATION = "gradient[learning_rate=0.0]"
PLAIN, PINNED = "genetic", "genetic[genes=pin]"
SEARCHES = ("portfolio", "annealing", "gradient", PLAIN, PINNED, "memetic")
BASELINE = "random_search"


@dataclass(frozen=True)
class Sentence:
    """One target and what was measured; `held` is None where nothing was measured."""

    set: str
    budget: str
    text: str
    measured: float
    target: float
    at_least: bool = False

    @property
    def held(self) -> bool:
        """Whether the target is met."""
        if self.at_least:
            return self.measured >= self.target - CLOSE
        return self.measured <= self.target + CLOSE


def sentences(analysis: Analysis, budget: str) -> Iterator[Sentence]:
    """All targets for which there are rows at this budget."""
    present = dict.fromkeys(c.set for c in analysis.cases)
    for name, check in CHECKS.items():
        if name in present:
            yield from check(analysis, name, budget)


def _gaps(analysis: Analysis, name: str, budget: str, scheduler: str) -> dict[Key, list[float]]:
    """Per cent above the best known, by instance and seed."""
    out = {}
    for key, values in analysis.of(scheduler, budget).items():
        if key[0] == name:
            best = analysis.references[key].best
            out[key] = [100 * (x / best - 1) for x in values]
    return out


def _mean(gaps: dict[Key, list[float]]) -> float:
    return float(np.mean([np.mean(v) for v in gaps.values()]))


def optimal_identical(analysis: Analysis, name: str, budget: str) -> Iterator[Sentence]:
    """Mean and greatest gap to the published optimum, and how often it is reached."""
    if budget != "1s":
        return
    limits = {"portfolio": 0.15, "annealing": 0.25, "gradient": 0.3, PLAIN: 1.0, PINNED: 0.4}
    for scheduler, limit in limits.items():
        gaps = _gaps(analysis, name, budget, scheduler)
        if gaps:
            yield Sentence(name, budget, f"{scheduler}: mean gap %", _mean(gaps), limit)
    gaps = _gaps(analysis, name, budget, "portfolio")
    if gaps:
        flat = np.concatenate([np.array(v) for v in gaps.values()])
        share = 100 * float((flat <= 100 * CLOSE).mean())
        yield Sentence(name, budget, "portfolio: % of runs optimal", share, 95.0, True)
        yield Sentence(name, budget, "portfolio: greatest gap %", float(flat.max()), 5.0)
    below = sum(row["set"] == name for row in analysis.below_optimum())
    yield Sentence(name, budget, "rows below a proved optimum", below, 0)


def flexible_job_shop(analysis: Analysis, name: str, budget: str) -> Iterator[Sentence]:
    """Mean gap to the best known, over all and over Brandimarte's mk instances."""
    limits = {
        "1s": {"portfolio": 1.0},
        "10s": {"portfolio": 0.6, "annealing": 1.0, PLAIN: 4.0, PINNED: 4.0},
    }
    for scheduler, limit in limits.get(budget, {}).items():
        gaps = _gaps(analysis, name, budget, scheduler)
        if gaps:
            yield Sentence(name, budget, f"{scheduler}: mean gap %", _mean(gaps), limit)
    gaps = {
        k: v for k, v in _gaps(analysis, name, budget, "portfolio").items()
        if analysis.by_key[k].name.startswith("mk")
    }  # fmt: skip
    if gaps and budget == "10s":
        yield Sentence(name, budget, "portfolio: mean gap % on mk", _mean(gaps), 1.0)


def related_saga(analysis: Analysis, name: str, budget: str) -> Iterator[Sentence]:
    """Portfolio against the best makespan of any scheduler of SAGA."""
    if budget != "1s":
        return
    ratios = {}
    for key, values in analysis.of("portfolio", budget).items():
        case = analysis.by_key[key]
        if key[0] == name and case.peers:
            ratios[key] = [x / min(case.peers.values()) for x in values]
    if not ratios:
        return
    worst = max(x for values in ratios.values() for x in values)
    yield Sentence(name, budget, "portfolio / best of SAGA: the worst run", worst, 1.0)
    for ccr, limit in ((1.0, 0.97), (5.0, 0.80)):
        chosen = [
            float(np.mean(v)) for k, v in ratios.items()
            if analysis.by_key[k].tasks > 20 and analysis.by_key[k].ccr == ccr
        ]  # fmt: skip
        if chosen:
            text = f"portfolio / best of SAGA, over 20 tasks, CCR {ccr:g}"
            yield Sentence(name, budget, text, geometric(chosen), limit)


def evaluation(analysis: Analysis, name: str, budget: str) -> Iterator[Sentence]:
    """The generated set: portfolio against the references, searches against each other."""
    if budget == "1s":
        yield from _portfolio(analysis, name, budget)
    high = _where(analysis, name, lambda c: c.ccr is not None and c.ccr >= 1)
    for mine, other, limit, text in (
        ("gradient", PLAIN, 0.96, "gradient / plain genetic"),
        ("gradient", ABLATION, 0.985, "gradient / its learning-rate-0 ablation"),
        *((s, BASELINE, 1.0, f"{s} / {BASELINE}") for s in SEARCHES),
    ):
        a, b = analysis.of(mine, budget), analysis.of(other, budget)
        keys = [k for k in high if k in a and k in b]
        if not keys:
            continue
        ratio, low, up = paired(
            np.array([np.mean(a[k]) for k in keys]), np.array([np.mean(b[k]) for k in keys])
        )
        text = f"{text}, CCR >= 1, paired (95 % interval {low:.3f} to {up:.3f})"
        yield Sentence(name, budget, text, ratio, limit)


def _portfolio(analysis: Analysis, name: str, budget: str) -> Iterator[Sentence]:
    runs = analysis.of("portfolio", budget)
    refs = analysis.references
    every = [k for k in _where(analysis, name, lambda c: True) if k in runs]
    high = [k for k in every if (analysis.by_key[k].ccr or 0) >= 1]
    low = [k for k in every if (analysis.by_key[k].ccr or 1) < 1]
    mean = {k: float(np.mean(runs[k])) for k in every}
    if every:
        value = geometric([mean[k] / refs[k].best for k in every])
        yield Sentence(name, budget, "portfolio / best known", value, 1.03)
    for text, limit, pick in (
        ("portfolio / HEFT, CCR >= 1", 0.80, "heft"),
        ("portfolio / best list scheduler, CCR >= 1", 0.93, "best_list"),
    ):
        keys = [k for k in high if getattr(refs[k], pick) is not None]
        if keys:
            value = geometric([mean[k] / getattr(refs[k], pick) for k in keys])
            yield Sentence(name, budget, text, value, limit)
    worst = [max(runs[k]) / b for k in low if (b := refs[k].best_list) is not None]
    if worst:
        text = "portfolio / best list scheduler, CCR 0.1: the worst run"
        yield Sentence(name, budget, text, max(worst), 1.0)


def _where(analysis: Analysis, name: str, chosen: Callable[[Case], bool]) -> list[Key]:
    return [k for k, c in analysis.by_key.items() if c.set == name and chosen(c)]


CHECKS: dict[str, Callable[[Analysis, str, str], Iterator[Sentence]]] = {
    "optimal_identical": optimal_identical,
    "flexible_job_shop": flexible_job_shop,
    "related_saga": related_saga,
    "evaluation": evaluation,
}
"""Name of a set -> what is to be reached on it."""
