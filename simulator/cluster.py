"""The machines: nodes, directed links, and the routes between nodes."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simulator.errors import InvalidScenario, unknown
from simulator.shown import Shown, some
from simulator.units import format_si


def require(ok: bool, message: str) -> None:
    """Raise `InvalidScenario` with `message` unless `ok`."""
    if not ok:
        raise InvalidScenario(message)


def positive(where: str, **values: float) -> None:
    """Refuse NaN, infinity and numbers that are not above 0, naming the field."""
    for name, value in values.items():
        label = f"{where}: {name.replace('_', ' ')}"
        require(value > 0, f"{label} must be > 0, got {value!r}")
        require(value < math.inf, f"{label} must be finite, got {value!r}")


def non_negative(where: str, **values: float) -> None:
    """Refuse NaN and negative numbers, naming the field."""
    for name, value in values.items():
        if not value >= 0.0:
            raise InvalidScenario(f"{where}: {name} must be >= 0, got {value!r}")


@dataclass(frozen=True)
class Node:
    """One place where tasks run: a CPU, a GPU, a slice of one, or a store of files.

    Parameters
    ----------
    name : str
    kind : str
        Broad kind, e.g. ``cpu``, ``gpu``, ``npu``, ``storage``. Only tasks that ask for it by name
        run on ``storage``.
    device : str
        Device model, e.g. ``a100-80gb``; durations may be given by device or kind.
    slots : int
        Tasks that may run at once.
    speed : float
        Relative speed for tasks given in seconds: they take ``seconds / speed``.
    peak_flops : mapping of dtype to FLOP/s
    efficiency : mapping of dtype to (mapping of operator class to fraction of the peak)
    memory_bandwidth : float, bytes/s
    memory_bytes : float
    load_bandwidth : float, bytes/s at which weights are loaded
    launch_overhead_s : float, seconds for one operator
    dispatch_s, wake_s : float, seconds to start a task; to notice a remote message
    send_s, send_s_per_byte : float, seconds (a byte) a producer spends on one remote message
    corun : sequence of float
        ``corun[k - 1]``: slow-down factor with k tasks running; 1 beyond the end.
    idle_watts, busy_watts : float or None
    price_per_hour : float or None
    failure_domain, host : str or None
        What fails together; which machine the node is part of.
    labels : tuple of str
        Further names by which tasks may ask for it, such as ``entry``.
    """

    name: str
    kind: str = "cpu"
    device: str = ""
    slots: int = 1
    speed: float = 1.0
    peak_flops: Mapping[str, float] = field(default_factory=dict)
    efficiency: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    memory_bandwidth: float = math.inf
    memory_bytes: float = math.inf
    load_bandwidth: float = math.inf
    launch_overhead_s: float = 0.0
    dispatch_s: float = 0.0
    send_s: float = 0.0
    send_s_per_byte: float = 0.0
    wake_s: float = 0.0
    corun: Sequence[float] = ()
    idle_watts: float | None = None
    busy_watts: float | None = None
    price_per_hour: float | None = None
    failure_domain: str | None = None
    host: str | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"node {self.name!r}"
        require(bool(self.name), "a node needs a name")
        require(isinstance(self.slots, int) and self.slots >= 1, f"{where}: slots must be >= 1")
        positive(where, speed=self.speed)
        non_negative(
            where,
            memory=self.memory_bytes,
            launch_overhead=self.launch_overhead_s,
            dispatch=self.dispatch_s,
            send=self.send_s,
            send_per_byte=self.send_s_per_byte,
            wake=self.wake_s,
            idle_watts=self.idle_watts or 0.0,
            busy_watts=self.busy_watts or 0.0,
            price=self.price_per_hour or 0.0,
        )
        for label, value in (("dispatch", self.dispatch_s), ("send", self.send_s),
                             ("send_per_byte", self.send_s_per_byte), ("wake", self.wake_s),
                             ("launch_overhead", self.launch_overhead_s)):  # fmt: skip
            require(value < math.inf, f"{where}: {label} must be finite")
        for label, value in (("memory_bandwidth", self.memory_bandwidth),
                             ("load_bandwidth", self.load_bandwidth)):  # fmt: skip
            require(value > 0, f"{where}: {label} must be > 0, got {value!r}")
        for factor in self.corun:
            require(factor > 0, f"{where}: co-run factors must be > 0, got {factor!r}")
            require(factor < math.inf, f"{where}: co-run factors must be finite, got {factor!r}")
        for dtype, peak in self.peak_flops.items():
            require(peak > 0, f"{where}: peak_flops of {dtype} must be > 0, got {peak!r}")
            require(peak < math.inf, f"{where}: peak_flops of {dtype} must be finite, got {peak!r}")
        for dtype, table in self.efficiency.items():
            for label, share in table.items():
                require(0 < share <= 1, f"{where}: efficiency {dtype}.{label} must be in (0, 1]")


@dataclass(frozen=True)
class Link:
    """A directed link.

    Parameters
    ----------
    name : str
    bandwidth : float, bytes/s, > 0
    latency_s : float, seconds
    size_table : sequence of (bytes, seconds)
        Measured service times on the idle link, replacing bytes/bandwidth; sizes ascending.
    failure_domain : str or None
    """

    name: str
    bandwidth: float
    latency_s: float = 0.0
    size_table: Sequence[tuple[float, float]] = ()
    failure_domain: str | None = None

    def __post_init__(self) -> None:
        where = f"link {self.name!r}"
        positive(where, bandwidth=self.bandwidth)
        non_negative(where, latency=self.latency_s)
        require(self.latency_s < math.inf, f"{where}: latency must be finite")
        sizes = [size for size, _ in self.size_table]
        require(
            sizes == sorted(set(sizes)) and all(0 <= s < math.inf for s in sizes),
            f"{where}: size_table needs strictly increasing sizes >= 0",
        )
        require(
            all(0 <= s < math.inf for _, s in self.size_table),
            f"{where}: size_table needs times >= 0",
        )
        require(
            len(sizes) != 1 or sizes[0] > 0, f"{where}: a size_table of one point needs a size > 0"
        )


@dataclass(frozen=True, repr=False)
class Cluster(Shown):
    """Nodes, links, and for every ordered pair of nodes the links in between.

    Parameters
    ----------
    name : str
    nodes : tuple of Node
    links : tuple of Link
    routes : mapping of (node index, node index) to a tuple of link indices
    """

    name: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...] = ()
    routes: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(len(self.nodes) > 0, f"cluster {self.name!r}: there are no nodes")
        for what, items in (("node", self.nodes), ("link", self.links)):
            seen: set[str] = set()
            for item in items:
                require(
                    item.name not in seen,
                    f"cluster {self.name!r}: two {what}s are named {item.name!r}",
                )
                seen.add(item.name)
        for (a, b), route in self.routes.items():
            pair = f"route {self.nodes[a].name} -> {self.nodes[b].name}"
            require(a != b, f"{pair}: a node needs no route to itself")
            require(len(route) > 0, f"{pair}: the route is empty")
            require(len(set(route)) == len(route), f"{pair}: the route uses a link twice")
            for link in route:
                require(0 <= link < len(self.links), f"{pair}: there is no link {link}")

    def index(self, name: str) -> int:
        """Index of a node by name.

        Raises
        ------
        UnknownName
        """
        for i, node in enumerate(self.nodes):
            if node.name == name:
                return i
        raise unknown("node", name, [n.name for n in self.nodes], f"cluster {self.name!r}")

    def _title(self) -> str:
        return self.name

    def _summary(self) -> dict[str, str]:
        kinds = [node.kind for node in self.nodes]
        return {
            "nodes": f"{len(kinds)} ("
            + some(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
            + ")",
            "links": str(len(self.links)),
            "routes": f"{len(self.routes)} of {len(kinds) * (len(kinds) - 1)} pairs",
        }

    def _details(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                node.name,
                node.device or node.kind,
                str(node.slots),
                some(f"{format_si(v, 'FLOP/s')} {k}" for k, v in node.peak_flops.items()),
                "" if math.isinf(node.memory_bytes) else format_si(node.memory_bytes, "B"),
            ]
            for node in self.nodes
        ]
        return ["node", "device", "slots", "peak", "memory"], rows

    @staticmethod
    def mesh(
        name: str,
        nodes: Sequence[Node],
        bandwidth: Sequence[Sequence[float]] | float,
        latency_s: Sequence[Sequence[float]] | float = 0.0,
    ) -> Cluster:
        """One directed link of its own between every ordered pair of nodes.

        A bandwidth of None or NaN in a matrix means that the pair is not connected.
        """
        links: list[Link] = []
        routes: dict[tuple[int, int], tuple[int, ...]] = {}
        for a, src in enumerate(nodes):
            for b, dst in enumerate(nodes):
                if a == b:
                    continue
                rate = bandwidth if isinstance(bandwidth, float | int) else bandwidth[a][b]
                delay = latency_s if isinstance(latency_s, float | int) else latency_s[a][b]
                if rate is None or rate != rate:
                    continue
                routes[a, b] = (len(links),)
                links.append(Link(f"{src.name}->{dst.name}", float(rate), float(delay)))
        return Cluster(name, tuple(nodes), tuple(links), routes)

    @staticmethod
    def star(name: str, nodes: Sequence[Node], bandwidth: float, latency_s: float = 0.0) -> Cluster:
        """Every node has an up link and a down link to one switch that is never a bottleneck."""
        if len(nodes) == 1:
            return Cluster(name, tuple(nodes))  # nothing to reach: no switch, no links
        connections = [Connection(n.name, "switch", bandwidth, latency_s) for n in nodes]
        return Cluster.connect(name, nodes, connections, switches=["switch"])

    @staticmethod
    def connect(
        name: str,
        nodes: Sequence[Node],
        connections: Iterable[Connection],
        switches: Sequence[str] = (),
    ) -> Cluster:
        """Build links from connections between nodes and switches, and routes by shortest path.

        A route minimises (latency, hops, link ids); only switches and nodes on the way forward.
        Pairs without a path have no route: it is refused only if tasks there exchange messages.
        """
        points = [n.name for n in nodes] + list(switches)
        require(len(set(points)) == len(points), f"cluster {name!r}: a name is used twice")
        links: list[Link] = []
        taken: set[str] = set()
        leaving: dict[str, list[tuple[str, int]]] = {p: [] for p in points}
        for c in connections:
            for end in (c.a, c.b):
                if end not in leaving:
                    raise unknown("node or switch", end, points, f"cluster {name!r}: connection")
            require(c.a != c.b, f"cluster {name!r}: a connection joins {c.a!r} to itself")
            for link, src, dst in c.directed():
                if link is not None:
                    require(
                        link.name not in taken,
                        f"cluster {name!r}: two connections join {c.a!r} and {c.b!r}; name them",
                    )
                    taken.add(link.name)
                    links.append(link)
                leaving[src].append((dst, len(links) - 1))
        routes: dict[tuple[int, int], tuple[int, ...]] = {}
        for a, node in enumerate(nodes):
            found = _shortest_paths(node.name, leaving, links)
            for b, other in enumerate(nodes):
                if a != b and other.name in found:
                    routes[a, b] = found[other.name]
        return Cluster(name, tuple(nodes), tuple(links), routes)


@dataclass(frozen=True)
class Connection:
    """A cable between two nodes or switches.

    ``full`` duplex is two directed links, ``half`` one link that both directions share,
    ``one-way`` a link from a to b only.
    """

    a: str
    b: str
    bandwidth: float
    latency_s: float = 0.0
    duplex: str = "full"
    name: str | None = None
    size_table: Sequence[tuple[float, float]] = ()
    failure_domain: str | None = None

    def directed(self) -> list[tuple[Link | None, str, str]]:
        """(link, from, to) for each direction; None repeats the link before it."""

        def link(label: str) -> Link:
            return Link(
                label, self.bandwidth, self.latency_s, tuple(self.size_table), self.failure_domain
            )

        if self.duplex == "half":
            name = self.name or f"{self.a}--{self.b}"
            return [(link(name), self.a, self.b), (None, self.b, self.a)]
        forward = (link(self.name or f"{self.a}->{self.b}"), self.a, self.b)
        if self.duplex == "one-way":
            return [forward]
        if self.duplex != "full":
            raise unknown("duplex", self.duplex, ["full", "half", "one-way"], "connection")
        back = f"{self.name}-back" if self.name else f"{self.b}->{self.a}"
        return [forward, (link(back), self.b, self.a)]


def _shortest_paths(
    source: str, leaving: Mapping[str, Sequence[tuple[str, int]]], links: Sequence[Link]
) -> dict[str, tuple[int, ...]]:
    """Dijkstra with the whole key (latency, hops, link ids), so that ties have one answer."""
    best: dict[str, tuple[int, ...]] = {}
    promised: dict[str, tuple[float, int, tuple[int, ...]]] = {}
    heap: list[tuple[float, int, tuple[int, ...], str]] = [(0.0, 0, (), source)]
    while heap:
        latency, hops, path, here = heapq.heappop(heap)
        if here in best:
            continue
        best[here] = path
        for there, link in leaving[here]:
            if there not in best and link not in path:
                key = (latency + links[link].latency_s, hops + 1, (*path, link))
                if there not in promised or key < promised[there]:
                    promised[there] = key
                    heapq.heappush(heap, (*key, there))
    del best[source]
    return best
