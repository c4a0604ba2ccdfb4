"""Graph families with a regular structure.

Each function takes the number of tasks, the luck of the structure, and its own parameters, all
given by keyword; None means the default. Families that cannot have any number of tasks take the
largest size that does not exceed it.
"""

from __future__ import annotations

import math

from scenarios.generate.luck import Luck
from scenarios.generate.structure import MOST_TASKS, Structure, numbered, shares, whole
from simulator.errors import InvalidScenario


def either(tasks: int | None, what: str, *sizes: object) -> bool:
    """True if the family's own size is given instead of `tasks`; both together are refused."""
    own = all(size is not None for size in sizes)
    if own and tasks is not None:
        raise InvalidScenario(f"give either tasks or {what}, not both")
    return own


def chains(tasks: int, luck: Luck, chains: int | None = None) -> Structure:
    """Independent chains of nearly equal length.

    There are `chains` of them (default: sqrt(tasks)); lengths differ by at most 1. k chains of T
    tasks have T - k edges.
    """
    k = whole(chains, "chains", 1, tasks) if chains is not None else max(1, math.isqrt(tasks))
    names: list[str] = []
    edges: list[tuple[int, int]] = []
    for c, length in enumerate(shares(tasks, k)):
        first = len(names)
        names += [f"c{c}-{i}" for i in range(length)]
        edges += [(first + i, first + i + 1) for i in range(length - 1)]
    return Structure(tuple(names), tuple(edges))


def fork_join(tasks: int, luck: Luck, stages: int | None = None) -> Structure:
    """A fork into parallel tasks and a join, which is the next fork, several times over.

    With s `stages` there are s + 1 forks and joins; the remaining tasks are spread evenly over the
    stages (default: as many stages as are about as wide as long, at least 1). Two edges for each
    parallel task.
    """
    if tasks < 3:
        raise InvalidScenario(f"fork-join needs at least 3 tasks, got {tasks}")
    most = (tasks - 1) // 2
    default = min(most, max(1, round(math.sqrt(tasks) / 2)))
    s = default if stages is None else whole(stages, "stages", 1, most)
    names, edges = ["join0"], list[tuple[int, int]]()
    for stage, width in enumerate(shares(tasks - s - 1, s)):
        fork = len(names) - 1
        names += [f"s{stage}-{i}" for i in range(width)] + [f"join{stage + 1}"]
        edges += [(fork, fork + 1 + i) for i in range(width)]
        edges += [(fork + 1 + i, len(names) - 1) for i in range(width)]
    return Structure(tuple(names), tuple(sorted(edges)))


