"""The trace of a real run, put together from what its workers wrote down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.worker.log import COLUMNS

if TYPE_CHECKING:
    from realrun.plan import RunPlan
    from simulator.allocation import Allocation
    from simulator.problem import Problem
    from simulator.realisation import Realisation
    from simulator.trace import Trace

_OBSERVED = (
    "cpu_s", "compute_s", "compute_wall_s", "minor_faults", "switches", "bytes_sent", "worker",
)  # fmt: skip
STATE_NAMES = {4: "skipped", 5: "cancelled"}

Answers = Iterable[Mapping[str, Any]]
"""What workers hand over at the end: ``states`` and ``messages``."""


def trace_of(
    problem: Problem,
    allocation: Allocation,
    realisation: Realisation,
    plan: RunPlan,
    logs: Sequence[Any],
    answers: Answers,
    engine: str,
) -> Trace:
    """Trace of a run.

    Parameters
    ----------
    allocation : Allocation
        The last one, where failures changed it.
    plan : RunPlan
        Likewise; holds the arrivals as they were.
    logs : sequence of the workers' logs, failed ones included
    answers : of the workers that came to the end
    engine : str
    """
    from simulator.trace import Trace

    answers = list(answers)
    arrival = np.array(plan.arrival)
    luck = replace(realisation, arrival=np.where(np.isnan(arrival), 0.0, arrival))
    tasks = task_rows(plan.task_names, logs, answers)
    return Trace.measured(
        problem, allocation, luck, tasks, message_rows(problem, answers), engine=engine
    )


def task_rows(names: Sequence[str], logs: Sequence[Any], answers: Answers) -> dict[str, Any]:
    """Rows of all logs, the last of each instance, with those that never ran."""
    last: dict[tuple[int, int], tuple[int, Any]] = {}
    for worker, log in enumerate(logs):
        for row in log.rows:
            key = (int(row[0]), int(row[1]))
            if key not in last or last[key][1][10] <= row[10]:
                last[key] = (worker, row)
    states: dict[tuple[int, int], str] = {}
    for answer in answers:
        for request, task, state in answer["states"]:
            if int(state) in STATE_NAMES and (int(request), int(task)) not in last:
                states[int(request), int(task)] = STATE_NAMES[int(state)]
    table = np.array([row for _, row in last.values()]).reshape(-1, len(COLUMNS))
    nothing = np.full(len(states), math.nan)
    out: dict[str, Any] = {
        "request": np.array([r for r, _ in (*last, *states)], dtype=np.int64),
        "task": [names[t] for _, t in (*last, *states)],
        "state": ["finished"] * len(last) + list(states.values()),
        "worker": np.concatenate([[float(w) for w, _ in last.values()], nothing]),
    }
    for i, column in enumerate(COLUMNS):
        if column in ("ready", "start", "finish", *_OBSERVED):
            out[column] = np.concatenate([table[:, i], nothing])
        elif column == "slot":
            out[column] = np.concatenate([table[:, i], np.full(len(states), -1)]).astype(int)
    return out


def message_rows(problem: Problem, answers: Answers) -> dict[str, Any]:
    """Rows of all messages that a receiver noted, each once."""
    from simulator.frames import unique_edge_names

    names = unique_edge_names(problem)
    rows: dict[tuple[int, int], Any] = {}
    for answer in answers:
        for row in answer["messages"]:
            rows[int(row[0]), int(row[1])] = row
    table = np.array(list(rows.values())).reshape(-1, 4)
    return {
        "request": table[:, 0].astype(int),
        "edge": [names[int(e)] for e in table[:, 1]],
        "finish": table[:, 2],
        "used": table[:, 3].astype(bool),
    }
