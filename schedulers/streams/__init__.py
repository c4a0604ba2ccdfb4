"""Search for streams of requests, and how many of them a cluster can take."""

from schedulers.streams.search import StreamSearch, improve_stream
from schedulers.streams.surrogate import Surrogate
from schedulers.streams.throughput import (
    best_bottleneck,
    bottleneck_throughput,
    max_throughput,
    throughput_bound,
)

__all__ = [
    "StreamSearch",
    "Surrogate",
    "best_bottleneck",
    "bottleneck_throughput",
    "improve_stream",
    "max_throughput",
    "throughput_bound",
]
