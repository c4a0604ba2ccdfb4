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

    The new node stands beside the node where data come in (labelled ``entry``, else the first):
    it is joined to the same switch, or, where that node has no access link, to the node itself.
    It has a link out and a link in of `STORAGE_BANDWIDTH` and `STORAGE_LATENCY_S`, which all its
    transfers share; from there they go on as those of the neighbour do.

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

    def new(label: str) -> int:
        name = _free(label, taken)
        links.append(Link(name, STORAGE_BANDWIDTH, STORAGE_LATENCY_S))
        taken.add(name)
        return len(links) - 1

    out, back = new(f"{name}-out"), new(f"{name}-in")
    beside = _entry(cluster)
    leave, arrive = _access(cluster, beside, 0), _access(cluster, beside, -1)
    routes[store, beside] = (out,) if arrive is None else (out, arrive)
    routes[beside, store] = (back,) if leave is None else (leave, back)
    for n in range(store):
        there, here = cluster.routes.get((beside, n)), cluster.routes.get((n, beside))
        if there is not None:
            routes[store, n] = (out, *(there if leave is None else there[1:]))
        if here is not None:
            routes[n, store] = (*(here if arrive is None else here[:-1]), back)
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


def _entry(cluster: Cluster) -> int:
    """The node where data come in."""
    return next((n for n, node in enumerate(cluster.nodes) if "entry" in node.labels), 0)


def _access(cluster: Cluster, node: int, end: int) -> int | None:
    """The link with which all routes out of a node begin (0), or all into it end (-1).

    None if they differ or if one of them is that link alone: it leads to a node, not to a switch.
    """
    routes = [route for pair, route in cluster.routes.items() if pair[end] == node]
    found = {route[end] for route in routes}
    shared = len(found) == 1 and all(len(route) > 1 for route in routes)
    return found.pop() if shared else None


def _free(label: str, taken: set[str]) -> str:
    """The label, or the label with the first number that makes it unique."""
    name, i = label, 2
    while name in taken:
        name, i = f"{label}-{i}", i + 1
    return name
