"""The load: streams of requests with arrivals, sizes, deadlines and classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.arrays import FloatArray
from simulator.cluster import non_negative, positive, require
from simulator.errors import unknown
from simulator.taskgraph import TaskGraph

MOST_REQUESTS = 10_000_000
"""Requests of one stream that a run can hold in memory with room to spare."""

DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "constant": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("median", "sigma"),
    "gamma": ("mean", "cv"),
    "choice": ("values", "weights"),
}
"""Name -> parameters of every distribution a scenario may name."""


@dataclass(frozen=True)
class Distribution:
    """A distribution of non-negative numbers, drawn by inversion from one uniform each.

    Parameters
    ----------
    kind : str
        One of `DISTRIBUTIONS`; `cv` is the coefficient of variation, `sigma` that of the logarithm.
    parameters : mapping of name to a number (``choice``: tuples of numbers)

    Examples
    --------
    >>> Distribution("lognormal", {"median": 24.0, "sigma": 0.5}).quantile(np.array([0.5]))
    array([24.])
    """

    kind: str
    parameters: Mapping[str, float | tuple[float, ...]]

    def __post_init__(self) -> None:
        if self.kind not in DISTRIBUTIONS:
            raise unknown("distribution", self.kind, DISTRIBUTIONS)
        wanted = DISTRIBUTIONS[self.kind]
        for key in self.parameters:
            if key not in wanted:
                raise unknown(f"parameter of {self.kind}", key, wanted)
        for key in wanted:
            value = self.parameters.get(key)
            if key == "weights" and value is None:
                continue
            require(value is not None, f"distribution {self.kind}: {key} is missing")
            for number in value if isinstance(value, tuple) else (value,):
                require(
                    number is not None and 0 <= number < math.inf,
                    f"distribution {self.kind}: {key} must be a finite number >= 0, got {number!r}",
                )
        p = self.parameters
        if self.kind == "uniform":
            require(self._number("low") <= self._number("high"), "uniform: low is above high")
        if self.kind == "gamma":
            cv = self._number("cv")
            require(1e-6 <= cv <= 100, f"gamma: cv must be between 1e-6 and 100, got {cv:g}")
        if self.kind == "lognormal":
            sigma = self._number("sigma")
            require(sigma <= 10, f"lognormal: sigma must be at most 10, got {sigma:g}")
        if self.kind == "choice":
            values, weights = p["values"], p.get("weights")
            require(isinstance(values, tuple) and len(values) > 0, "choice: values are missing")
            require(
                weights is None
                or (
                    isinstance(weights, tuple)
                    and isinstance(values, tuple)
                    and len(weights) == len(values)
                    and sum(weights) > 0
                ),
                "choice: weights must be as many as the values and not all 0",
            )

    def _number(self, key: str) -> float:
        value = self.parameters[key]
        assert not isinstance(value, tuple)
        return float(value)

    def _table(self) -> tuple[FloatArray, FloatArray]:
        values = np.asarray(self.parameters["values"], dtype=np.float64)
        weights = np.asarray(self.parameters.get("weights", np.ones(len(values))), dtype=np.float64)
        return values, weights / weights.sum()

    @property
    def mean(self) -> float:
        """Expected value."""
        if self.kind == "uniform":
            return (self._number("low") + self._number("high")) / 2
        if self.kind == "lognormal":
            return self._number("median") * math.exp(self._number("sigma") ** 2 / 2)
        if self.kind == "choice":
            values, weights = self._table()
            return float(values @ weights)
        return self._number("value" if self.kind == "constant" else "mean")

    def quantile(self, u: FloatArray) -> FloatArray:
        """Inverse distribution function.

        Parameters
        ----------
        u : float array in [0, 1)

        Returns
        -------
        float array of the same shape.
        """
        if self.kind == "constant":
            return np.full(u.shape, self._number("value"))
        if self.kind == "uniform":
            low = self._number("low")
            return low + u * (self._number("high") - low)
        if self.kind == "exponential":
            return -self._number("mean") * np.log1p(-u)
        if self.kind == "lognormal":
            from scipy.special import ndtri

            z = ndtri(np.clip(u, 2.0**-54, None))
            return np.asarray(self._number("median") * np.exp(self._number("sigma") * z))
        if self.kind == "gamma":
            from scipy.special import gammaincinv

            shape = self._number("cv") ** -2
            return np.asarray(gammaincinv(shape, u) * (self._number("mean") / shape))
        values, weights = self._table()
        index = np.searchsorted(np.cumsum(weights), u, side="right")
        return values[np.minimum(index, len(values) - 1)]


@dataclass(frozen=True)
class Arrivals:
    """When requests come.

    Parameters
    ----------
    kind : {"once", "constant", "poisson", "trace", "closed"}
        ``once``: all at `start`. ``constant``: every 1/rate. ``poisson``: independent gaps.
        ``trace``: at `times`. ``closed``: `clients` that wait for their answer, think, ask again.
    rate : float, requests a second
    start : float, seconds
    times : tuple of float, seconds, ascending
    clients : int
    think : Distribution or None
    """

    kind: str = "once"
    rate: float = 0.0
    start: float = 0.0
    times: tuple[float, ...] = ()
    clients: int = 0
    think: Distribution | None = None

    def __post_init__(self) -> None:
        kinds = ("once", "constant", "poisson", "trace", "closed")
        if self.kind not in kinds:
            raise unknown("kind of arrivals", self.kind, kinds)
        if self.kind in ("constant", "poisson"):
            positive("arrivals", rate=self.rate)
        non_negative("arrivals", start=self.start)
        require(self.start < math.inf, "arrivals: start must be finite")
        if self.kind == "trace":
            require(len(self.times) > 0, "arrivals: the trace has no times")
            require(
                all(0 <= t < math.inf for t in self.times)
                and list(self.times) == sorted(self.times),
                "arrivals: times of a trace must be finite, >= 0 and ascending",
            )
        if self.kind == "closed":
            require(self.clients >= 1, f"arrivals: clients must be >= 1, got {self.clients}")


@dataclass(frozen=True)
class Size:
    """A request size (tokens, pixels) and the value the costs were measured at."""

    distribution: Distribution
    nominal: float

    def __post_init__(self) -> None:
        positive("size", nominal=self.nominal)


@dataclass(frozen=True)
class Stream:
    """Requests for one task graph.

    Parameters
    ----------
    name : str
    graph : TaskGraph
    arrivals : Arrivals
    requests : int
    batch : int
        Items in a request; selects the point on the batch axis of all costs.
    deadline_s : float or None
        Latency within which an answer is worth having (SLO).
    class_ : int
        Lower classes go first.
    weight : float
        Weight in weighted objectives.
    sizes : mapping of name to Size
    noise : Distribution or None
        Multiplies every duration, drawn for each (request, task); mean about 1.
    """

    name: str
    graph: TaskGraph
    arrivals: Arrivals = field(default_factory=Arrivals)
    requests: int = 1
    batch: int = 1
    deadline_s: float | None = None
    class_: int = 0
    weight: float = 1.0
    sizes: Mapping[str, Size] = field(default_factory=dict)
    noise: Distribution | None = None

    def __post_init__(self) -> None:
        where = f"stream {self.name!r}"
        require(bool(self.name), "a stream needs a name")
        require(
            1 <= self.requests <= MOST_REQUESTS,
            f"{where}: requests must be between 1 and {MOST_REQUESTS:,}, got {self.requests}",
        )
        require(self.batch >= 1, f"{where}: batch must be >= 1, got {self.batch}")
        non_negative(where, weight=self.weight)
        if self.deadline_s is not None:
            require(self.deadline_s > 0, f"{where}: deadline must be > 0")
        require(
            self.arrivals.kind != "trace" or len(self.arrivals.times) >= self.requests,
            f"{where}: {self.requests} requests, but the trace has {len(self.arrivals.times)}",
        )
        scaled = [(t.scale_with, t.name) for t in self.graph.tasks]
        scaled += [(e.scale_with, e.label) for e in self.graph.edges]
        for size, label in scaled:
            if size is not None and size not in self.sizes:
                raise unknown("size", size, self.sizes, f"{where}: {label!r}")
