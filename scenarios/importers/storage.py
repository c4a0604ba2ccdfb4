"""The store of files that a workflow reads: a node of kind ``storage``, added where none is."""

from __future__ import annotations

from dataclasses import replace

from simulator.cluster import Cluster, Link, Node

STORAGE_BANDWIDTH = 1.25e9
"""Bytes/s of the store's own link in each direction: 10 Gbit/s, a common file server."""

STORAGE_LATENCY_S = 0.5e-3
"""Seconds of the store's own link: one request in a data centre."""


def add_storage(cluster: Cluster) -> Cluster:
    """The cluster with a ``storage`` node; a cluster that has one is returned as it is.

    The new node is joined by one link out and one link in, `STORAGE_BANDWIDTH` and
    `STORAGE_LATENCY_S` each, which all its transfers share. From there a route goes on over the
    node's access link, where there is such a thing: the link with which all routes into the node
    end (with which all routes out of it begin). Otherwise it goes on over a link of its own, as
    fast as the fastest route of that node and without latency, so that nobody receives faster
    from the store than from any other node.

    Parameters
    ----------
    cluster : Cluster

    Returns
    -------
    Cluster
        Nodes, links and routes of the old one keep their numbers.
    """
    if any(node.kind == "storage" for node in cluster.nodes):
        return cluster
    name = _free("storage", {n.name for n in cluster.nodes})
    taken = {link.name for link in cluster.links}
    links = list(cluster.links)
    routes = dict(cluster.routes)
    store = len(cluster.nodes)

    def new(label: str, bandwidth: float, latency_s: float) -> int:
        links.append(Link(_free(label, taken), bandwidth, latency_s))
        taken.add(links[-1].name)
        return len(links) - 1

    out = new(f"{name}-out", STORAGE_BANDWIDTH, STORAGE_LATENCY_S)
    back = new(f"{name}-in", STORAGE_BANDWIDTH, STORAGE_LATENCY_S)
    for n, node in enumerate(cluster.nodes):
        for inward in (True, False):
            access = _access_link(cluster, n, inward)
            if access is None and store > 1:
                label = f"{name}->{node.name}" if inward else f"{node.name}->{name}"
                access = new(label, _fastest(cluster, n, inward), 0.0)
            hop = () if access is None else (access,)
            if inward:
                routes[store, n] = (out, *hop)
            else:
                routes[n, store] = (*hop, back)
    return replace(
        cluster,
        nodes=(*cluster.nodes, Node(name, kind="storage")),
        links=tuple(links),
        routes=routes,
    )


def star_of_cpus() -> Cluster:
    """Four CPU nodes and a store around one switch: 10 Gbit/s cables, 0.1 ms each way."""
    nodes = [Node(f"cpu-{i}", kind="cpu") for i in range(4)] + [Node("storage", kind="storage")]
    return Cluster.star("cpu-star", nodes, STORAGE_BANDWIDTH, 0.1e-3)


def _routes_of(cluster: Cluster, n: int, inward: bool) -> list[tuple[int, ...]]:
    end = 1 if inward else 0
    return [tuple(route) for pair, route in sorted(cluster.routes.items()) if pair[end] == n]


def _access_link(cluster: Cluster, n: int, inward: bool) -> int | None:
    """The link that all routes into (out of) a node share at its end, if it is not a direct one."""
    routes = _routes_of(cluster, n, inward)
    ends = {route[-1 if inward else 0] for route in routes}
    direct = len(routes) == 1 and len(routes[0]) == 1
    return ends.pop() if len(ends) == 1 and not direct else None


def _fastest(cluster: Cluster, n: int, inward: bool) -> float:
    rates = [
        min(cluster.links[link].bandwidth for link in route)
        for route in _routes_of(cluster, n, inward)
    ]
    return max(rates, default=STORAGE_BANDWIDTH)


def _free(label: str, taken: set[str]) -> str:
    """The label, or the label with the first number that makes it unique."""
    name, i = label, 2
    while name in taken:
        name, i = f"{label}-{i}", i + 1
    return name
