"""Graphs of networkx [1]_, and GraphML files, as scenarios, and back.

>>> import networkx
>>> graph = networkx.DiGraph()
>>> graph.add_node("detect", seconds="30 ms")
>>> graph.add_node("plan", seconds=0.2)
>>> graph.add_edge("detect", "plan", bytes="2 MB")
>>> from_networkx(graph).problem().task_names
('detect', 'plan')

References
----------
.. [1] A. Hagberg, D. Schult, P. Swart, "Exploring network structure, dynamics, and function using
   NetworkX", SciPy 2008. https://networkx.org
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scenarios.importers.fields import as_text, describe
from scenarios.importers.plain import PlainEdge, PlainTask, plain_scenario
from scenarios.importers.xml import parse_xml, root_name
from scenarios.messages import one_line
from scenarios.scenario import Scenario
from simulator.errors import AlloclabError, InvalidScenario
from simulator.units import parse

DURATION = ("seconds", "duration", "runtime", "time", "weight", "cost")
"""Attributes of a node that give its duration; the first that is there counts."""

BYTES = ("bytes", "size", "data", "weight", "cost")
"""Attributes of an edge that give its bytes; the first that is there counts."""


def from_networkx(graph: Any, name: str = "", source: str = "graph") -> Scenario:
    """A scenario of a directed graph: nodes are tasks, edges are messages.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        Each node has an attribute of `DURATION`, each edge may have one of `BYTES` (else 0);
        numbers in seconds and bytes, or texts with units such as ``"30 ms"`` and ``"2 MB"``.
    name : str
        Of the scenario; default the graph's own.
    source : str
        Stands for the file name in messages.

    Returns
    -------
    Scenario
        One request on the default cluster, network ``fair``.

    Raises
    ------
    InvalidScenario
        The graph is undirected or has a cycle, or a value is missing or wrong.
    """
    if not graph.is_directed():
        raise InvalidScenario(f"{source}: the graph must be directed")
    title = name or (str(graph.graph.get("name", "")) if source == "graph" else "")
    ends = [(u, v, data) for u, v, data in graph.edges(data=True)]
    return attributed(graph.nodes(data=True), ends, source, "networkx", title)


def to_networkx(scenario: Scenario) -> Any:
    """The scenario's tasks and messages as a graph, with ``seconds`` and ``bytes``.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    networkx.MultiDiGraph
        What it does not carry: `scenarios.export.plain.losses`. Unprintable characters of names
        become ``_``.

    Raises
    ------
    Unsupported
        A plain graph would mean something else; says why.
    """
    import networkx

    from scenarios.export.labels import cleaned
    from scenarios.export.plain import plain_graph

    plain, _ = cleaned(plain_graph(scenario))
    graph: Any = networkx.MultiDiGraph(name=scenario.name)
    for task in plain.tasks:
        graph.add_node(task.name, seconds=task.seconds)
    for edge in plain.edges:
        named = {"name": edge.name} if edge.name else {}
        graph.add_edge(edge.src, edge.dst, bytes=edge.bytes, **named)
    return graph


def sniff(text: str) -> bool:
    """Whether the root element is ``graphml``."""
    return root_name(text) == "graphml"


def load(text: str, source: str) -> Scenario:
    """Build the scenario of a GraphML file.

    Raises
    ------
    InvalidScenario
        Names the file.
    """
    import networkx

    parse_xml(text, source)  # refuses entities and floods, which the reader below would not
    try:
        with quiet():
            graph = networkx.parse_graphml(text, force_multigraph=True)
    except (
        networkx.NetworkXException,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise InvalidScenario(
            f"{source}: is not GraphML that networkx reads: {one_line(str(error))[:200]}"
        ) from None
    return from_networkx(graph, source=source)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings of a parser from the user: what matters is refused in words of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def attributed(
    nodes: Iterable[tuple[Any, Mapping[str, Any]]],
    edges: Iterable[tuple[Any, Any, Mapping[str, Any]]],
    source: str,
    form: str,
    name: str = "",
) -> Scenario:
    """A scenario of nodes and edges with attributes, as `from_networkx`.

    Raises
    ------
    InvalidScenario
    """
    names: dict[Any, str] = {}
    tasks = []
    for key, data in nodes:
        label = as_text(str(key), f"{source}: the name of a node")
        where = f"{source}: node {label[:80]!r}"
        names[key] = label
        seconds = _value(data, DURATION, "time", where)
        if seconds is None:
            raise InvalidScenario(
                f"{where}: there is no duration; expected one of the attributes "
                f"{', '.join(DURATION)}"
            )
        tasks.append(PlainTask(label, seconds))
    if len(set(names.values())) < len(names):
        raise InvalidScenario(f"{source}: two nodes have the same name as texts")
    made = []
    for u, v, data in edges:
        where = f"{source}: edge {names[u][:80]!r} -> {names[v][:80]!r}"
        size = _value(data, BYTES, "bytes", where)
        label = data.get("name", "")
        label = as_text(label, f"{where}: name") if label != "" else ""
        made.append(PlainEdge(names[u], names[v], size or 0.0, label))
    return plain_scenario(tasks, made, source, form, name=name)


def _value(data: Mapping[str, Any], keys: tuple[str, ...], kind: str, where: str) -> float | None:
    key = next((k for k in keys if data.get(k) is not None), None)
    if key is None:
        return None
    value = data[key]
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        value = float(value)
    if not isinstance(value, str | float):
        raise InvalidScenario(f"{where}: {key} must be a number >= 0, got {describe(value)}")
    try:
        number = parse(value, kind, f"{where}: {key}")
    except AlloclabError as error:
        raise InvalidScenario(one_line(str(error))) from None
    if not 0 <= number < float("inf"):
        raise InvalidScenario(f"{where}: {key} must be a finite number >= 0, got {describe(value)}")
    return number
