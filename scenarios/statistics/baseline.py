"""What schedulers are compared with: one of them, or the best list scheduler."""

from __future__ import annotations

import numpy as np

from scenarios.statistics.cases import Cases
from simulator.arrays import FloatArray
from simulator.errors import InvalidScenario, unknown

LIST_SCHEDULERS = (
    "olb", "met", "mct", "min_min", "max_min", "duplex", "sufferage", "heft", "cpop", "peft",
    "etf", "dls", "lookahead", "hbmct", "bil", "dps", "fcp", "flb", "mst", "msbc", "sdbats",
    "parametric", "contention_heft", "m_topo", "m_etf", "m_sct",
)  # fmt: skip
"""Schedulers that place every task once, by a rule, without search."""

BEST_LIST = "best-list"
VIRTUAL_BEST_LIST = "virtual-best-list"


def is_list(spec: str) -> bool:
    """Whether a spec is that of a list scheduler.

    Examples
    --------
    >>> is_list("heft[insertion=false]"), is_list("genetic")
    (True, False)
    """
    return spec.partition("[")[0].strip() in LIST_SCHEDULERS


def choose(cases: Cases, asked: str | None = None) -> tuple[str, FloatArray, str]:
    """The baseline of a comparison.

    Parameters
    ----------
    cases : Cases
    asked : str or None
        A scheduler; "best-list", the list scheduler with the best mean score (None too, or the
        best of all where there is no list scheduler); or "virtual-best-list", in every case the
        best of all list schedulers, what running all of them would give.

    Returns
    -------
    name : str
    scores : (C,) float array
    how : str
        How it was chosen, in words; empty where it was asked for by name.

    Raises
    ------
    UnknownName, InvalidScenario
    """
    names = cases.schedulers
    if asked in names:
        return str(asked), cases.scores[:, names.index(str(asked))], ""
    lists = [s for s, name in enumerate(names) if is_list(name)]
    if asked is not None and asked not in (BEST_LIST, VIRTUAL_BEST_LIST):
        raise unknown("baseline", asked, (*names, BEST_LIST, VIRTUAL_BEST_LIST))
    if asked is not None and not lists:
        raise InvalidScenario(f"baseline {asked}: none of {', '.join(names)} is a list scheduler")
    if asked == VIRTUAL_BEST_LIST:
        return VIRTUAL_BEST_LIST, _least(cases.scores[:, lists]), (
            f"in every case the best of {len(lists)} list schedulers"
        )  # fmt: skip
    kind = "list schedulers" if lists else "all schedulers"
    best = _best(cases, lists or list(range(len(names))))
    return names[best], cases.scores[:, best], f"the best of {kind} on these very data"


def _least(scores: FloatArray) -> FloatArray:
    """Least of each row, NaN left out; NaN where nothing is left."""
    least = np.where(np.isnan(scores), np.inf, scores).min(axis=1)
    return np.where(np.isnan(scores).all(axis=1), np.nan, least)


def _best(cases: Cases, among: list[int]) -> int:
    """Of some schedulers the one with the least mean score where all of them have answers."""
    from dataclasses import replace

    part = replace(
        cases,
        schedulers=tuple(cases.schedulers[s] for s in among),
        scores=cases.scores[:, among],
        failed=cases.failed[:, among],
    )
    kept, scores, _ = part.joint()
    if len(scores) == 0:  # nothing in common: who answered most
        answered = (~np.isnan(part.scores)).sum(axis=0)
        return among[int(np.argmax(answered))]
    mean = scores.mean(axis=0)
    first = min(range(len(kept)), key=lambda i: (mean[i], part.schedulers[kept[i]]))
    return among[kept[first]]