def out_tree(
    tasks: int, luck: Luck, branching: int | None = None, random: bool | None = None
) -> Structure:
    """A tree from one root to its leaves, at most `branching` (2) children each.

    Complete, filled level by level, or with ``random=true`` grown by hanging each task under a
    random task that has room. T - 1 edges.
    """
    b = 2 if branching is None else whole(branching, "branching", 1)
    if random is not None and not isinstance(random, bool):
        raise InvalidScenario(f"random must be true or false, got {random!r}")
    if not random:
        return numbered(tasks, [((i - 1) // b, i) for i in range(1, tasks)])
    room, edges = [0], list[tuple[int, int]]()
    children = [0] * tasks
    for i in range(1, tasks):
        at = luck.below(len(room))
        parent = room[at]
        edges.append((parent, i))
        children[parent] += 1
        if children[parent] == b:
            room[at] = room[-1]
            room.pop()
        room.append(i)
    return numbered(tasks, edges)


def in_tree(
    tasks: int, luck: Luck, branching: int | None = None, random: bool | None = None
) -> Structure:
    """A tree from its leaves to one root, at most `branching` (2) inputs each: reductions.

    The out-tree of the same parameters with all edges turned round. T - 1 edges.
    """
    tree = out_tree(tasks, luck, branching, random)
    return numbered(tasks, [(tasks - 1 - b, tasks - 1 - a) for a, b in tree.edges])


def stencil(
    tasks: int | None, luck: Luck, width: int | None = None, steps: int | None = None
) -> Structure:
    """A row of cells over time steps; a cell needs itself and its neighbours one step ago.

    `width` cells, `steps` steps. Given `tasks`, the missing size is the largest that fits
    (default: about square). A grid of w cells and s steps has w s tasks and (s - 1)(3 w - 2)
    edges.
    """
    if either(tasks, "width and steps", width, steps):
        w, s = whole(width, "width", 1), whole(steps, "steps", 1)
    else:
        n = 100 if tasks is None else tasks
        if steps is None:
            w = max(1, math.isqrt(n)) if width is None else whole(width, "width", 1, n)
            s = n // w
        else:
            s = whole(steps, "steps", 1, n)
            w = n // s
    whole(w * s, "width x steps", 1)
    names = [f"x{i}-t{t}" for t in range(s) for i in range(w)]
    edges = [
        ((t - 1) * w + j, t * w + i)
        for t in range(1, s)
        for i in range(w)
        for j in range(max(0, i - 1), min(w, i + 2))
    ]
    return Structure(tuple(names), tuple(sorted(edges)))


def fft(tasks: int | None, luck: Luck, points: int | None = None) -> Structure:
    """The fast Fourier transform: recursive calls, then rows of butterflies.

    With m = 2^k `points`, 2 m - 1 recursive calls form an out-tree; its m leaves feed log2 m rows
    of m butterflies, each with two inputs: T = 2 m - 1 + m log2 m tasks and
    2 m - 2 + 2 m log2 m edges.
    """
    if either(tasks, "points", points):
        m = whole(points, "points", 2, 2**15)
        if m & (m - 1):
            raise InvalidScenario(f"points must be a power of 2, got {m}")
    else:
        n = 100 if tasks is None else tasks
        m = 1
        while _fft_tasks(2 * m) <= n:
            m *= 2
        if m == 1:
            raise InvalidScenario(f"fft needs at least {_fft_tasks(2)} tasks, got {n}")
    calls = 2 * m - 1
    names = [f"call{i}" for i in range(calls)]
    edges = [((i - 1) // 2, i) for i in range(1, calls)]
    for row in range(m.bit_length() - 1):
        above = calls - m if row == 0 else calls + (row - 1) * m
        here = calls + row * m
        names += [f"fly{row}-{i}" for i in range(m)]
        edges += [(above + i, here + i) for i in range(m)]
        edges += [(above + (i ^ (1 << row)), here + i) for i in range(m)]
    return Structure(tuple(names), tuple(sorted(edges)))


def _fft_tasks(m: int) -> int:
    return 2 * m - 1 + m * (m.bit_length() - 1)


def gauss(tasks: int | None, luck: Luck, matrix: int | None = None) -> Structure:
    """Gaussian elimination of a square system, column by column.

    The size is m = `matrix`. Step k has a pivot task and an update for each column j > k, which
    needs the pivot and the update of its column in step k - 1; the pivot needs that of its own.
    (m^2 + m - 2) / 2 tasks and m (m - 1) - 1 edges.
    """
    if either(tasks, "matrix", matrix):
        m = whole(matrix, "matrix", 2, math.isqrt(2 * MOST_TASKS))
    else:
        n = 100 if tasks is None else tasks
        if n < 2:
            raise InvalidScenario(f"gauss needs at least 2 tasks, got {n}")
        m = 2
        while ((m + 1) ** 2 + (m + 1) - 2) // 2 <= n:
            m += 1
    number: dict[tuple[int, int], int] = {}
    names: list[str] = []
    edges: list[tuple[int, int]] = []
    for k in range(1, m):
        for j in range(k, m + 1):
            here = number[k, j] = len(names)
            names.append(f"pivot{k}" if j == k else f"update{k}-{j}")
            if k > 1:
                edges.append((number[k - 1, j], here))
            if j > k:
                edges.append((number[k, k], here))
    return Structure(tuple(names), tuple(sorted(edges)))
