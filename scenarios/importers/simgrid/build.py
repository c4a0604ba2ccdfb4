"""From a `Platform` to a `Cluster`: routes of all pairs, and links that are not shared."""

from __future__ import annotations

import math
from dataclasses import replace

from scenarios.cluster_build import ENTRY, MOST_LINKS
from scenarios.importers.simgrid.model import FATPIPE, Links, Platform
from scenarios.importers.simgrid.routing import Router
from simulator.cluster import Cluster, Link
from simulator.errors import InvalidScenario

Pair = tuple[int, int]


def build(platform: Platform) -> Cluster:
    """The cluster of a platform.

    A FATPIPE link that lies on no route between two hosts, such as a loopback, is left out. The
    first host is the entry, unless the file gives labels.

    Raises
    ------
    InvalidScenario
        A route without a link, or one with a link twice.
    """
    nodes = list(platform.hosts.values())
    if not platform.labelled:
        nodes[0] = replace(nodes[0], labels=(ENTRY,))
    ways = _ways(platform)
    links, ways = _unshared(platform, ways)
    used = {name for way in ways.values() for name in way}
    order = [name for name in links if name in used or platform.links[name].policy != FATPIPE]
    number = {name: i for i, name in enumerate(order)}
    routes = {pair: tuple(number[name] for name in way) for pair, way in ways.items()}
    return Cluster(platform.name, tuple(nodes), tuple(links[name] for name in order), routes)


def _ways(platform: Platform) -> dict[Pair, Links]:
    """Names of the links between every ordered pair of hosts that has a route."""
    router = Router(platform)
    hosts = list(platform.hosts)
    ways: dict[Pair, Links] = {}
    for a, src in enumerate(hosts):
        for b, dst in enumerate(hosts):
            way = router.find(src, dst) if a != b else None
            if way is None:
                continue
            if not way:
                raise InvalidScenario(
                    f"{platform.source}: the route from {src!r} to {dst!r} has no link"
                )
            if len(set(way)) < len(way):
                twice = next(name for i, name in enumerate(way) if name in way[:i])
                raise InvalidScenario(
                    f"{platform.source}: the route from {src!r} to {dst!r} passes the link "
                    f"{twice!r} twice, which a cluster cannot express"
                )
            ways[a, b] = way
    return ways


def _unshared(
    platform: Platform, ways: dict[Pair, Links]
) -> tuple[dict[str, Link], dict[Pair, Links]]:
    """Express FATPIPE links, of which each message gets the whole bandwidth.

    Where shared links on every route through it are no faster than it, a FATPIPE link never holds
    anything up: it becomes one link as wide as all that these can bring. Else every pair of hosts
    gets one of its own, and only messages of one pair share it.
    """
    links = {
        name: Link(name, x.bandwidth, x.latency_s, x.size_table, x.failure_domain)
        for name, x in platform.links.items()
    }
    through: dict[str, list[Pair]] = {
        name: [] for name, link in platform.links.items() if link.policy == FATPIPE
    }
    for pair, way in ways.items():
        for name in way:
            if name in through:
                through[name].append(pair)
    ways = dict(ways)
    for name, pairs in through.items():
        necks = {_narrowest(platform, ways[pair]) for pair in pairs}
        slowest = platform.links[name].bandwidth
        if all(bandwidth <= slowest for _, bandwidth in necks):
            wide = math.fsum(sorted(bandwidth for _, bandwidth in necks))
            links[name] = replace(links[name], bandwidth=max(wide, slowest))
            continue
        shared = links.pop(name)
        for a, b in pairs:
            nodes = list(platform.hosts)
            own = f"{name} ({nodes[a]}->{nodes[b]})"
            links[own] = replace(shared, name=own)
            ways[a, b] = tuple(own if x == name else x for x in ways[a, b])
        if len(links) > MOST_LINKS:
            raise InvalidScenario(
                f"{platform.source}: link {name!r} is a FATPIPE on too many routes: giving each "
                f"its own makes more than {MOST_LINKS} links"
            )
    return links, ways


def _narrowest(platform: Platform, way: Links) -> tuple[str, float]:
    """The slowest shared link on a way; one of unlimited bandwidth where there is none."""
    shared = [
        (platform.links[name].bandwidth, name)
        for name in way
        if name in platform.links and platform.links[name].policy != FATPIPE
    ]
    bandwidth, name = min(shared, default=(math.inf, ""))
    return name, bandwidth
