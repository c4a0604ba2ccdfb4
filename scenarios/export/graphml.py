"""A scenario as GraphML, through networkx: see `scenarios.importers.networkx`."""

from __future__ import annotations

from typing import Any

from scenarios.export.labels import cleaned
from scenarios.export.plain import losses, plain_graph
from scenarios.scenario import Scenario


def to_graphml(scenario: Scenario) -> tuple[str, list[str]]:
    """Text of the file, and what it does not hold.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    text : str
    losses : list of str

    Raises
    ------
    Unsupported
        A task graph would mean something else; says why.
    """
    import networkx

    plain, renamed = cleaned(plain_graph(scenario))
    graph: Any = networkx.MultiDiGraph()
    for task in plain.tasks:
        graph.add_node(task.name, seconds=task.seconds)
    for edge in plain.edges:
        named = {"name": edge.name} if edge.name else {}
        graph.add_edge(edge.src, edge.dst, bytes=edge.bytes, **named)
    lines = networkx.generate_graphml(graph, named_key_ids=True)
    return "\n".join(lines) + "\n", [*losses(scenario), *renamed]
