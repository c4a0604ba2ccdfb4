"""Compiled parts of a step beside the simulation: probabilities, Adam, biases of the rounding.

On the small tensors of a search on a CPU torch takes as long for a softmax and its derivative as
the soft simulation does for both directions. Where the loss is the soft makespan alone, these
functions do the same; `schedulers.gradient.descent` chooses.
"""

from __future__ import annotations

import math

from schedulers.compiled import entry
from simulator.arrays import FloatArray

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Constants of Adam, as in the paper."""

IMPOSSIBLE = 1e-300
"""Least probability that counts: its logarithm stays finite."""


@entry
def soft_chances(
    theta: FloatArray, mask: FloatArray, tau: float, deepest: float, chance: FloatArray
) -> None:
    """Softmax of the logits (R, T, V, N) over the open options of every task, at `tau`.

    Options that lie more than `deepest` below the best get 0.
    """
    for r in range(theta.shape[0]):
        for t in range(theta.shape[1]):
            peak = -math.inf
            for v in range(theta.shape[2]):
                for n in range(theta.shape[3]):
                    if mask[t, v, n] > 0.0:
                        peak = max(peak, theta[r, t, v, n])
            total = 0.0
            for v in range(theta.shape[2]):
                for n in range(theta.shape[3]):
                    below = (theta[r, t, v, n] - peak) / tau
                    p = 0.0
                    if mask[t, v, n] > 0.0 and below >= -deepest:
                        p = math.exp(below)
                    chance[r, t, v, n] = p
                    total += p
            for v in range(theta.shape[2]):
                for n in range(theta.shape[3]):
                    chance[r, t, v, n] /= total


@entry
def adam_step(
    theta: FloatArray,
    first: FloatArray,
    second: FloatArray,
    chance: FloatArray,
    grad: FloatArray,
    tau: float,
    rate: float,
    count: int,
) -> None:
    """One step of Adam on the logits, in place, from derivatives by the probabilities.

    Parameters
    ----------
    theta, first, second : (R, T, V, N) float arrays, logits and Adam's running means
    chance : (R, T, V, N) float array, softmax of ``theta / tau``
    grad : (R, T, V, N) float array, derivatives of the loss by `chance`
    count : int, number of this step, from 1
    """
    step = rate / (1.0 - FIRST_DECAY**count)
    root = math.sqrt(1.0 - SECOND_DECAY**count)
    for r in range(theta.shape[0]):
        for t in range(theta.shape[1]):
            mean = 0.0
            for v in range(theta.shape[2]):
                for n in range(theta.shape[3]):
                    mean += chance[r, t, v, n] * grad[r, t, v, n]
            for v in range(theta.shape[2]):
                for n in range(theta.shape[3]):
                    slope = chance[r, t, v, n] * (grad[r, t, v, n] - mean) / tau
                    m = FIRST_DECAY * first[r, t, v, n] + (1.0 - FIRST_DECAY) * slope
                    s = SECOND_DECAY * second[r, t, v, n] + (1.0 - SECOND_DECAY) * slope * slope
                    first[r, t, v, n], second[r, t, v, n] = m, s
                    theta[r, t, v, n] -= step * m / (math.sqrt(s) / root + EPSILON)


@entry
def fill_prices(grad: FloatArray, mask: FloatArray, price: FloatArray) -> None:
    """Derivative by each node, of its best open variant, over that of the best node, (R, T, N)."""
    for r in range(grad.shape[0]):
        for t in range(grad.shape[1]):
            least = math.inf
            for n in range(grad.shape[3]):
                best = math.inf
                for v in range(grad.shape[2]):
                    if mask[t, v, n] > 0.0:
                        best = min(best, grad[r, t, v, n])
                price[r, t, n] = best
                least = min(least, best)
            for n in range(grad.shape[3]):
                over = price[r, t, n] - least
                price[r, t, n] = over if over < math.inf else 0.0


@entry
def fill_biases(
    chance: FloatArray, weight: FloatArray, price: FloatArray, toll: FloatArray, bias: FloatArray
) -> None:
    """-weight log P of each node over the best one, plus toll times price, (B, T, N).

    B / R samples of each restart follow each other; `price` (R, T, N) may be empty.
    """
    samples = weight.shape[0] // chance.shape[0]
    for r in range(chance.shape[0]):
        for t in range(chance.shape[1]):
            peak = IMPOSSIBLE
            for n in range(chance.shape[3]):
                share = 0.0
                for v in range(chance.shape[2]):
                    share += chance[r, t, v, n]
                bias[r * samples, t, n] = share
                peak = max(peak, share)
            for n in range(chance.shape[3]):
                share = max(bias[r * samples, t, n], IMPOSSIBLE)
                depth = -math.log(share / peak) if share < peak else 0.0
                cost = price[r, t, n] if price.shape[0] > 0 else 0.0
                for k in range(r * samples, (r + 1) * samples):
                    bias[k, t, n] = depth * weight[k] + cost * toll[k]
