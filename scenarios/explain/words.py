"""An explanation in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scenarios.explain.pieces import PARTS
from scenarios.explain.samples import samples_of
from simulator.units import format_si

if TYPE_CHECKING:
    from scenarios.explain.constraints import Constraint
    from scenarios.explain.explanation import Explanation, TaskFacts
    from scenarios.explain.moves import Move
    from scenarios.explain.resources import Resource
    from scenarios.explain.samples import Sample
    from simulator.trace import Trace

PHRASES = {
    "compute": "computing",
    "launch": "launching operators",
    "dispatch": "starting tasks",
    "sending": "handing over messages",
    "slow-down": "running slowed down",
    "transfer": "moving messages",
    "link waits": "waiting for links",
    "wake": "noticing messages",
    "queueing": "queueing for nodes",
    "joins": "waiting at joins",
}
"""Part -> how a sentence calls it."""

NOTABLE = 0.1
"""A part is named if it changes by more than this share of the largest change."""


def is_timed(objective: str) -> bool:
    """Whether a metric is made of the requests' times."""
    return objective in ("makespan", "throughput") or objective.endswith("_latency")


def value(name: str, number: float) -> str:
    """A value of an objective with its unit."""
    if not math.isfinite(number):
        return "infinite"
    if is_timed(name):
        return format_si(number, "s", digits=4)
    return format_si(number, "J") if name == "energy" else f"{number:.4g}"


def percent(change: float) -> str:
    """A relative change with its sign, as a factor where percents stop being readable."""
    if math.isnan(change):
        return "no number"
    if abs(change) < 5e-5:
        return "no change"
    if change > 9:
        return f"{1 + change:.3g} times as much"
    return f"{100 * change:+.2g} %" if abs(change) < 0.1 else f"{100 * change:+.0f} %"


# ----- why a move costs what it costs ------------------------------------------------------------
def reasons(before: Trace, after: Trace, sample: Sample) -> str:
    """What changes between two runs under the same luck, largest first.

    Empty if nothing changes, or if the requests looked at do not explain the objective: a quantile
    can fall while the mean of what lies above it rises.
    """
    if not is_timed(before.problem.objective.terms[0][0]):
        return _busier(before, after)
    there = samples_of(after)[-1]
    gain = there.total - sample.total
    if there.label != sample.label or gain * (_objective(after) - _objective(before)) <= 0:
        return ""  # the mean of those requests says otherwise than the objective does
    return _listed([PHRASES[name] for name in PARTS], there.parts - sample.parts, gain)


def _objective(trace: Trace) -> float:
    return float(trace.metrics().get("objective", np.inf))


def _busier(before: Trace, after: Trace) -> str:
    change = after.record.busy_s - before.record.busy_s
    names = [f"the work of {name}" for name in before.problem.node_names]
    return _listed(names, change, float(change.sum()))


def _listed(names: list[str], change: np.ndarray, total: float) -> str:
    """``computing takes 20 ms more and queueing 3 ms, while moving messages takes 2 ms less``."""
    largest = float(np.abs(change).max(initial=0.0))
    if largest <= 0:
        return ""
    shown = [i for i in np.argsort(-np.abs(change), kind="stable")
             if abs(change[i]) > NOTABLE * largest][:4]  # fmt: skip
    with_it = [i for i in shown if change[i] * total >= 0]
    against = [i for i in shown if change[i] * total < 0]
    parts = [_group(names, change, group) for group in (with_it, against) if group]
    return ", while ".join(parts)


def _group(names: list[str], change: np.ndarray, group: list[int]) -> str:
    direction = "more" if change[group[0]] > 0 else "less"
    others = [f"{names[i]} {format_si(abs(float(change[i])), 's')}" for i in group[1:]]
    first = f"{names[group[0]]} takes {format_si(abs(float(change[group[0]])), 's')} {direction}"
    if not others:
        return first
    *middle, last = others
    return ", ".join([first, *middle]) + f" and {last}"


