"""Expands ``cluster`` and ``cabinet``: many like hosts, each with its own link to one switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scenarios.cluster_build import MOST_NODES
from scenarios.importers.fields import describe
from scenarios.importers.simgrid.hosts import OWN, need, read_host
from scenarios.importers.simgrid.model import (
    FATPIPE,
    SHARED,
    Platform,
    PlatformLink,
    Zone,
    checked_name,
)
from scenarios.importers.simgrid.units import quantity, radical
from simulator.errors import InvalidScenario, unknown

POLICIES = ("SPLITDUPLEX", "FULLDUPLEX", "SHARED", "FATPIPE")


def add_cluster(
    platform: Platform,
    attributes: Mapping[str, str],
    properties: Mapping[str, str],
    parent: Zone | None,
) -> None:
    """Add the zone of a flat cluster, with its hosts, links and router.

    The way from host to host is: the limiter of the one if there is one, its link up, the backbone
    if there is one, and the other's link down and limiter. Names are those that SimGrid gives.

    Raises
    ------
    InvalidScenario, UnknownName
        Also for the topologies TORUS, FAT_TREE and DRAGONFLY.
    """
    name = checked_name(attributes, "id", f"{platform.source}: cluster")
    where = f"{platform.source}: cluster {describe(name)}"
    topology = attributes.get("topology", "FLAT")
    if topology != "FLAT":
        raise InvalidScenario(
            f"{where}: the topology {topology[:20]!r} is not expanded, only FLAT is"
        )
    zone = Zone(name, "cluster", parent, star={})
    platform.add_point(name, parent)
    platform.zones[name] = zone
    assert zone.star is not None
    platform.labelled |= f"{OWN}labels" in properties
    backbone = _backbone(platform, name, attributes, where)
    link, policy = _access(attributes, where)
    limiter = _optional(attributes, "limiter_link", where)
    numbers = _numbers(platform, attributes, where)
    for i in numbers:
        host = f"{attributes.get('prefix', '')}{i}{attributes.get('suffix', '')}"
        platform.add_point(host, zone)
        platform.hosts[host] = read_host(host, attributes, properties, where)
        way = f"{name}_link_{i}"
        before: tuple[str, ...] = ()
        if limiter is not None:
            before = (f"{way}_limiter",)
            platform.add_link(before[0], PlatformLink(limiter, 0.0))
        split = policy in POLICIES[:2]
        platform.add_link(way, link, split)
        up, down = platform.split[way] if split else (way, way)
        zone.star[host] = ((*before, up, *backbone), (*backbone, down, *before))
    router = attributes.get("router_id") or (
        f"{attributes.get('prefix', '')}{name}_router{attributes.get('suffix', '')}"
    )
    platform.add_point(router, zone)


def _numbers(platform: Platform, attributes: Mapping[str, str], where: str) -> list[int]:
    left = MOST_NODES - len(platform.hosts)
    return radical(need(attributes, "radical", where), left, f"{where}: radical")


def _access(attributes: Mapping[str, str], where: str) -> tuple[PlatformLink, str]:
    """The link of each host, and how it is shared.

    A FATPIPE link is created as a shared one, as SimGrid does here.
    """
    policy = attributes.get("sharing_policy", "SPLITDUPLEX")
    if policy not in POLICIES:
        raise unknown("sharing_policy", policy, POLICIES, where)
    link = PlatformLink(
        quantity(need(attributes, "bw", where), "bandwidth", f"{where}: bw"),
        quantity(need(attributes, "lat", where), "time", f"{where}: lat"),
    )
    return link, policy


def _backbone(
    platform: Platform, name: str, attributes: Mapping[str, str], where: str
) -> tuple[str, ...]:
    bandwidth = _optional(attributes, "bb_bw", where)
    latency = quantity(attributes.get("bb_lat") or "0", "time", f"{where}: bb_lat")
    if bandwidth is None and not latency:
        return ()
    if bandwidth is None:
        raise InvalidScenario(f"{where}: bb_lat without bb_bw: the backbone has no bandwidth")
    policy = attributes.get("bb_sharing_policy", "SHARED")
    if policy not in (SHARED, FATPIPE):
        raise unknown("bb_sharing_policy", policy, (SHARED, FATPIPE), where)
    link = PlatformLink(bandwidth, latency)
    platform.add_link(f"{name}_backbone", replace(link, policy=policy))
    return (f"{name}_backbone",)


def _optional(attributes: Mapping[str, str], key: str, where: str) -> float | None:
    """A bandwidth, or None where it is missing, empty or 0."""
    text = attributes.get(key, "").strip()
    if not text or text == "0":
        return None
    return quantity(text, "bandwidth", f"{where}: {key}")


def add_cabinet(
    platform: Platform, attributes: Mapping[str, str], zone: Zone, backbone: str | None
) -> None:
    """Add the hosts of a cabinet to its zone, which must have routing ``Cluster``.

    Raises
    ------
    InvalidScenario
    """
    name = checked_name(attributes, "id", f"{platform.source}: cabinet")
    where = f"{platform.source}: cabinet {describe(name)}"
    if zone.star is None:
        raise InvalidScenario(f"{where}: a cabinet stands in a zone with routing Cluster")
    link, _ = _access(attributes, where)
    middle = () if backbone is None else (backbone,)
    for i in _numbers(platform, attributes, where):
        host = f"{attributes.get('prefix', '')}{i}{attributes.get('suffix', '')}"
        platform.add_point(host, zone)
        platform.hosts[host] = read_host(host, attributes, {}, where)
        up, down = f"link_{host}_UP", f"link_{host}_DOWN"
        platform.add_link(up, link)
        platform.add_link(down, link)
        zone.star[host] = ((up, *middle), (*middle, down))
