"""A scenario as a directed graph of Graphviz: see `scenarios.importers.dot`."""

from __future__ import annotations

import html

from scenarios.export.labels import cleaned
from scenarios.export.plain import losses, plain_graph
from scenarios.importers.dot import MOST_CHARACTERS
from scenarios.scenario import Scenario
from simulator.errors import Unsupported


def to_dot(scenario: Scenario) -> tuple[str, list[str]]:
    """Text of the file, and what it does not hold.

    Nodes have the attribute ``seconds``, edges ``bytes`` and where they have one ``name``.

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
        A task graph would mean something else, or the file would be too large to be read back.
    """
    plain, renamed = cleaned(plain_graph(scenario))
    lines = ["digraph {"]
    for task in plain.tasks:
        lines.append(f'  {_quoted(task.name)} [seconds="{task.seconds!r}"];')
    for edge in plain.edges:
        name = f", name={_quoted(edge.name)}" if edge.name else ""
        ends = f"{_quoted(edge.src)} -> {_quoted(edge.dst)}"
        lines.append(f'  {ends} [bytes="{edge.bytes!r}"{name}];')
    text = "\n".join([*lines, "}"]) + "\n"
    if len(text) > MOST_CHARACTERS:
        raise Unsupported(
            f"{scenario.name} takes {len(text):,} characters of DOT, but at most "
            f"{MOST_CHARACTERS:,} are read; a .graphml file can be larger"
        )
    return text, [*losses(scenario), *renamed]


def _quoted(name: str) -> str:
    """In quotation marks, with what would end or change the text as Graphviz's entities."""
    return '"' + html.escape(name).replace("\\", "&#92;") + '"'
