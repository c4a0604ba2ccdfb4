"""Memory limits as constraints: weights of a sharing group once, and the c largest working sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from schedulers.exact.cpsat import Program
    from schedulers.exact.model import Model

BITS = 40
"""Bytes are counted in units of the largest need over 2^40: exact up to a terabyte."""


def limit_memory(model: Model, program: Program) -> None:
    """Add the limits of all nodes.

    All bytes are rounded down to whole units (of one byte up to 2^40). If values fit, their floors
    fit, so no admissible placement is lost; what was rounded in is refused when it is evaluated.
    The c largest working sets fit below m exactly if there is a q with
    ``c q + sum of max(w - q, 0) <= m``.
    """
    problem = model.problem
    need = float((problem.weights_bytes + problem.working_bytes).sum())
    limited = np.flatnonzero(problem.memory_bytes < need)
    if len(limited) == 0:
        return
    unit = 2.0 ** max(np.ceil(np.log2(need)) - BITS, 0.0) if need >= 1.0 else need / 2.0**BITS
    weights, working = _units(problem.weights_bytes, unit), _units(problem.working_bytes, unit)
    for n in limited:
        room = int(np.floor(problem.memory_bytes[n] / unit))
        _limit_node(model, program, int(n), room, weights, working)


def _units(values: FloatArray, unit: float) -> IntArray:
    return np.floor(values / unit).astype(np.int64)


def _limit_node(
    model: Model, program: Program, n: int, room: int, weights: IntArray, working: IntArray
) -> None:
    cp, group = program.solver, model.problem.weights_group
    shared: dict[int, list[tuple[int, Any]]] = {}
    sets: list[tuple[int, Any]] = []
    for (t, v, m), x in program.place.items():
        if m == n:
            shared.setdefault(int(group[t, v]), []).append((int(weights[t, v]), x))
            sets.append((int(working[t, v]), x))
    terms: list[Any] = []
    for users in shared.values():
        least = min(w for w, _ in users)  # unequal weights within a group: the least surely counts
        if least == 0:
            continue
        used = users[0][1] if len(users) == 1 else cp.new_bool_var("")
        if len(users) > 1:
            cp.add_max_equality(used, [x for _, x in users])
        terms.append(least * used)
    largest = max((w for w, _ in sets), default=0)
    if largest > 0:
        q = cp.new_int_var(0, largest, "")
        terms.append(int(model.view.slots[n]) * q)
        for w, x in sets:
            if w > 0:
                over = cp.new_int_var(0, w, "")
                cp.add(over >= w * x - q)
                terms.append(over)
    cp.add(sum(terms) <= room)
