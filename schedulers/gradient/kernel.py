"""Compiled soft list simulation and its gradient, written out by hand in reverse mode.

For each restart, tasks are taken in the order of the upward rank under their present distribution
P over options (variant, node). With F[t] the expected finish,

    arrival of an edge (p, t) at n = F[p] + sum over (v, a) of P[p,v,a] (lat[a,n] + size_v inv[a,n])
    begin[t, n]  = smoothmax(available[n], arrivals at n)
    F[t]         = sum over (v, n) of P[t,v,n] (begin[t,n] + hold[t,v,n])
    available[n] = available[n] + sum over v of P[t,v,n] (begin[t,n] + hold[t,v,n] - available[n])

A node of c slots has c values `available`; the least is used. lat and inv are zero on the diagonal.
Where every row of P is one-hot this is the exact simulation of that allocation in that order. The
order is kept fixed in the gradient. smoothmax(a, b) = (a + b + sqrt((a - b)^2 + width^2)) / 2.

O(T V N^2 + E V N) time for a restart, forward and backward together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from schedulers.compiled import entry, helper
from simulator.arrays import FloatArray, IntArray

TINY = 1e-40
"""Square of the least width of smoothmax: keeps 0/0 out where both sides are equal."""

NOTHING = 1e-30
"""Probabilities and derivatives below this are left out."""


class Soft(NamedTuple):
    """What the soft simulation reads. Seconds are divided by `scale`.

    Parameters
    ----------
    scale : float, seconds
    hold : (T, V, N) float array, 0 where the variant may not run
    mask : (T, V, N) bool-like float array, 1 where the option is open
    lat, inv : (N, N) float arrays, from row to column; latency, and scaled seconds per byte
    lat_to, inv_to : their transposes, contiguous
    in_ptr, in_src, in_size : edges entering each task: producer, bytes by variant of it (E, V)
    topological, position : (T,) int arrays
    slots : (N,) int array
    """

    scale: float
    hold: FloatArray
    mask: FloatArray
    lat: FloatArray
    inv: FloatArray
    lat_to: FloatArray
    inv_to: FloatArray
    in_ptr: IntArray
    in_src: IntArray
    in_size: FloatArray
    topological: IntArray
    position: IntArray
    slots: IntArray


class Tape(NamedTuple):
    """Scratch of one restart. C is the largest number of slots.

    Parameters
    ----------
    far, g_far : (T, N) expected latency from a task to each node, and its gradient
    pace, g_pace : (T, V, N) the same for seconds per byte
    share : (T, N) probability of each node
    begin, before : (T, N) begin, and the value `available` it was made from
    slot : (T, N) int, which of the slots that was
    weight : (E, N) derivative of the smoothmax by each arrival
    finish, g_finish : (T,)
    free, g_free : (N, C)
    reach, cost : (T,) path below a task, and its expected duration
    flow : (N,)
    """

    far: FloatArray
    g_far: FloatArray
    pace: FloatArray
    g_pace: FloatArray
    share: FloatArray
    begin: FloatArray
    before: FloatArray
    slot: IntArray
    weight: FloatArray
    finish: FloatArray
    g_finish: FloatArray
    free: FloatArray
    g_free: FloatArray
    reach: FloatArray
    flow: FloatArray


@helper
def _spread(soft: Soft, tape: Tape, chance: FloatArray, r: int) -> None:
    """Expected latency and seconds per byte from every task to every node."""
    n_tasks, n_variants, n_nodes = soft.hold.shape
    for t in range(n_tasks):
        for n in range(n_nodes):
            tape.far[t, n] = 0.0
            tape.share[t, n] = 0.0
        for v in range(n_variants):
            for n in range(n_nodes):
                tape.pace[t, v, n] = 0.0
                tape.share[t, n] += chance[r, t, v, n]
            for a in range(n_nodes):
                p = chance[r, t, v, a]
                if p > NOTHING:
                    for n in range(n_nodes):
                        tape.far[t, n] += p * soft.lat[a, n]
                        tape.pace[t, v, n] += p * soft.inv[a, n]


@helper
def _rank(soft: Soft, tape: Tape, chance: FloatArray, r: int, rank: FloatArray) -> None:
    """Upward ranks under expected durations and communication."""
    n_tasks, n_variants, n_nodes = soft.hold.shape
    for t in range(n_tasks):
        tape.reach[t] = 0.0
    for k in range(n_tasks - 1, -1, -1):
        t = soft.topological[k]
        own = 0.0
        for v in range(n_variants):
            for n in range(n_nodes):
                own += chance[r, t, v, n] * soft.hold[t, v, n]
        rank[r, t] = own + tape.reach[t]
        for i in range(soft.in_ptr[t], soft.in_ptr[t + 1]):
            p = soft.in_src[i]
            moved = 0.0
            for n in range(n_nodes):
                there = tape.far[p, n]
                for v in range(n_variants):
                    there += soft.in_size[i, v] * tape.pace[p, v, n]
                moved += tape.share[t, n] * there
            if moved + rank[r, t] > tape.reach[p]:
                tape.reach[p] = moved + rank[r, t]


@helper
def _sort(soft: Soft, rank: FloatArray, order: IntArray, r: int) -> None:
    """Sort by falling rank, then by topological position; fast if nearly in order already."""
    for k in range(1, soft.hold.shape[0]):
        t = order[r, k]
        value, place = rank[r, t], soft.position[t]
        i = k
        while i > 0:
            u = order[r, i - 1]
            if rank[r, u] > value or (rank[r, u] == value and soft.position[u] < place):
                break
            order[r, i] = u
            i -= 1
        order[r, i] = t


@helper
def _forward(
    soft: Soft, tape: Tape, chance: FloatArray, r: int, order: IntArray, width: float
) -> None:
    """Fill begin, before, slot, weight and finish."""
    n_tasks, n_variants, n_nodes = soft.hold.shape
    floor = max(width * width, TINY)
    single = tape.free.shape[1] == 1
    for n in range(n_nodes):
        for k in range(tape.free.shape[1]):
            tape.free[n, k] = 0.0
    for j in range(n_tasks):
        t = order[r, j]
        if single:
            for n in range(n_nodes):
                tape.before[t, n] = tape.free[n, 0]
                tape.begin[t, n] = tape.free[n, 0]
        else:
            for n in range(n_nodes):
                least = 0
                for k in range(1, soft.slots[n]):
                    if tape.free[n, k] < tape.free[n, least]:
                        least = k
                tape.slot[t, n] = least
                tape.before[t, n] = tape.free[n, least]
                tape.begin[t, n] = tape.free[n, least]
        for i in range(soft.in_ptr[t], soft.in_ptr[t + 1]):
            p = soft.in_src[i]
            done = tape.finish[p]
            for n in range(n_nodes):
                tape.flow[n] = done + tape.far[p, n]
            for v in range(n_variants):
                size = soft.in_size[i, v]
                for n in range(n_nodes):
                    tape.flow[n] += size * tape.pace[p, v, n]
            for n in range(n_nodes):
                gap = tape.flow[n] - tape.begin[t, n]
                root = math.sqrt(gap * gap + floor)
                tape.begin[t, n] += 0.5 * (gap + root)
                tape.weight[i, n] = 0.5 * (1.0 + gap / root)
        finish = 0.0
        for n in range(n_nodes):
            k = 0 if single else tape.slot[t, n]
            late = tape.share[t, n] * tape.begin[t, n]
            for v in range(n_variants):
                late += chance[r, t, v, n] * soft.hold[t, v, n]
            finish += late
            tape.free[n, k] += late - tape.share[t, n] * tape.free[n, k]
        tape.finish[t] = finish


@helper
def _end(tape: Tape, heat: float) -> float:
    """Soft maximum of the finishes; `g_finish` receives its derivatives."""
    n_tasks = tape.finish.shape[0]
    last = 0
    for t in range(n_tasks):
        tape.g_finish[t] = 0.0
        if tape.finish[t] > tape.finish[last]:
            last = t
    if heat <= 0.0:
        tape.g_finish[last] = 1.0
        return tape.finish[last]
    total = 0.0
    for t in range(n_tasks):
        x = (tape.finish[t] - tape.finish[last]) / heat
        if x > -40.0:
            tape.g_finish[t] = math.exp(x)
            total += tape.g_finish[t]
    for t in range(n_tasks):
        tape.g_finish[t] /= total
    return tape.finish[last] + heat * math.log(total)


@helper
def _backward(
    soft: Soft, tape: Tape, chance: FloatArray, r: int, order: IntArray, grad: FloatArray
) -> None:
    """Derivatives of the end by every probability."""
    n_tasks, n_variants, n_nodes = soft.hold.shape
    single = tape.free.shape[1] == 1
    for n in range(n_nodes):
        for k in range(tape.free.shape[1]):
            tape.g_free[n, k] = 0.0
    for t in range(n_tasks):
        for n in range(n_nodes):
            tape.g_far[t, n] = 0.0
            for v in range(n_variants):
                tape.g_pace[t, v, n] = 0.0
    for j in range(n_tasks - 1, -1, -1):
        t = order[r, j]
        g_end = tape.g_finish[t]
        for n in range(n_nodes):
            k = 0 if single else tape.slot[t, n]
            g_free = tape.g_free[n, k]
            if abs(g_free) < NOTHING:  # subnormal numbers would be slow
                g_free = 0.0
            both = g_end + g_free
            fixed = both * tape.begin[t, n] - g_free * tape.before[t, n]
            for v in range(n_variants):
                grad[r, t, v, n] = (fixed + both * soft.hold[t, v, n]) * soft.mask[t, v, n]
            g_begin = both * tape.share[t, n]
            tape.flow[n] = g_begin if abs(g_begin) > NOTHING else 0.0
            tape.g_free[n, k] = g_free * (1.0 - tape.share[t, n])
        for i in range(soft.in_ptr[t + 1] - 1, soft.in_ptr[t] - 1, -1):
            p = soft.in_src[i]
            total = 0.0
            for n in range(n_nodes):
                g = tape.flow[n] * tape.weight[i, n]
                tape.flow[n] -= g
                tape.g_far[p, n] += g
                total += g
                for v in range(n_variants):
                    tape.g_pace[p, v, n] += g * soft.in_size[i, v]
            tape.g_finish[p] += total
        for n in range(n_nodes):
            tape.g_free[n, 0 if single else tape.slot[t, n]] += tape.flow[n]
    for t in range(n_tasks):
        for v in range(n_variants):
            for n in range(n_nodes):
                far, pace = tape.g_far[t, n], tape.g_pace[t, v, n]
                if far != 0.0 or pace != 0.0:
                    for a in range(n_nodes):
                        grad[r, t, v, a] += far * soft.lat_to[n, a] + pace * soft.inv_to[n, a]


@entry
def soft_list(
    soft: Soft,
    tape: Tape,
    chance: FloatArray,
    width: float,
    heat: float,
    order: IntArray,
    rank: FloatArray,
    value: FloatArray,
    grad: FloatArray,
) -> None:
    """Soft makespan of every restart (value, scaled) and its gradient by `chance` (R, T, V, N).

    `order` (R, T) holds any permutations and receives those of the ranks; `rank` (R, T) receives
    the upward ranks, scaled.
    """
    for r in range(chance.shape[0]):
        _spread(soft, tape, chance, r)
        _rank(soft, tape, chance, r, rank)
        _sort(soft, rank, order, r)
        _forward(soft, tape, chance, r, order, width)
        value[r] = _end(tape, heat)
        _backward(soft, tape, chance, r, order, grad)


@entry
def soft_ranks(soft: Soft, tape: Tape, chance: FloatArray, rank: FloatArray) -> None:
    """Upward ranks alone: what rounding needs where no gradient is taken."""
    for r in range(chance.shape[0]):
        _spread(soft, tape, chance, r)
        _rank(soft, tape, chance, r, rank)