# ----- sentences ---------------------------------------------------------------------------------
def sentence(told: Explanation, task: str) -> str:
    """One task: where it is, its role, its best alternative and why, its constraints."""
    from simulator.errors import unknown

    for facts in told.tasks:
        if facts.task == task:
            break
    else:
        raise unknown("task", task, [facts.task for facts in told.tasks], "explanation")
    words = [f"{task} sits on {facts.node} [{facts.variant}], {_role(told, facts)}."]
    if facts.best is None:
        words.append(_stuck(told, facts))
    else:
        words.append(_alternative(facts.best, facts.why))
    other = facts.variant_move
    if other is not None and other.change < 0:
        words.append(f"As {other.variant} on the same node: {percent(other.change)}.")
    for found in told.constraints:
        if len(found.tasks) == 1 and found.tasks[0] == task and found.change < -5e-5:
            words.append(_price(found))
    return " ".join(words)


def _role(told: Explanation, facts: TaskFacts) -> str:
    sample = told.samples[-1]
    spent = f"{format_si(facts.seconds, 's')} of {format_si(sample.total, 's')}"
    if told.single:
        return f"on the critical path ({spent})" if facts.critical else "off the critical path"
    told_by = "mean latency" if sample.label == "all requests" else f"mean latency, {sample.label}"
    role = f"accounting for {spent} ({told_by})"
    if not facts.critical:
        role = f"on the chain of none of the explained requests ({sample.label})"
    kind, _, name = facts.bottleneck.partition(" ")
    if kind == "node":
        return f"which saturates first, {role}"
    return f"{role}, with messages over {name}, which saturates first" if kind else role


def _alternative(best: Move, why: str) -> str:
    along = f" together with {', '.join(best.along)}" if best.along else ""
    because = f", because {why}" if why and abs(best.change) >= 5e-5 else ""
    kind = "would be better" if best.change < -5e-5 else "costs"
    change = percent(best.change)
    if change == "no change":
        return f"Moving it to {best.node} [{best.variant}]{along} changes nothing."
    if kind == "costs":
        return f"The next best place{along} is {best.node} [{best.variant}]: {change}{because}."
    return f"Moving it to {best.node} [{best.variant}]{along} {kind}: {change}{because}."


def _stuck(told: Explanation, facts: TaskFacts) -> str:
    rules = dict.fromkeys(facts.why_not.values())
    if told.problem.n_nodes == 1:
        return "There is no other node."
    why = next((m.why for m in told.moves if m.task == facts.task and m.why), "")
    words = "; ".join(rules) or why or "no other node takes it"
    return f"It can run nowhere else ({words})."


def _price(found: Constraint) -> str:
    return (
        f"Not {found.name.removeprefix(found.tasks[0]).strip()}, it could move to {found.node} "
        f"[{found.variant}]: {percent(found.change)}."
    )


def first_lines(told: Explanation) -> list[str]:
    """What holds for the whole allocation: its value, its best move, what saturates first."""
    objective = told.problem.objective
    name = str(objective)
    words = name.replace("_", " ")
    lines = [f"{told.problem.name}: {words} {value(name, told.objective)} "
             f"(seed {told.trace.seed})."]  # fmt: skip
    best = told.best_move
    if best is None:
        lines.append("No single move makes it better.")
    else:
        lines.append(
            f"Best single move: {best.task} to {best.node} [{best.variant}], "
            f"{value(name, best.objective)} ({percent(best.change)})."
        )
    if told.bottleneck is not None:
        lines.append(_saturation(told.bottleneck))
    if told.constraints and told.constraints[0].change < -5e-5:
        dear = told.constraints[0]
        lines.append(
            f"Dearest constraint: {dear.name}; without it {dear.task} could move to {dear.node} "
            f"[{dear.variant}]: {percent(dear.change)}."
        )
    return lines


def _saturation(neck: Resource) -> str:
    if not neck.load > 0:
        return "Nothing is loaded."
    held = f"{neck.kind} {neck.name} saturates first: {100 * neck.load:.3g} % loaded"
    if neck.load >= 1:
        return f"{held}, more than it can sustain; queues grow for as long as requests come."
    return f"{held}, so the load can grow {neck.headroom:.3g} times."


def summary(told: Explanation, most: int = 12) -> list[str]:
    """The answer, then the tasks that count most."""
    order = sorted(told.tasks, key=lambda facts: -facts.seconds)
    lines = first_lines(told) + [sentence(told, facts.task) for facts in order[:most]]
    if len(order) > most:
        lines.append(f"... and {len(order) - most} more tasks.")
    return lines
