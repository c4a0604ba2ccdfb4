"""Makes an explanation: simulates the run, every move, and what the constraints forbid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.explain.constraints import constraints, why_not
from scenarios.explain.explanation import Explanation, TaskFacts
from scenarios.explain.moves import Move, change, judge
from scenarios.explain.resources import Resource, resources
from scenarios.explain.samples import samples_of
from scenarios.explain.words import reasons
from simulator.engines import simulate

if TYPE_CHECKING:
    from simulator.allocation import Allocation
    from simulator.problem import Problem
    from simulator.trace import Trace

Watch = Callable[[str], None]

MOST_REASONS = 24
"""Tasks whose best move is simulated again to say why it costs what it costs."""


def explain(
    problem: Problem,
    allocation: Allocation,
    seed: int = 0,
    tasks: Sequence[str] | None = None,
    engine: str = "auto",
    watch: Watch | None = None,
) -> Explanation:
    """Say why an allocation is as good as it is, and what each single change would do.

    Parameters
    ----------
    problem : Problem
    allocation : Allocation
    seed : int
        Luck (family `test`) of the run that is explained and of every move.
    tasks : sequence of str or None
        Explain the moves of these only; None explains all.
    engine : {"auto", "reference", "kernel"}
        Of the run itself; moves are judged by the compiled batch, which gives the same numbers.
    watch : callable or None
        Told what is being done.

    Returns
    -------
    Explanation

    Raises
    ------
    InvalidAllocation, UnknownName
        The allocation does not fit, or there is no such task.
    """
    from simulator.errors import unknown

    for name in tasks or ():
        if name not in problem.task_index:
            raise unknown("task", name, problem.task_names)
    say = watch or (lambda _: None)
    say("simulating")
    trace = simulate(problem, allocation, engine=engine, seed=seed)
    chosen = sorted({problem.task_index[name] for name in tasks or problem.task_names})
    now = float(trace.metrics().get("objective", np.inf))
    places = allocation.arrays(problem)
    moves = _moves(problem, trace, places, now, chosen, say)
    samples = samples_of(trace)
    load = resources(trace)
    say("lifting constraints")
    lifted = constraints(problem, places, now, trace.realisation)
    wanted = {problem.task_names[t] for t in chosen}
    kept = tuple(c for c in lifted if wanted & set(c.tasks))
    draft = Explanation(trace, now, (), moves, samples, load, kept)
    facts = _facts(draft, chosen, say)
    return Explanation(trace, now, facts, moves, samples, load, kept)


def _moves(
    problem: Problem, trace: Trace, places: Any, now: float, chosen: Sequence[int], say: Watch
) -> tuple[Move, ...]:
    wanted = [(t, int(v), int(n)) for t in chosen for n, v in np.argwhere(problem.allowed[t].T)]
    values, why, along = judge(problem, places, wanted, trace.realisation,
                               lambda done, of: say(f"{done:,} of {of:,} moves"))  # fmt: skip
    node, variant = places[0], places[1]
    return tuple(
        Move(
            problem.task_names[t], problem.node_names[n], problem.variant_names[t][v],
            float(values[i]), change(float(values[i]), now), bool(node[t] == n),
            bool(node[t] == n and variant[t] == v),
            tuple(problem.task_names[x] for x in along[i]), why[i],
        )
        for i, (t, v, n) in enumerate(wanted)
    )  # fmt: skip


def _facts(draft: Explanation, chosen: Sequence[int], say: Watch) -> tuple[TaskFacts, ...]:
    """Roles of the tasks; reasons for those that count most."""
    problem, sample = draft.problem, draft.samples[-1]
    weigh = sorted(chosen, key=lambda t: -sample.task[t])[:MOST_REASONS]
    neck = draft.bottleneck
    by_name: dict[str, list[Move]] = {}
    for move in draft.moves:
        by_name.setdefault(move.task, []).append(move)
    out = []
    for t in chosen:
        name = problem.task_names[t]
        mine = [m for m in by_name[name] if np.isfinite(m.objective) and not m.now]
        best = min((m for m in mine if not m.here), key=lambda m: m.objective, default=None)
        other = min((m for m in mine if m.here), key=lambda m: m.objective, default=None)
        why = ""
        if best is not None and t in weigh:
            say(f"reasons of {name}")
            why = reasons(draft.trace, simulate(problem, draft.apply(best),
                                                seed=draft.trace.seed), sample)  # fmt: skip
        loads = neck is not None and _loads(draft, name, neck)
        placed = draft.trace.record
        out.append(
            TaskFacts(
                name,
                problem.node_names[int(placed.node[t])],
                problem.variant_names[t][int(placed.variant[t])],
                float(sample.task[t]),
                float(sample.task[t] / sample.total) if sample.total > 0 else 0.0,
                bool(sample.task[t] > 0),
                f"{neck.kind} {neck.name}" if loads and neck is not None else "",
                best,
                other,
                why,
                {name: text for n, name in enumerate(problem.node_names)
                 if (text := why_not(problem, t, n))},
            )
        )  # fmt: skip
    return tuple(out)


def _loads(draft: Explanation, task: str, neck: Resource) -> bool:
    """Whether a task runs on the bottleneck node, or has a message over the bottleneck link."""
    if neck.kind == "node":
        return task in neck.tasks
    arrays, t = draft.problem.arrays, draft.problem.task_index[task]
    touching = np.flatnonzero((arrays.edge_src == t) | (arrays.edge_dst == t))
    return any(draft.trace.edge_names[e] in neck.tasks for e in touching)
