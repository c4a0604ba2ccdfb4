"""The general kernel over many candidates in one compiled call, without its record."""

from __future__ import annotations

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.kernel import Luck, State, World, entry, run_candidate

NAN = float("nan")


@entry
def kernel_batch(
    world: World,
    luck: Luck,
    state: State,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    legal: BoolArray,
    completed: FloatArray,
    arrival: FloatArray,
    busy: FloatArray,
) -> None:
    """Run candidates one after the other; the interpreter's lock stays free throughout.

    Parameters
    ----------
    world, luck, state : World, Luck, State
    node, variant, priority : (B, T) int64 arrays
    legal : (B,) bool array
        Whether a candidate can run at all; the others lose every request.
    completed, arrival : (B, R) float arrays, written; `arrival` is left alone if it has no rows
    busy : (B, N) float array, written
    """
    for b in range(node.shape[0]):
        if legal[b]:
            run_candidate(world, luck, state, node[b], variant[b], priority[b])
        for r in range(completed.shape[1]):
            completed[b, r] = state.completed[r] if legal[b] else NAN
        for r in range(arrival.shape[1] if arrival.shape[0] > 0 else 0):
            arrival[b, r] = state.arrival[r] if legal[b] else NAN
        for n in range(busy.shape[1]):
            busy[b, n] = state.busy[n] if legal[b] else 0.0
