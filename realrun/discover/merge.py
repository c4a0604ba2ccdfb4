"""Several hosts' clusters as one: names get their host in front, a network joins the hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import InvalidScenario
from simulator.units import format_si

NETWORK = "network"
BANDWIDTH = 1.186e9
"""Bytes/s: 10 Gigabit Ethernet less its frames (94.9 % of 10 Gbit/s)."""
LATENCY = 25e-6
"""Seconds from a host to the switch: network card and half of the way."""

ENTRY = "entry"
_LINK = re.compile(r"(.+?) (<->|->|--) (.+)")


@dataclass(frozen=True)
class Part:
    """A cluster to be merged.

    Parameters
    ----------
    source : str
        File, for messages.
    cluster : mapping
        ``name``, ``nodes``, ``switches``, ``links``, everything written out.
    """

    source: str
    cluster: Mapping[str, Any]


def merge(
    parts: Sequence[Part], bandwidth: float = BANDWIDTH, latency: float = LATENCY
) -> tuple[dict[str, Any], str]:
    """One cluster of all hosts, and the sentence that says what was assumed.

    Nodes and switches are called ``host/name``. The node of each host where requests come in (its
    entry) has a link to one network; only that of the first host stays an entry.

    Parameters
    ----------
    parts : sequence of Part
        At least two, of different hosts.
    bandwidth, latency : float
        Of each host's link to the network, in bytes/s and seconds.

    Raises
    ------
    InvalidScenario
        One sentence that names the file.
    """
    if len(parts) < 2:
        raise InvalidScenario(
            f"merging takes the files of at least two hosts, got {len(parts)}; "
            "`alloclab discover -o FILE` writes one on each host"
        )
    seen: dict[str, str] = {}
    nodes: dict[str, Any] = {}
    switches: list[str] = []
    links: dict[str, Any] = {}
    for part in parts:
        host = _host(part)
        if host in seen:
            raise InvalidScenario(f"{part.source}: describes host {host!r}, as {seen[host]} does")
        seen[host] = part.source
        entry = _entry(part.cluster["nodes"])
        for name, node in part.cluster["nodes"].items():
            nodes[f"{host}/{name}"] = _node(node, host, first=len(seen) == 1)
        switches += [f"{host}/{name}" for name in part.cluster.get("switches", ())]
        for text, link in part.cluster.get("links", {}).items():
            links[_renamed(text, host)] = link
        links[f"{host}/{entry} <-> {NETWORK}"] = {"bandwidth": bandwidth, "latency": latency}
    name = "+".join(seen)
    data = {
        "name": name if len(name) <= 60 else f"{len(seen)} hosts",
        "description": f"{len(seen)} hosts on one network: {', '.join(seen)}."[:1000],
        "nodes": nodes,
        "switches": [*switches, NETWORK],
        "links": links,
    }
    note = (
        f"network between hosts: {format_si(bandwidth, 'B/s')} each way, {format_si(latency, 's')} "
        "from each host to its switch"
    )
    return data, note


def _host(part: Part) -> str:
    """The host that all nodes of a file are part of; the cluster's name where they say none."""
    hosts = {node.get("host") for node in part.cluster["nodes"].values()}
    if len(hosts) > 1:
        raise InvalidScenario(
            f"{part.source}: its nodes are part of several hosts; merge the files of single hosts"
        )
    host = hosts.pop() or part.cluster["name"]
    return str(host)[:50]


def _entry(nodes: Mapping[str, Any]) -> str:
    labelled = [name for name, node in nodes.items() if ENTRY in node.get("labels", ())]
    return labelled[0] if labelled else next(iter(nodes))


def _node(node: Mapping[str, Any], host: str, first: bool) -> dict[str, Any]:
    """The same node, on its host; labels other than those of the entry stay."""
    labels = [x for x in node.get("labels", ()) if first or x != ENTRY]
    out = {k: v for k, v in node.items() if k != "labels"}
    out.setdefault("host", host)
    out.setdefault("failure_domain", host)
    return out | ({"labels": labels} if labels else {})


def _renamed(text: str, host: str) -> str:
    match = _LINK.fullmatch(text)
    if match is None:
        raise InvalidScenario(f"expected a link 'a <-> b', got {text[:60]!r}")
    return f"{host}/{match[1]} {match[2]} {host}/{match[3]}"
