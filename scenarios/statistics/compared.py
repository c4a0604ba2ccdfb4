"""Tables of an analysis: schedulers against a baseline, level by level, and in pairs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.statistics.bootstrap import cluster_bootstrap
from scenarios.statistics.cases import Cases
from scenarios.statistics.pairs import holm, signed_rank, tally
from scenarios.statistics.power import detectable
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.statistics.analysis import Settings


def against(cases: Cases, baseline: str, scores: FloatArray, how: Settings) -> pd.DataFrame:
    """One row a scheduler: its effect against the baseline with intervals, tests, effect sizes.

    Columns: see docs/guides/statistics.md. Best effect first; those with none last.

    Parameters
    ----------
    cases : Cases
    baseline : str
        Its own row, if it has one, is not tested.
    scores : (C,) float array
    how : Settings
    """
    import pandas as pd

    differences = cases.differences(scores)
    _, keys = cases.units()
    options: dict[str, Any] = {"confidence": how.confidence, "resamples": how.resamples}
    by_instance = cluster_bootstrap(differences, _drawn(keys), seed=how.seed, **options)
    by_family = cluster_bootstrap(differences, keys["family"], seed=how.seed, **options)
    effect = cases.scale.effect
    rows = []
    for s, name in enumerate(cases.schedulers):
        row: dict[str, Any] = {
            "scheduler": name,
            "effect": float(effect(by_instance.mean[s])),
            "low": float(effect(by_instance.low[s])),
            "high": float(effect(by_instance.high[s])),
            "family_low": float(effect(by_family.low[s])),
            "family_high": float(effect(by_family.high[s])),
        }
        rows.append(row | _tested(differences[:, s], name != baseline))
    return _corrected(pd.DataFrame(rows), cases, how)


def _tested(d: FloatArray, test: bool) -> dict[str, Any]:
    """Counts of one scheduler's differences and, where it is not the baseline, the test."""
    finite, count = d[np.isfinite(d)], tally(d)
    row: dict[str, Any] = {
        "pairs": int((~np.isnan(d)).sum()),
        "left_out": int((~np.isfinite(d)).sum()),
        "better": count.better,
        "equal": count.equal,
        "worse": count.worse,
    }
    if test:
        found = signed_rank(d)
        row |= {
            "p": found.p if row["pairs"] else math.nan,
            "rank_biserial": found.rank_biserial,
            "dominance": count.dominance,
            "_deviation": float(finite.std(ddof=1)) if len(finite) > 1 else math.nan,
        }
    return row


def _drawn(keys: pd.DataFrame) -> pd.Series:
    """What is drawn with each unit: its instance, or its seed where there is one instance only.

    Equal names in two families are two instances.
    """
    instance = keys["family"] + "\0" + keys["instance"]
    return instance if instance.nunique() > 1 else keys["seed"]


def _corrected(table: pd.DataFrame, cases: Cases, how: Settings) -> pd.DataFrame:
    """With Holm's p and the detectable effect, in order."""
    tested = table["p"].notna() if "p" in table else table["pairs"] < 0
    table["p_holm"] = math.nan
    table["detectable"] = math.nan
    if tested.any():
        table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].tolist())
        level = how.alpha / int(tested.sum())
        table.loc[tested, "detectable"] = [
            float(cases.scale.effect(detectable(deviation, int(pairs), level)))
            for deviation, pairs in table.loc[tested, ["_deviation", "pairs"]].to_numpy()
        ]
    order = table.assign(_at=table["effect"].fillna(math.inf)).sort_values(
        ["_at", "scheduler"], kind="stable"
    )
    wanted = [
        "scheduler", "pairs", "left_out", "effect", "low", "high", "family_low", "family_high",
        "better", "equal", "worse", "p", "p_holm", "rank_biserial", "dominance", "detectable",
    ]  # fmt: skip
    return order.reindex(columns=wanted).reset_index(drop=True)


def by_level(cases: Cases, scores: FloatArray, how: Settings) -> pd.DataFrame:
    """Effects within every level of every factor, with intervals over its instances.

    Columns: factor, level, scheduler, units, effect, low, high, better, equal, worse.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for factor in cases.factors:
        for level in _levels(cases.keys[factor]):
            chosen = (cases.keys[factor] == level).to_numpy()
            part = cases.where(chosen)
            differences = part.differences(scores[chosen])
            _, keys = part.units()
            found = cluster_bootstrap(
                differences, _drawn(keys), confidence=how.confidence, resamples=how.resamples,
                seed=how.seed,
            )  # fmt: skip
            low, high = part.scale.effect(found.low), part.scale.effect(found.high)
            middle = part.scale.effect(found.mean)
            for s, name in enumerate(part.schedulers):
                count = tally(differences[:, s])
                rows.append({
                    "factor": factor, "level": level, "scheduler": name, "units": len(keys),
                    "effect": float(middle[s]), "low": float(low[s]), "high": float(high[s]),
                    "better": count.better, "equal": count.equal, "worse": count.worse,
                })  # fmt: skip
    return pd.DataFrame(rows)


def _levels(column: pd.Series) -> list[Any]:
    """Levels in ascending order; words that are no numbers by name."""
    found = list(column.dropna().unique())
    try:
        return sorted(found)
    except TypeError:
        return sorted(found, key=str)


def in_pairs(cases: Cases) -> pd.DataFrame:
    """Every pair of schedulers: effect of a against b, counts, signed-rank test with Holm's p.

    Columns: a, b, pairs, effect, better, equal, worse, p, p_holm, rank_biserial.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for b, other in enumerate(cases.schedulers[:-1]):
        differences = cases.differences(cases.scores[:, b])
        for a in range(b + 1, len(cases.schedulers)):
            d = differences[:, a]
            finite, count, test = d[np.isfinite(d)], tally(d), signed_rank(d)
            pairs = int((~np.isnan(d)).sum())
            rows.append({
                "a": cases.schedulers[a], "b": other, "pairs": pairs,
                "effect": float(cases.scale.effect(finite.mean())) if len(finite) else math.nan,
                "better": count.better, "equal": count.equal, "worse": count.worse,
                "p": test.p if pairs else math.nan, "rank_biserial": test.rank_biserial,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    if len(table):
        tested = table["p"].notna()
        table["p_holm"] = math.nan
        table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].tolist())
    return table
