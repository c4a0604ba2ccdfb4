"""The protocol: predictions are written, then every allocation runs in rounds of random order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from realrun.validate.loads import LOADS, Case, measures
from realrun.validate.replay import busy, cpu_work, fidelity, replayed, slack_s, wall_work
from realrun.validate.rows import Store
from simulator.trace import Trace


class Ran(Protocol):
    """What a runner hands back; `realrun.execute.RealRun` is one."""

    @property
    def trace(self) -> Trace:
        """The measured trace."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """`late_start_s`, `emulated` and whatever else is known about the run."""


Runner = Callable[[Case], Ran]
Probe = Callable[[], Sequence[float]]
"""Seconds that a reference matmul takes on each worker."""

Watch = Callable[[int, int, str], None]
"""(runs done, runs in all, what runs next)."""


@dataclass
class Session:
    """Everything about one pipeline that was run.

    Parameters
    ----------
    cases : list of Case
    rounds : int
    rows : list of dict
    shown : mapping of load to (Case, measured Trace)
        The best predicted allocation, for pictures.
    interrupted : bool
    """

    cases: list[Case]
    rounds: int
    rows: list[dict[str, Any]]
    shown: dict[str, tuple[Case, Trace]] = field(default_factory=dict)
    interrupted: bool = False


def order(cases: Sequence[Case], rounds: int, seed: int) -> list[tuple[int, Case]]:
    """(round, case): each round has every case once, in an order of its own."""
    rng = np.random.default_rng([seed, 4])
    return [(r, cases[i]) for r in range(rounds) for i in rng.permutation(len(cases))]


def run(
    cases: list[Case],
    rounds: int,
    runner: Runner,
    probe: Probe,
    store: Store,
    seed: int = 0,
    watch: Watch = lambda done, total, label: None,
    late_s: float = 0.0,
) -> Session:
    """Run what the store does not have yet; an interrupt ends it with the rows until then.

    Parameters
    ----------
    cases : list of Case
        Their predictions must be in the store (`Store.begin`).
    rounds : int
    runner, probe : callables
    store : Store
    seed : int
        Of the order.
    watch : callable
    late_s : float
        See `replay.slack_s`.
    """
    session = Session(cases, rounds, store.rows)
    best = _best(cases)
    queue = order(cases, rounds, seed)
    todo = [(r, c) for r, c in queue if (c.load, c.candidate.name, r) not in store.done]
    try:
        for i, (number, case) in enumerate(todo):
            watch(len(queue) - len(todo) + i, len(queue), f"round {number + 1}, {case.name}")
            before = list(probe())
            ran = runner(case)
            row = row_of(case, ran, before, list(probe()), late_s)
            store.add({"load": case.load, "allocation": case.candidate.name, "round": number,
                       "order": len(store.rows), **row})  # fmt: skip
            if case is best[case.load]:
                session.shown[case.load] = (case, ran.trace)
        for load, case in best.items():  # after a resumption that had nothing left to do
            if load not in session.shown:
                session.shown[load] = (case, runner(case).trace)
    except KeyboardInterrupt:
        session.interrupted = True
    return session


def _best(cases: Sequence[Case]) -> dict[str, Case]:
    """By load the case that is predicted to be quickest."""
    out = {}
    for load in LOADS:
        mine = [c for c in cases if c.load == load]
        if mine:
            out[load] = min(mine, key=lambda c: measures(c.predicted)["mean_latency"])
    return out


def row_of(
    case: Case,
    ran: Ran,
    before: Sequence[float],
    after: Sequence[float],
    late_s: float = 0.0,
) -> dict[str, Any]:
    """Everything that is kept of one run."""
    trace = ran.trace
    wall, cpu = busy(trace)
    checked = fidelity(trace, case.predicted, slack_s(case.problem, late_s))
    message = np.abs(checked.message_error_s)
    values: dict[str, Any] = {}
    for prefix, source in (
        ("real", trace),
        ("cpu_replay", replayed(trace, cpu_work(trace))),
        ("wall_replay", replayed(trace, wall_work(trace))),
    ):
        values |= {f"{prefix}_{name}": value for name, value in measures(source).items()}
    return {
        **values,
        "wall_s": wall,
        "cpu_s": cpu,
        "probe_before_s": [float(x) for x in before],
        "probe_after_s": [float(x) for x in after],
        "late_start_s": float(ran.facts.get("late_start_s", 0.0)),
        "emulated": bool(ran.facts.get("emulated", False)),
        "lost": int((~np.isfinite(trace.log.completed)).sum()),
        "checked": checked.checked,
        "violations": dict(checked.violations),
        "messages": len(message),
        "message_error_median_s": float(np.median(message)) if len(message) else None,
        "message_error_p90_s": float(np.quantile(message, 0.9)) if len(message) else None,
    }
