"""The result of an analysis in plain sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.statistics.power import pairs_needed, smallest_p

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.statistics.analysis import Analysis

FEW_CLUSTERS = 10
MOST_NAMES = 8


def summary(a: Analysis) -> list[str]:
    """Sentences: what was compared, who is best, who differs, how sure that is, what is missing."""
    return [
        _what(a), *_best(a), _tests(a), *_ranks(a), *_profile(a), *_power_words(a), *_limits(a),
        *(f"{remark[0].upper()}{remark[1:]}." for remark in a.remarks),
    ]  # fmt: skip


def effect_text(a: Analysis, value: float) -> str:
    """An effect as text: a ratio as a multiple, a difference with its sign."""
    if math.isnan(value):
        return "-"
    return f"{value:.3f}x" if a.scale == "ratio" else f"{value:+.4g}"


def p_text(p: float) -> str:
    """A p value; small ones as a limit."""
    if math.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def names_text(names: list[str]) -> str:
    """Some names, and how many more."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return ", ".join(names[: MOST_NAMES - 1]) + f" and {len(names) - MOST_NAMES + 1} more"


def _count(n: int, noun: str) -> str:
    plural = {"family": "families"}.get(noun, f"{noun}s")
    return f"{n:,} {noun if n == 1 else plural}"


def _what(a: Analysis) -> str:
    s = a.size
    words = a.metric.replace("_", " ")
    over = f"{_count(s['instances'], 'instance')} of {_count(s['families'], 'family')}"
    seeds = f"{_count(s['seeds'], 'seed')}"
    how = f" ({a.chosen})" if a.chosen else ""
    kind = "ratios: below 1 is better" if a.scale == "ratio" else "differences: below 0 is better"
    return (
        f"{_count(s['schedulers'], 'scheduler')} by {words} on {over}, {seeds}; compared with "
        f"{a.baseline}{how}; {kind}."
    )


def _best(a: Analysis) -> list[str]:
    known = a.table[a.table["effect"].notna()]
    if known.empty:
        return ["No scheduler has a finite value together with the baseline."]
    row = known.iloc[0]
    if row["scheduler"] == a.baseline:
        return [f"No scheduler is better on average than {a.baseline}."]
    sure = f"{100 * a.settings.confidence:g} % interval"
    spans = _span(a, row["low"], row["high"], f"over {a.drawn}s")
    if a.size["families"] > 1:
        spans += "; " + _span(a, row["family_low"], row["family_high"], "over families")
    verb = "times" if a.scale == "ratio" else "against"
    number = f"{row['effect']:.3f}" if a.scale == "ratio" else f"{row['effect']:+.4g}"
    out = f"Best on average: {row['scheduler']}, {number} {verb} {a.baseline} ({sure} {spans})"
    counts = f"better on {row['better']:,}, equal on {row['equal']:,}, worse on {row['worse']:,}"
    return [f"{out}; {counts} of {row['pairs']:,} {a.unit}s."]


def _span(a: Analysis, low: float, high: float, over: str) -> str:
    if math.isnan(low):
        return f"{over}: none, there is only one"
    return f"{over} {effect_text(a, low)} to {effect_text(a, high)}"


def _tests(a: Analysis) -> str:
    tested = a.table[a.table["p_holm"].notna()]
    if tested.empty:
        return f"Nothing could be tested against {a.baseline}."
    sure = tested[tested["p_holm"] <= a.settings.alpha]
    better = sure[sure["rank_biserial"] > 0]["scheduler"].tolist()
    worse = sure[sure["rank_biserial"] < 0]["scheduler"].tolist()
    open_ = len(tested) - len(better) - len(worse)
    text = (
        f"Signed-rank tests with Holm's correction at {100 * a.settings.alpha:g} %, "
        f"{len(tested)} against {a.baseline}: "
        f"better {len(better)}{_list(better)}, worse {len(worse)}{_list(worse)}"
    )
    if not open_:
        return f"{text}."
    return f"{text}; for {open_} no difference is shown, which is not to say that there is none."


