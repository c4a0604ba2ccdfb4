"""A cluster as a SimGrid platform file, version 4.1: hosts, links, and every route written out.

SimGrid reads speeds, cores, bandwidths, latencies and routes. What else a cluster says stands in
properties that begin with ``alloclab.``, which SimGrid keeps without acting on them, so that
reading the file back gives the same cluster.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scenarios.cluster_build import NODE_FIELDS
from scenarios.importers.simgrid.hosts import OWN, UNIT_SPEED, WATTS, plain_node
from scenarios.reading import MAX_BYTES
from simulator.cluster import Cluster, Link, Node
from simulator.errors import Unsupported

VERSION = "4.1"
DOCTYPE = '<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">'
_KEYS = {field: key for key, field in NODE_FIELDS.items()}


def to_simgrid(cluster: Cluster) -> str:
    """Text of a platform file.

    Parameters
    ----------
    cluster : Cluster

    Returns
    -------
    str

    Raises
    ------
    Unsupported
        A name that XML cannot hold, or a file that would be too large to be read back.

    Examples
    --------
    >>> from simulator.cluster import Cluster, Node
    >>> text = to_simgrid(Cluster("c", (Node("n", peak_flops={"fp32": 1e9}),)))
    >>> '<host id="n" speed="1000000000.0f"' in text
    True
    """
    root = Element("platform", version=VERSION)
    taken = {node.name for node in cluster.nodes}
    name = cluster.name if cluster.name and cluster.name not in taken else "zone"
    while name in taken:
        name += "-zone"
    zone = SubElement(root, "zone", id=name, routing="Full")
    if name != cluster.name:
        SubElement(zone, "prop", id=f"{OWN}name", value=cluster.name)
    for i, node in enumerate(cluster.nodes):
        _host(zone, node, first=i == 0)
    for link in cluster.links:
        _link(zone, link)
    for (a, b), route in cluster.routes.items():
        ends = {"src": cluster.nodes[a].name, "dst": cluster.nodes[b].name}
        element = SubElement(zone, "route", ends, symmetrical="NO")
        for i in route:
            SubElement(element, "link_ctn", id=cluster.links[i].name)
    return _text(root, cluster.name, losses(cluster))


def losses(cluster: Cluster) -> list[str]:
    """What SimGrid does otherwise than the simulator, in one sentence each.

    The file has them in a comment on top.
    """
    nodes = cluster.nodes
    out = ["messages within a host take its loopback link, they are not free"]
    if any(len(set(n.peak_flops.values())) > 1 or n.efficiency for n in nodes):
        out.append("a host has one speed: that of fp32, at its peak, whatever the operator")
    if any(n.slots > 1 or n.corun for n in nodes):
        out.append("tasks beyond the cores of a host share them, they do not wait")
    if any(n.dispatch_s or n.send_s or n.send_s_per_byte or n.wake_s for n in nodes):
        out.append("overheads of dispatch, send and wake are not simulated")
    if any(n.memory_bytes < math.inf for n in nodes):
        out.append("memory is not limited")
    if any(link.size_table for link in cluster.links):
        out.append("measured times by message size are not simulated, only bandwidth and latency")
    domains = [n.failure_domain for n in nodes] + [x.failure_domain for x in cluster.links]
    if any(domain is not None for domain in domains):
        out.append("failure domains mean nothing")
    return out


def _text(root: Element, name: str, lost: list[str]) -> str:
    indent(root, " ")
    body = tostring(root, encoding="unicode")
    odd = next((c for c in body if c < " " and c not in "\n"), None)
    if odd is not None:
        raise Unsupported(f"cluster {name!r}: XML cannot hold the character {odd!r} of a name")
    comment = "<!-- In SimGrid:\n" + "".join(f"  {sentence}\n" for sentence in lost) + "-->"
    text = f"<?xml version='1.0' encoding='UTF-8'?>\n{DOCTYPE}\n{comment}\n{body}\n"
    if len(text.encode()) > MAX_BYTES:
        raise Unsupported(
            f"cluster {name!r} takes {len(text.encode()) / 2**20:.0f} MiB of XML, but files of at "
            f"most {MAX_BYTES // 2**20} MiB are read"
        )
    return text


def _host(zone: Element, node: Node, first: bool) -> None:
    speed = node.peak_flops.get("fp32", max(node.peak_flops.values(), default=0.0))
    speed = speed or node.speed * UNIT_SPEED
    attributes = {"id": node.name, "speed": f"{speed!r}f"}
    if node.slots != 1:
        attributes["core"] = str(node.slots)
    element = SubElement(zone, "host", attributes)
    known = plain_node(node.name, speed, node.slots)
    watts = node.idle_watts is not None and node.busy_watts is not None
    for field in fields(Node):
        value = getattr(node, field.name)
        if watts and field.name in ("idle_watts", "busy_watts"):
            continue
        told = field.name != "labels" or not first  # else the first host would be the entry
        if field.name == "name" or (told and value == getattr(known, field.name)):
            continue
        SubElement(element, "prop", id=OWN + _KEYS.get(field.name, field.name), value=_value(value))
    if watts:
        SubElement(element, "prop", id=WATTS, value=f"{node.idle_watts!r}:{node.busy_watts!r}")


def _link(zone: Element, link: Link) -> None:
    element = SubElement(
        zone,
        "link",
        id=link.name,
        bandwidth=f"{float(link.bandwidth)!r}Bps",
        latency=f"{float(link.latency_s)!r}s",
    )
    if link.size_table:
        table = {repr(float(size)): seconds for size, seconds in link.size_table}
        SubElement(element, "prop", id=f"{OWN}size_table", value=_value(table))
    if link.failure_domain is not None:
        SubElement(element, "prop", id=f"{OWN}failure_domain", value=_value(link.failure_domain))


def _value(value: Any) -> str:
    """JSON, so that a text of digits stays a text."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return list(value) if isinstance(value, list | tuple) else value
