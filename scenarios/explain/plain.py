"""An explanation as plain data and as HTML."""

from __future__ import annotations

import html
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scenarios.explain.words import percent, sentence, summary, value

if TYPE_CHECKING:
    from scenarios.explain.explanation import Explanation
    from scenarios.explain.samples import Sample


def to_dict(told: Explanation) -> dict[str, Any]:
    """Everything, for JSON."""
    problem = told.problem
    return {
        "problem": problem.name,
        "seed": told.trace.seed,
        "engine": told.trace.engine,
        "semantics": told.trace.semantics,
        "objective": {str(problem.objective): told.objective},
        "summary": summary(told),
        "best_move": None if told.best_move is None else asdict(told.best_move),
        "tasks": [
            {**asdict(facts), "words": sentence(told, facts.task)} for facts in told.tasks
        ],
        "moves": [asdict(move) for move in told.moves],
        "breakdown": [_sample(told, sample) for sample in told.samples],
        "path": [
            {"kind": s.kind, "name": s.name, "place": s.place, "start": s.start,
             "finish": s.finish}
            for s in told.path
        ],
        "resources": [{**asdict(r), "headroom": r.headroom} for r in told.resources],
        "constraints": [asdict(c) for c in told.constraints],
        "totals_by_task": told.by_task,
        "totals_by_node": told.by_node,
        "allocation": told.trace.allocation.to_dict(),
    }  # fmt: skip


def _sample(told: Explanation, sample: Sample) -> dict[str, Any]:
    names, edges = told.problem.task_names, told.trace.edge_names
    return {
        "requests": sample.label,
        "count": sample.requests,
        "latency": sample.total,
        "parts": sample.by_part(),
        "tasks": {name: float(x) for name, x in zip(names, sample.task, strict=True) if x > 0},
        "edges": {name: float(x) for name, x in zip(edges, sample.edge, strict=True) if x > 0},
    }


def page(told: Explanation) -> str:
    """Sentences, and the table of moves."""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in summary(told))
    name = str(told.problem.objective)
    nodes = told.problem.node_names
    head = "".join(f"<th>{html.escape(n)}</th>" for n in nodes)
    body = ""
    for facts in told.tasks:
        cells = ""
        for node in nodes:
            held = told.cell(facts.task, node)
            text = "" if held != held else percent(_relative(held, told.objective))
            mark = " style='font-weight:bold'" if node == facts.node else ""
            title = "" if held != held else html.escape(value(name, held))
            cells += f"<td{mark} title='{title}'>{html.escape(text)}</td>"
        body += f"<tr><th style='text-align:left'>{html.escape(facts.task)}</th>{cells}</tr>"
    caption = f"{name.replace('_', ' ')} if one task moves"
    return (
        f"<ul>{lines}</ul><table><caption>{html.escape(caption)}</caption>"
        f"<tr><th></th>{head}</tr>{body}</table>"
    )


def _relative(held: float, now: float) -> float:
    from scenarios.explain.moves import change

    return change(held, now)