def _list(names: list[str]) -> str:
    return f" ({names_text(names)})" if names else ""


def _ranks(a: Analysis) -> list[str]:
    if a.ranks is None:
        return []
    r = a.ranks
    first = next((g for g in r.groups if r.schedulers[0] in g), (r.schedulers[0],))
    beside = [name for name in first if name != r.schedulers[0]]
    alone = f"cannot be told from {names_text(beside)}" if beside else "stands alone"
    return [
        f"Friedman's test over {r.units:,} {a.unit}s: p {_p_words(r.p)}. Best average rank: "
        f"{r.schedulers[0]} ({r.average[0]:.2f}); with Nemenyi's critical difference of "
        f"{r.critical_difference:.2f} it {alone}."
    ]


def _p_words(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _profile(a: Analysis) -> list[str]:
    if a.profiles is None or not len(a.profiles.ratios):
        return []
    table = a.profiles.table()
    row = table.iloc[0]
    out = (
        f"Within 5 % of the best most reliably: {row['scheduler']}, on {100 * row['1.05']:.0f} % "
        f"of {len(a.profiles.ratios):,} {a.unit}s"
    )
    top = table.sort_values(["1.05", "scheduler"], ascending=[False, True]).iloc[0]
    if top["scheduler"] != row["scheduler"] and top["1.05"] > row["1.05"]:
        out = (
            f"Nearest to the best over all {len(a.profiles.ratios):,} {a.unit}s: "
            f"{row['scheduler']} (within 5 % on {100 * row['1.05']:.0f} %); within 5 % most often: "
            f"{top['scheduler']} ({100 * top['1.05']:.0f} %)"
        )
    left = a.profiles.left_out
    return [f"{out}{f'; {left:,} without rows of all schedulers are left out' if left else ''}."]


def power(a: Analysis) -> dict[str, Any]:
    """What the pairs of this analysis could have found."""
    tested: pd.DataFrame = a.table[a.table["p_holm"].notna()]
    tests = max(len(tested), 1)
    pairs = int(tested["pairs"].min()) if len(tested) else 0
    found = tested["detectable"].to_numpy(dtype=float)
    found = found[np.isfinite(found)]
    return {
        "tests": len(tested),
        "pairs": pairs,
        "smallest_p": smallest_p(pairs),
        "smallest_p_holm": min(1.0, tests * smallest_p(pairs)),
        "pairs_needed": pairs_needed(tests, a.settings.alpha),
        "detectable_median": float(np.median(found)) if len(found) else math.nan,
    }


def _power_words(a: Analysis) -> list[str]:
    said = power(a)
    if not said["tests"]:
        return []
    n, needed = said["pairs"], said["pairs_needed"]
    if n < needed:
        return [
            f"Too few {a.unit}s: with {n} pairs no signed-rank test can give p below "
            f"{said['smallest_p']:.3g}, and {said['tests']} tests with Holm's correction need at "
            f"least {needed} pairs that differ; what is not significant here says nothing."
        ]
    size = said["detectable_median"]
    if math.isnan(size):
        return []
    word = f"a factor of {size:.3f}" if a.scale == "ratio" else f"{size:.3g}"
    return [
        f"Power: for half of the schedulers a mean difference of {word} or more would have been "
        f"found with probability 0.8."
    ]


def _limits(a: Analysis) -> list[str]:
    """What the numbers do not say."""
    out = []
    if a.size["instances"] == 1:
        out.append(
            "There is one instance only: intervals and tests speak of its luck, not of other "
            "instances."
        )
    elif 1 < a.size["families"] < FEW_CLUSTERS:
        out.append(
            f"With {a.size['families']} families the intervals over families are too narrow; read "
            "them as a warning where they are much wider than those over instances."
        )
    if a.chosen and "very data" in a.chosen:
        out.append(
            f"{a.baseline} was chosen for being best on these data, so its lead over others of its "
            "kind is flattered a little."
        )
    return out
