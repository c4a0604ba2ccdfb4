"""Directed graphs of Graphviz (DOT) [1]_, with durations and bytes in attributes.

The attributes are those of `scenarios.importers.networkx`. Node names are read as Graphviz shows
them: ``&quot;`` is a quotation mark. Subgraphs group nothing here; ports are left out.

References
----------
.. [1] E. Gansner, S. North, "An open graph visualization system and its applications to software
   engineering", Software: Practice and Experience 30(11), 2000.
   https://graphviz.org/doc/info/lang.html
"""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Mapping
from typing import Any

from scenarios.importers.fields import naming
from scenarios.importers.networkx import attributed, quiet
from scenarios.messages import one_line
from scenarios.reading import MAX_DEPTH
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario

MOST_CHARACTERS = 2**20
"""Longest text that is read: the parser takes about a minute for it."""

_START = re.compile(r"(?:strict\s+)?(?:di)?graph\b[^{;=:]{0,1000}\{", re.IGNORECASE)
_NOISE = re.compile(r"\s+|//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)

MOST_EDGES = 1_000_000
"""Edges that are read; two subgraphs joined by one arrow have the product of their nodes."""

Attributes = Mapping[str, str]


def sniff(text: str) -> bool:
    """Whether a text begins with ``digraph {`` or ``graph {``, after comments."""
    at = 0
    while (skipped := _NOISE.match(text, at)) is not None:
        at = skipped.end()
    return _START.match(text, at) is not None


def load(text: str, source: str) -> Scenario:
    """Build the scenario of a graph.

    Parameters
    ----------
    text : str
    source : str
        File name, for messages.

    Raises
    ------
    InvalidScenario
        No DOT, not directed, or a value is missing or wrong; names the file and the node.
    """
    graph = _parse(text, source)
    if graph.get_type() != "digraph":
        raise InvalidScenario(f"{source}: the graph must be directed (digraph)")
    nodes: dict[str, dict[str, str]] = {}
    edges: list[tuple[int, str, str, dict[str, str]]] = []
    with naming(source):
        _collect(graph, nodes, edges, {}, {})
    ordered = sorted(edges, key=lambda edge: edge[0])
    for _, src, dst, _given in ordered:
        nodes.setdefault(src, {})
        nodes.setdefault(dst, {})
    return attributed(nodes.items(), [edge[1:] for edge in ordered], source, "DOT")


def _parse(text: str, source: str) -> Any:
    if len(text) > MOST_CHARACTERS:
        raise InvalidScenario(
            f"{source}: {len(text):,} characters are too many, at most {MOST_CHARACTERS:,} of DOT "
            "are read"
        )
    depth = deepest = 0
    for char in text:
        depth += (char == "{") - (char == "}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH // 4:
        raise InvalidScenario(f"{source}: the nesting is too deep, at most {MAX_DEPTH // 4}")
    told = io.StringIO()
    try:
        with quiet(), contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            import pydot
            import pyparsing

            # Without a memory of what was tried, each level of subgraphs doubles the time.
            pyparsing.ParserElement.enable_packrat()
            graphs = pydot.graph_from_dot_data(text)
    except Exception as error:  # the parser raises whatever its grammar runs into
        told.write(f"\n{type(error).__name__}: {error}")
        graphs = None
    if not graphs:
        said = told.getvalue().strip().splitlines() or ["nothing was found"]
        raise InvalidScenario(f"{source}: is not valid DOT: {one_line(said[-1])[:200]}")
    if len(graphs) > 1:
        raise InvalidScenario(f"{source}: there are {len(graphs)} graphs, expected one")
    return graphs[0]


def _collect(
    graph: Any,
    nodes: dict[str, dict[str, str]],
    edges: list[tuple[int, str, str, dict[str, str]]],
    node_defaults: Attributes,
    edge_defaults: Attributes,
) -> None:
    """Nodes and edges of a graph and of those within it, in the order of the file."""
    own_nodes, own_edges = dict(node_defaults), dict(edge_defaults)
    for node in graph.get_node_list():
        if node.get_name() == "node":
            own_nodes.update(_attributes(node.get_attributes()))
        elif node.get_name() == "edge":
            own_edges.update(_attributes(node.get_attributes()))
    inner = [(s.get_sequence() or 0, s, None) for s in graph.get_subgraph_list()]
    outer = [(n.get_sequence() or 0, None, n) for n in graph.get_node_list()]
    for _, subgraph, node in sorted(inner + outer, key=lambda entry: entry[0]):
        if subgraph is not None:
            _collect(subgraph, nodes, edges, own_nodes, own_edges)
        elif node.get_name() not in ("node", "edge", "graph"):
            known = nodes.setdefault(_text(node.get_name()), dict(own_nodes))
            known.update(_attributes(node.get_attributes()))
    for edge in graph.get_edge_list():
        data = {**own_edges, **_attributes(edge.get_attributes())}
        sources, sinks = _ends(edge.get_source()), _ends(edge.get_destination())
        if len(edges) + len(sources) * len(sinks) > MOST_EDGES:
            raise InvalidScenario(f"there are more than {MOST_EDGES:,} edges")
        for src in sources:
            for dst in sinks:
                edges.append((edge.get_sequence() or 0, src, dst, data))
                nodes.setdefault(src, dict(own_nodes))
                nodes.setdefault(dst, dict(own_nodes))


def _ends(end: Any) -> list[str]:
    """Names of the nodes at one end of an edge: one, or all of a subgraph."""
    if isinstance(end, str):
        return [_text(end if end.startswith('"') else end.partition(":")[0])]
    return [_text(name) for name in end["nodes"]]


def _attributes(given: Mapping[str, Any]) -> dict[str, str]:
    return {_text(key): _text(str(value)) for key, value in given.items() if value is not None}


def _text(raw: str) -> str:
    """A name or value without its quotation marks."""
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        raw = raw[1:-1].replace('\\"', '"')
    return html.unescape(raw)
