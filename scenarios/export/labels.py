"""Names of tasks as all graph formats take them: printable, not too long, unique."""

from __future__ import annotations

from dataclasses import replace

from scenarios.importers.fields import LONGEST_NAME
from scenarios.importers.plain import PlainGraph


def clean(name: str) -> str:
    """The name without what XML, JSON or DOT cannot hold.

    Examples
    --------
    >>> clean("a\\tb"), clean("detect")
    ('a_b', 'detect')
    """
    text = "".join(c if c.isprintable() else "_" for c in name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 12]


def cleaned(graph: PlainGraph) -> tuple[PlainGraph, list[str]]:
    """The graph with names that every format takes, and a sentence where some were changed."""
    new: dict[str, str] = {}
    kept = {task.name for task in graph.tasks if clean(task.name) == task.name}
    taken = set(kept)
    for task in graph.tasks:
        name = label = task.name if task.name in kept else clean(task.name)
        number = 2
        while task.name not in kept and name in taken:
            name, number = f"{label}~{number}", number + 1
        taken.add(name)
        new[task.name] = name
    changed = [old for old, name in new.items() if old != name]
    labels = [edge.name for edge in graph.edges if clean(edge.name) != edge.name]
    made = PlainGraph(
        tuple(replace(task, name=new[task.name]) for task in graph.tasks),
        tuple(replace(e, src=new[e.src], dst=new[e.dst], name=clean(e.name)) for e in graph.edges),
    )
    count = len(changed) + len(labels)
    example = repr((changed + labels)[0][:60]) if count else ""
    said = f"Not in the file: {count} names as they are, such as {example}; they were changed."
    return made, [said] if count else []
