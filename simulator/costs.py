"""Formulas of time, shared by both engines, all schedulers and the planners.

Plain scalar functions on floats: the kernel compiles these very functions, the reference engine
calls them, so that both do the same arithmetic in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from simulator.arrays import FloatArray


def hold_seconds(dispatch_s: float, work_s: float, send_s: float) -> float:
    """Seconds for which a task holds its slot: ``(dispatch + work) + S``."""
    return (dispatch_s + work_s) + send_s


def send_seconds(send_s: float, send_s_per_byte: float, size_bytes: float) -> float:
    """Seconds that a producer spends to hand one remote message to the network."""
    return send_s + send_s_per_byte * size_bytes


def table_seconds(xs: FloatArray, ys: FloatArray, lo: int, hi: int, size_bytes: float) -> float:
    """Interpolate a size table: piecewise linear, extended along its first and last piece.

    Parameters
    ----------
    xs, ys : float arrays
        Sizes in bytes, strictly increasing on [lo, hi), and seconds.
    lo, hi : int
        The slice of the arrays that holds this table; at least one point.
    size_bytes : float

    Returns
    -------
    float
        Seconds, never below 0. A table of one point is proportional through the origin.
    """
    if hi - lo == 1:
        return ys[lo] * (size_bytes / xs[lo])
    i = lo
    while i < hi - 2 and size_bytes > xs[i + 1]:
        i += 1
    share = (size_bytes - xs[i]) / (xs[i + 1] - xs[i])
    value = ys[i] + share * (ys[i + 1] - ys[i])
    return value if value > 0.0 else 0.0


def service_seconds(
    bandwidth: float, xs: FloatArray, ys: FloatArray, lo: int, hi: int, size_bytes: float
) -> float:
    """Seconds that one idle link needs for a message, latency apart."""
    if hi > lo:
        return table_seconds(xs, ys, lo, hi, size_bytes)
    return size_bytes / bandwidth


def equivalent_bytes(
    bandwidth: float, xs: FloatArray, ys: FloatArray, lo: int, hi: int, size_bytes: float
) -> float:
    """Bytes that at nominal bandwidth take as long as the size table says; else plain bytes."""
    if hi > lo:
        return table_seconds(xs, ys, lo, hi, size_bytes) * bandwidth
    return size_bytes


def interpolate(points: Sequence[float], values: Sequence[float], x: float) -> float:
    """Piecewise linear through (points, values), extended along the first and the last piece.

    Used for batch sizes. One point scales proportionally: n times the batch is n times the work.

    Examples
    --------
    >>> interpolate((1, 8), (2.0, 9.0), 4)
    5.0
    >>> interpolate((1,), (2.0,), 3)
    6.0
    """
    if len(points) == 1:
        return values[0] * (x / points[0])
    i = 0
    while i < len(points) - 2 and x > points[i + 1]:
        i += 1
    share = (x - points[i]) / (points[i + 1] - points[i])
    return max(values[i] + share * (values[i + 1] - values[i]), 0.0)


def roofline_seconds(
    flops: Mapping[str, float],
    bytes_touched: float,
    operators: float,
    *,
    peak_flops: float,
    efficiency: Mapping[str, float],
    memory_bandwidth: float,
    launch_overhead_s: float,
) -> float:
    """Predict the duration of a model that was never profiled on a device.

    ``launch overhead x operators + max(sum_c FLOPs_c / (peak x efficiency_c), bytes / bandwidth)``,
    the roofline model [1]_ with an efficiency for each class of operators c.

    Parameters
    ----------
    flops : mapping of operator class to FLOPs
    bytes_touched : float, bytes read and written by all operators
    operators : float, number of kernel launches
    peak_flops : float, FLOP/s at the dtype of the model
    efficiency : mapping of operator class to a fraction in (0, 1]; ``"other"`` is the fallback
    memory_bandwidth : float, bytes/s
    launch_overhead_s : float, seconds for one operator

    Returns
    -------
    float, seconds.

    References
    ----------
    .. [1] S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance
       model for multicore architectures", CACM 52(4), 2009. doi:10.1145/1498765.1498785
    """
    fallback = efficiency.get("other", 1.0)
    compute = math.fsum(
        work / (peak_flops * efficiency.get(kind, fallback)) for kind, work in flops.items()
    )
    return launch_overhead_s * operators + max(compute, bytes_touched / memory_bandwidth)
