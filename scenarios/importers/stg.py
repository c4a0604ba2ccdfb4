"""The Standard Task Graph set: processing times and predecessors, for identical processors [1]_.

The first line has the number n of tasks. A line follows for each of them, and for the dummy tasks
0 and n + 1, with its number, its processing time, the number of its predecessors, and these. What
begins with ``#`` is information for the reader.

References
----------
.. [1] T. Tobita, H. Kasahara, "A standard task graph set for fair evaluation of multiprocessor
   scheduling algorithms", Journal of Scheduling 5(5), 2002. doi:10.1002/jos.116. Format:
   https://www.kasahara.cs.waseda.ac.jp/schedule/format_e.html
"""

from __future__ import annotations

import re

from scenarios.importers.fields import as_number
from scenarios.importers.plain import MOST_TASKS, PlainEdge, PlainTask, plain_scenario
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario

_START = re.compile(r"\s*(?:#[^\n]*\n\s*)*\d+[ \t\r]*\n[ \t]*\d+[ \t]+[\d.]+[ \t]+\d+\b")
_WHOLE = re.compile(r"[0-9]{1,12}")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def sniff(text: str) -> bool:
    """Whether a text begins as such a file does: a number, then at least three in a line."""
    return _START.match(text[:100_000]) is not None


def load(text: str, source: str) -> Scenario:
    """Build the scenario of a task graph; dummy tasks 0 and n + 1 are left out.

    Parameters
    ----------
    text : str
    source : str
        File name, for messages.

    Raises
    ------
    InvalidScenario
        Names the file and the line.
    """
    rows = [
        (number, line.split())
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        raise InvalidScenario(f"{source}: the file is empty, expected the number of tasks")
    first, head = rows[0]
    if len(head) != 1:
        raise InvalidScenario(
            f"{source}: line {first} must be the number of tasks alone, got {len(head)} numbers"
        )
    count = _whole(head[0], f"{source}: line {first}: the number of tasks")
    if not 1 <= count <= MOST_TASKS:
        raise InvalidScenario(
            f"{source}: line {first}: the number of tasks must be 1 to {MOST_TASKS:,}, got {count}"
        )
    body = rows[1:]
    if len(body) != count + 2:
        raise InvalidScenario(
            f"{source}: {count} tasks and 2 dummy tasks are announced in line {first}, but "
            f"{len(body)} lines follow"
        )
    tasks, edges = _tasks(body, count, source)
    return plain_scenario(tasks, edges, source, "Standard Task Graph")


def _tasks(
    body: list[tuple[int, list[str]]], count: int, source: str
) -> tuple[list[PlainTask], list[PlainEdge]]:
    tasks: dict[int, PlainTask] = {}
    edges: list[PlainEdge] = []
    for line, fields in body:
        where = f"{source}: line {line}"
        if len(fields) < 3:
            raise InvalidScenario(
                f"{where} must be a task's number, time, number of predecessors and these, got "
                f"{len(fields)} numbers"
            )
        task = _whole(fields[0], f"{where}: the task's number", count + 1)
        if task in tasks:
            raise InvalidScenario(f"{where}: task {task} occurs twice")
        tasks[task] = PlainTask(f"t{task}", _seconds(fields[1], f"{where}: processing time"))
        for before in _predecessors(fields, where, count):
            if before == task:
                raise InvalidScenario(f"{where}: task {task} is its own predecessor")
            if before > 0 and task <= count:
                edges.append(PlainEdge(f"t{before}", f"t{task}"))
        _check_dummy(task, count, tasks[task].seconds, fields[2], where)
    return [tasks[i] for i in range(1, count + 1)], edges


def _predecessors(fields: list[str], where: str, count: int) -> list[int]:
    wanted = _whole(fields[2], f"{where}: number of predecessors", count + 1)
    given = fields[3:]
    if wanted and len(given) == 2 * wanted:
        raise InvalidScenario(
            f"{where}: {len(given)} numbers follow for {wanted} predecessors; the variant with "
            "communication costs is not read"
        )
    if len(given) != wanted:
        raise InvalidScenario(f"{where}: {wanted} predecessors are announced, {len(given)} follow")
    found = [_whole(x, f"{where}: predecessor", count) for x in given]
    if len(set(found)) < len(found):
        raise InvalidScenario(f"{where}: a predecessor occurs twice")
    return found


def _check_dummy(task: int, count: int, seconds: float, before: str, where: str) -> None:
    if task in (0, count + 1) and seconds:
        raise InvalidScenario(f"{where}: the dummy task {task} must take no time, got {seconds:g}")
    if task == 0 and int(before):
        raise InvalidScenario(f"{where}: the dummy task 0 must have no predecessors")


def _whole(text: str, where: str, most: int | None = None) -> int:
    if not _WHOLE.fullmatch(text) or (most is not None and int(text) > most):
        limit = "" if most is None else f" of at most {most}"
        raise InvalidScenario(f"{where} must be a whole number >= 0{limit}, got {text[:40]!r}")
    return int(text)


def _seconds(text: str, where: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise InvalidScenario(f"{where} must be a finite number >= 0, got {text[:40]!r}")
    return as_number(float(text), where)
