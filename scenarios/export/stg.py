"""A scenario as a Standard Task Graph: see `scenarios.importers.stg`."""

from __future__ import annotations

from scenarios.export.plain import losses, plain_graph
from scenarios.scenario import Scenario


def to_stg(scenario: Scenario) -> tuple[str, list[str]]:
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

    Examples
    --------
    >>> from scenarios.generate import generate
    >>> to_stg(generate("chains", tasks=4, nodes=2))[0].split()[:4]
    ['4', '0', '0', '0']
    """
    plain = plain_graph(scenario)
    number = {task.name: i for i, task in enumerate(plain.tasks, start=1)}
    before: dict[str, list[int]] = {task.name: [] for task in plain.tasks}
    pairs = dict.fromkeys((edge.src, edge.dst) for edge in plain.edges)
    for src, dst in pairs:
        before[dst].append(number[src])
    sinks = [number[t.name] for t in plain.tasks if t.name not in {src for src, _ in pairs}]
    lines = [_row(len(plain.tasks)), _row(0, _time(0.0), 0)]
    for task in plain.tasks:
        above = sorted(before[task.name]) or [0]
        lines.append(_row(number[task.name], _time(task.seconds), len(above), *above))
    lines.append(_row(len(plain.tasks) + 1, _time(0.0), len(sinks), *sinks))
    lost = [*losses(scenario), "Not in the file: the names of tasks and edges."]
    if any(edge.bytes for edge in plain.edges):
        lost.append("Not in the file: the bytes of messages; dependencies remain.")
    if len(pairs) < len(plain.edges):
        lost.append("Not in the file: several edges between two tasks; one dependency remains.")
    if any(not task.seconds.is_integer() for task in plain.tasks):
        lost.append(
            "Processing times are in seconds with decimals, where the set itself has whole numbers."
        )
    lines.append("# Standard Task Graph; processing times in seconds; written by alloclab")
    return "\n".join(lines) + "\n", lost


def _time(seconds: float) -> str:
    return str(int(seconds)) if seconds.is_integer() and seconds < 1e15 else repr(seconds)


def _row(*fields: int | str) -> str:
    """Fields of 11 characters, as in the set."""
    return " ".join(f"{field:>11}" for field in fields)
