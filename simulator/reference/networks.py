"""The three network models: how long a message of some bytes takes from node to node.

Each model is a SimPy process per message, `transfer`, and a `settle` for what they share.
Signals (no bytes) and the wake-up of the receiver are the engine's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass

from simpy.events import Event

from simulator.arrays import FAIR, FIFO_NETWORK, IDEAL, Arrays
from simulator.costs import equivalent_bytes, service_seconds
from simulator.reference.clock import Clock, Progress
from simulator.reference.entities import Message

Journey = Generator[Event, None, None]
Hop = tuple[int, int, int, int, float, float]  # request, edge, position, link, start, end


class Network(ABC):
    """Links, routes and degradations, whatever the model."""

    def __init__(self, clock: Clock, arrays: Arrays) -> None:
        self._clock = clock
        self._arrays = arrays
        self._bandwidth: list[float] = arrays.bandwidth.tolist()
        self._latency: list[float] = arrays.latency.tolist()
        self._degraded: list[dict[int, float]] = [{} for _ in self._bandwidth]
        self.hops: list[Hop] = []

    @abstractmethod
    def transfer(self, message: Message) -> Journey:
        """Carry a message to its node; the process ends when the network has delivered it."""

    @abstractmethod
    def settle(self) -> None:
        """Decide what flows now, and how fast."""

    @abstractmethod
    def _change(self, link: int) -> None:
        """Note that the capacity of a link is another from now on."""

    def route(self, message: Message) -> list[int]:
        """Links that a message takes, in order."""
        links: list[int] = self._arrays.route(*message.route).tolist()
        return links

    def latency(self, message: Message) -> float:
        """Sum of the latencies on the route of a message, in route order."""
        return float(self._arrays.route_latency[message.route])

    def degrade(self, link: int, index: int, factor: float) -> None:
        """Bring entry `index` of the list of degradations into force."""
        self._degraded[link][index] = factor
        self._change(link)

    def restore(self, link: int, index: int) -> None:
        """End entry `index` of the list of degradations."""
        del self._degraded[link][index]
        self._change(link)

    def _capacity(self, link: int) -> float:
        """Bytes/s that a link offers now."""
        product = 1.0
        for i in sorted(self._degraded[link]):
            product *= self._degraded[link][i]
        return self._bandwidth[link] * product

    def _table(self, link: int) -> tuple[int, int]:
        """Where the size table of a link starts and ends."""
        return int(self._arrays.table_ptr[link]), int(self._arrays.table_ptr[link + 1])

    def _service_seconds(self, link: int, message: Message) -> float:
        xs, ys = self._arrays.table_bytes, self._arrays.table_s
        lo, hi = self._table(link)
        return float(service_seconds(self._bandwidth[link], xs, ys, lo, hi, message.size_bytes))


class IdealNetwork(Network):
    """Links are never shared: latency plus bytes over the smallest bandwidth."""

    def transfer(self, message: Message) -> Journey:
        """Pay the latency of the route and the service of its slowest link."""
        service = max(self._service_seconds(link, message) for link in self.route(message))
        yield self._clock.at(self._clock.now + (self.latency(message) + service))

    def settle(self) -> None:
        """Nothing is shared, so there is nothing to settle."""

    def _change(self, link: int) -> None:
        """Degradations are refused before a run under this model."""


@dataclass(slots=True, eq=False)
class _Service:
    """A message at one link of its route."""

    message: Message
    progress: Progress
    start: float = 0.0


class _Link:
    """A link that serves one whole message at a time."""

    def __init__(self) -> None:
        self.current: _Service | None = None
        self.queue: deque[_Service] = deque()  # in order of service
        self.newcomers: list[_Service] = []  # since the last settle


class FifoNetwork(Network):
    """Store and forward: a message is served by one link of its route after the other."""

    def __init__(self, clock: Clock, arrays: Arrays) -> None:
        super().__init__(clock, arrays)
        self._links = [_Link() for _ in self._bandwidth]
        self._touched: set[int] = set()  # links for which something changed since the last settle

    def transfer(self, message: Message) -> Journey:
        """Queue at each link, be served, and pay its latency."""
        for position, link in enumerate(self.route(message)):
            service = _Service(message, Progress(self._clock, self._bytes(link, message)))
            self._links[link].newcomers.append(service)
            self._touched.add(link)
            yield service.progress.done
            self._links[link].current = None
            self._touched.add(link)
            hop = (message.request, message.edge, position, link, service.start, self._clock.now)
            self.hops.append(hop)
            yield self._clock.at(self._clock.now + self._latency[link])

    def settle(self) -> None:
        """Let free links take the next message and serve at the bandwidth of the moment."""
        for i in sorted(self._touched):
            link = self._links[i]
            if link.newcomers:
                link.queue += sorted(link.newcomers, key=lambda service: service.message.id)
                link.newcomers.clear()
            if link.current is None and link.queue:
                link.current = link.queue.popleft()
                link.current.start = self._clock.now
            if link.current is not None:
                link.current.progress.set_rate(self._capacity(i))
        self._touched.clear()

    def _change(self, link: int) -> None:
        self._touched.add(link)

    def _bytes(self, link: int, message: Message) -> float:
        xs, ys = self._arrays.table_bytes, self._arrays.table_s
        lo, hi = self._table(link)
        return float(equivalent_bytes(self._bandwidth[link], xs, ys, lo, hi, message.size_bytes))


class FairNetwork(Network):
    """Fluid max-min sharing: all messages on a link flow at once and divide its bandwidth."""

    def __init__(self, clock: Clock, arrays: Arrays) -> None:
        super().__init__(clock, arrays)
        self._flows: dict[int, Progress] = {}  # by message id
        self._routes: dict[int, list[int]] = {}
        self._changed = False

    def transfer(self, message: Message) -> Journey:
        """Pay the latency of the whole route first, then share its links."""
        route = self.route(message)
        yield self._clock.at(self._clock.now + self.latency(message))
        start = self._clock.now
        flow = Progress(self._clock, self._bytes(route, message))
        self._flows[message.id], self._routes[message.id] = flow, route
        self._changed = True
        yield flow.done
        del self._flows[message.id], self._routes[message.id]
        self._changed = True
        for position, link in enumerate(route):
            span = (start, self._clock.now)
            self.hops.append((message.request, message.edge, position, link, *span))

    def settle(self) -> None:
        """Share the links among the flows of the moment."""
        if not self._changed:
            return
        self._changed = False
        links = {link for route in self._routes.values() for link in route}
        capacity = {link: self._capacity(link) for link in links}
        for flow, rate in max_min_rates(self._routes, capacity).items():
            self._flows[flow].set_rate(rate)

    def _change(self, link: int) -> None:
        self._changed = True

    def _bytes(self, route: Iterable[int], message: Message) -> float:
        if all(lo == hi for lo, hi in map(self._table, route)):
            return message.size_bytes
        service = max(self._service_seconds(link, message) for link in route)
        return service * min(self._bandwidth[link] for link in route)


def max_min_rates(
    routes: Mapping[int, Iterable[int]], capacity: Mapping[int, float]
) -> dict[int, float]:
    """Share links among flows max-min fairly, by progressive filling.

    Parameters
    ----------
    routes : mapping of flow id to its links, each at most once
    capacity : mapping of link id to bytes/s

    Returns
    -------
    dict of flow id to bytes/s.

    References
    ----------
    .. [1] D. Bertsekas, R. Gallager, "Data Networks", 2nd ed., 1992, section 6.5.2.

    Examples
    --------
    Flow 0 crosses both links; link 1 is the bottleneck of flows 0 and 2, flow 1 takes the rest.

    >>> max_min_rates({0: [0, 1], 1: [0], 2: [1]}, {0: 10.0, 1: 4.0})
    {0: 2.0, 2: 2.0, 1: 8.0}
    """
    left = dict(capacity)
    flows_on: dict[int, list[int]] = {link: [] for link in sorted(capacity)}
    for flow in sorted(routes):
        for link in routes[flow]:
            flows_on[link].append(flow)
    rates: dict[int, float] = {}
    while len(rates) < len(routes):
        crowded = [
            link for link in flows_on if flows_on[link]
        ]  # ascending, so ties go to the lowest
        bottleneck = min(crowded, key=lambda link: left[link] / len(flows_on[link]))
        share = left[bottleneck] / len(flows_on[bottleneck])
        for flow in list(flows_on[bottleneck]):
            rates[flow] = share
            for link in routes[flow]:
                left[link] = max(left[link] - share, 0.0)
                flows_on[link].remove(flow)
    return rates


MODELS: dict[int, type[Network]] = {
    IDEAL: IdealNetwork,
    FIFO_NETWORK: FifoNetwork,
    FAIR: FairNetwork,
}
