"""All the luck of one run, drawn before it starts: engines draw nothing.

The drawing itself is in `simulator.luck`; this file is only the record that engines read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray, empty_floats, empty_ints


def _empty_matrix() -> FloatArray:
    return np.empty((0, 0), dtype=np.float64)


def _empty_mask() -> BoolArray:
    return np.empty((0, 0), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Realisation:
    """What chance decided for one run of R requests.

    Parameters
    ----------
    arrival : (R,) float array, seconds
        Arrival times, ascending. In a closed loop only the first `clients` are read (0).
    stream : (R,) int array
        The stream of each request; requests are numbered by (arrival, stream, index).
    task_factor : (R, T) float array, or (0, 0) when every factor is 1
        Multiplies the seconds of a task.
    edge_factor : (R, E) float array, or (0, 0) when every factor is 1
        Multiplies the bytes of an edge.
    taken : (R, E) bool array, or (0, 0) when every edge is taken
        Read for conditional edges only.
    think : (R,) float array, or empty
        Closed loop: seconds between the completion that releases request r and its arrival.
    outage_node, outage_start, outage_end : (O,) arrays
    slow_node, slow_start, slow_end, slow_factor : (W,) arrays
    degraded_link, degraded_start, degraded_end, degraded_factor : (D,) arrays
        Intervals in list order (products are taken in that order); an end may be inf.
    family : {"test", "plan", "nominal"}
    seed : int
    """

    arrival: FloatArray
    stream: IntArray
    task_factor: FloatArray = field(default_factory=_empty_matrix)
    edge_factor: FloatArray = field(default_factory=_empty_matrix)
    taken: BoolArray = field(default_factory=_empty_mask)
    think: FloatArray = field(default_factory=empty_floats)
    outage_node: IntArray = field(default_factory=empty_ints)
    outage_start: FloatArray = field(default_factory=empty_floats)
    outage_end: FloatArray = field(default_factory=empty_floats)
    slow_node: IntArray = field(default_factory=empty_ints)
    slow_start: FloatArray = field(default_factory=empty_floats)
    slow_end: FloatArray = field(default_factory=empty_floats)
    slow_factor: FloatArray = field(default_factory=empty_floats)
    degraded_link: IntArray = field(default_factory=empty_ints)
    degraded_start: FloatArray = field(default_factory=empty_floats)
    degraded_end: FloatArray = field(default_factory=empty_floats)
    degraded_factor: FloatArray = field(default_factory=empty_floats)
    family: str = "nominal"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value)
                value.flags.writeable = False
                object.__setattr__(self, name, value)

    @property
    def n_requests(self) -> int:
        """Number of requests R."""
        return len(self.arrival)

    @property
    def is_static(self) -> bool:
        """True when no outage, slow-down or degradation happens."""
        return not (len(self.outage_node) or len(self.slow_node) or len(self.degraded_link))
