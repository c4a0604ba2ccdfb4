"""Reads the elements of a platform file; refuses by name what cannot be expressed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

from scenarios.cluster_build import MOST_LINKS, MOST_NODES
from scenarios.importers.fields import describe
from scenarios.importers.simgrid.clusters import add_cabinet, add_cluster
from scenarios.importers.simgrid.hosts import OWN, need, read_host, read_link
from scenarios.importers.simgrid.model import FATPIPE, Platform, Route, Zone, checked_name
from simulator.errors import InvalidScenario, unknown

NEWEST = 4.1
DEEPEST = 40
ROUTINGS = ("full", "floyd", "dijkstra", "dijkstracache", "cluster", "none")
POLICIES = ("SHARED", "SPLITDUPLEX", "FULLDUPLEX", "FATPIPE", "WIFI")

REFUSED = {
    "peer": "needs Vivaldi coordinates",
    "trace": "changes hosts or links over time; write it as dynamics of a scenario",
    "trace_connect": "changes hosts or links over time; write it as dynamics of a scenario",
    "include": "reads another file; put its content here",
    "bypassRoute": "overrides the routing; write the routes out",
    "bypassASroute": "overrides the routing; write the routes out",
    "bypassZoneRoute": "overrides the routing; write the routes out",
}
"""Elements that would change what is simulated, and why they are refused."""

IGNORED = ("config", "random", "process", "actor", "prop", "storage", "storage_type", "mount")
"""Elements that say nothing about hosts, links or routes."""


def read_platform(root: Element, source: str) -> Platform:
    """Read the tree of a platform file.

    Parameters
    ----------
    root : Element
    source : str
        File name, for messages.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file, the element and the attribute.
    """
    _check_version(root, source)
    platform = Platform(source)
    tops = [e for e in root if _tag(e) in ("zone", "AS", "cluster")]
    for element in root:
        if element not in tops:
            _refuse(element, source, ("zone", "AS", "cluster"))
    if len(tops) != 1:
        raise InvalidScenario(
            f"{source}: a platform holds one zone that holds everything, got {len(tops)}"
        )
    top = tops[0]
    if _tag(top) == "cluster":
        add_cluster(platform, dict(top.attrib), _properties(top, source), None)
    else:
        _zone(platform, top, None, 1)
    platform.name = _own_name(top) or top.attrib["id"]
    if not platform.hosts:
        raise InvalidScenario(f"{source}: the platform has no hosts")
    return platform


def _check_version(root: Element, source: str) -> None:
    text = root.attrib.get("version", "missing")
    try:
        version = float(text)
    except ValueError:
        version = 0.0
    if not 4 <= version <= NEWEST:
        hint = "; simgrid_update_xml renews older files" if version < 4 else ""
        raise InvalidScenario(
            f"{source}: platform version {describe(text)} is not read, only 4 and {NEWEST}{hint}"
        )


def _tag(element: Element) -> str:
    return element.tag if isinstance(element.tag, str) else ""


def _refuse(element: Element, source: str, allowed: tuple[str, ...]) -> None:
    """Refuse an element that is not read, unless it means nothing here."""
    tag = _tag(element)
    if tag in REFUSED:
        raise InvalidScenario(f"{source}: <{tag}> {REFUSED[tag]}")
    if tag and tag not in IGNORED:
        raise unknown("element", tag, allowed, source)


def _own_name(top: Element) -> str:
    return next(
        (p.attrib.get("value", "") for p in top.iter("prop") if p.attrib.get("id") == f"{OWN}name"),
        "",
    )


def _properties(element: Element, where: str) -> dict[str, str]:
    """The properties of a host, a link or a cluster."""
    found: dict[str, str] = {}
    for child in element:
        if _tag(child) == "prop":
            name = need(child.attrib, "id", f"{where}: prop")
            found[name] = need(child.attrib, "value", f"{where}: prop {describe(name)}")
        elif _tag(child) not in ("disk", "mount", ""):
            raise unknown("element", _tag(child), ("prop", "disk"), where)
    return found


# ----- zones -------------------------------------------------------------------------------------
def _zone(platform: Platform, element: Element, parent: Zone | None, depth: int) -> None:
    source = platform.source
    name = checked_name(element.attrib, "id", f"{source}: zone")
    where = f"{source}: zone {describe(name)}"
    if depth > DEEPEST:
        raise InvalidScenario(f"{where}: zones are nested more than {DEEPEST} levels deep")
    routing = need(element.attrib, "routing", where)
    if routing.lower() not in ROUTINGS:
        if routing.lower() in ("vivaldi", "wifi"):
            raise InvalidScenario(f"{where}: routing {routing} cannot be expressed as a cluster")
        raise unknown("routing", routing, ("Full", "Floyd", "Dijkstra", "Cluster", "None"), where)
    zone = Zone(name, routing.lower(), parent, star={} if routing.lower() == "cluster" else None)
    platform.add_point(name, parent)
    platform.zones[name] = zone
    later: list[Element] = []  # what refers to points and links of the zone, wherever they stand
    for child in element:
        tag = _tag(child)
        if tag in ("zone", "AS"):
            _zone(platform, child, zone, depth + 1)
        elif tag in _AT_ONCE:
            _AT_ONCE[tag](platform, child, zone)
        elif tag in _LATER:
            later.append(child)
        else:
            _refuse(child, where, ("zone", *_AT_ONCE, *_LATER))
    backbone = _backbone(platform, later, zone)
    for child in later:
        if _tag(child) != "backbone":
            _LATER[_tag(child)](platform, child, zone, backbone)
    if len({point in platform.zones for point in zone.points}) > 1:
        raise InvalidScenario(f"{where}: a zone holds zones, or hosts and routers, not both")


def _host(platform: Platform, element: Element, zone: Zone) -> None:
    name = checked_name(element.attrib, "id", f"{platform.source}: host")
    where = f"{platform.source}: host {describe(name)}"
    platform.add_point(name, zone)
    properties = _properties(element, where)
    platform.hosts[name] = read_host(name, element.attrib, properties, where)
    platform.labelled |= f"{OWN}labels" in properties
    if len(platform.hosts) > MOST_NODES:
        raise InvalidScenario(f"{platform.source}: there are more than {MOST_NODES} hosts")


def _router(platform: Platform, element: Element, zone: Zone) -> None:
    platform.add_point(checked_name(element.attrib, "id", f"{platform.source}: router"), zone)


def _link(platform: Platform, element: Element, zone: Zone | None) -> None:
    name = checked_name(element.attrib, "id", f"{platform.source}: link")
    where = f"{platform.source}: link {describe(name)}"
    policy = element.attrib.get("sharing_policy", "SHARED")
    if policy not in POLICIES:
        raise unknown("sharing_policy", policy, POLICIES[:2] + POLICIES[3:], where)
    if policy == "WIFI":
        raise InvalidScenario(f"{where}: a Wi-Fi link cannot be expressed")
    link = read_link(element.attrib, _properties(element, where), where)
    if policy == FATPIPE:
        link = replace(link, policy=FATPIPE)
    platform.add_link(name, link, split=policy in ("SPLITDUPLEX", "FULLDUPLEX"))
    if len(platform.links) > MOST_LINKS:
        raise InvalidScenario(f"{platform.source}: there are more than {MOST_LINKS} links")


def _cluster(platform: Platform, element: Element, zone: Zone) -> None:
    where = f"{platform.source}: cluster {describe(element.attrib.get('id', ''))}"
    add_cluster(platform, dict(element.attrib), _properties(element, where), zone)


# ----- routes ------------------------------------------------------------------------------------
def _backbone(platform: Platform, elements: list[Element], zone: Zone) -> str | None:
    found = [e for e in elements if _tag(e) == "backbone"]
    if len(found) > 1 or (found and zone.star is None):
        raise InvalidScenario(
            f"{platform.source}: zone {describe(zone.name)}: one backbone goes with routing Cluster"
        )
    for element in found:
        _link(platform, element, zone)
        return element.attrib["id"]
    return None


def _host_link(platform: Platform, element: Element, zone: Zone, backbone: str | None) -> None:
    name = checked_name(element.attrib, "id", f"{platform.source}: host_link")
    where = f"{platform.source}: host_link {describe(name)}"
    if zone.star is None:
        raise InvalidScenario(f"{where}: it goes with routing Cluster")
    if name not in zone.star:
        raise unknown("host", name, zone.star, where)
    up, down = (need(element.attrib, key, where) for key in ("up", "down"))
    for link in (up, down):
        if link not in platform.links:
            raise unknown("link", link, platform.links, where)
    middle = () if backbone is None else (backbone,)
    zone.star[name] = ((up, *middle), (*middle, down))


def _in_cabinet(platform: Platform, element: Element, zone: Zone, backbone: str | None) -> None:
    add_cabinet(platform, dict(element.attrib), zone, backbone)


def _route(platform: Platform, element: Element, zone: Zone, backbone: str | None) -> None:
    src, dst = (
        checked_name(element.attrib, key, f"{platform.source}: {_tag(element)}")
        for key in ("src", "dst")
    )
    where = f"{platform.source}: {_tag(element)} {src[:80]} -> {dst[:80]}"
    if zone.star is not None or zone.routing == "none":
        raise InvalidScenario(f"{where}: routing {zone.routing.title()} takes no routes")
    between_zones = _tag(element) in ("zoneRoute", "ASroute")
    for end in (src, dst):
        if end not in zone.points:
            raise unknown("zone" if between_zones else "host or router", end, zone.points, where)
        if (end in platform.zones) != between_zones:
            raise InvalidScenario(
                f"{where}: {end!r} is {'no' if between_zones else 'a'} zone, so write "
                f"{'route' if between_zones else 'zoneRoute'}"
            )
    ways = [_way(platform, child, where) for child in element if _tag(child)]
    gateways = _gateways(platform, element, src, dst, where) if between_zones else (None, None)
    if src == dst:
        return  # loopback: messages within a node are free
    _declare(zone, src, dst, Route(tuple(w[0] for w in ways), *gateways), where)
    symmetrical = element.attrib.get("symmetrical", "YES")
    if symmetrical.upper() not in ("YES", "NO"):
        raise unknown("value of symmetrical", symmetrical, ("YES", "NO"), where)
    if symmetrical.upper() == "YES":
        back = tuple(w[1] for w in reversed(ways))
        _declare(zone, dst, src, Route(back, *gateways[::-1]), where)


def _declare(zone: Zone, src: str, dst: str, route: Route, where: str) -> None:
    if (src, dst) in zone.routes:
        raise InvalidScenario(
            f"{where}: there are two routes from {src!r} to {dst!r}; routes are symmetrical "
            "unless they say symmetrical='NO'"
        )
    zone.routes[src, dst] = route


def _way(platform: Platform, child: Element, where: str) -> tuple[str, str]:
    if _tag(child) != "link_ctn":
        raise unknown("element", _tag(child), ("link_ctn",), where)
    name = need(child.attrib, "id", f"{where}: link_ctn")
    direction = child.attrib.get("direction") or "NONE"
    if direction not in ("UP", "DOWN", "NONE"):
        raise unknown("direction", direction, ("UP", "DOWN", "NONE"), where)
    return platform.link_on_way(name, direction, where)


def _gateways(
    platform: Platform, element: Element, src: str, dst: str, where: str
) -> tuple[str, str]:
    out = []
    for key, zone in (("gw_src", src), ("gw_dst", dst)):
        name = need(element.attrib, key, where)
        inside = platform.inside.get(name)
        if name in platform.zones or inside is None or platform.zones[zone] not in inside.path():
            known = _points_of(platform, platform.zones[zone])
            raise unknown(f"point of zone {zone!r}", name, known, f"{where}: {key}")
        out.append(name)
    return out[0], out[1]


def _points_of(platform: Platform, zone: Zone) -> Iterator[str]:
    return (
        name
        for name, inside in platform.inside.items()
        if name not in platform.zones and inside is not None and zone in inside.path()
    )


_AT_ONCE: dict[str, Callable[[Platform, Element, Any], None]] = {
    "host": _host, "router": _router, "link": _link, "cluster": _cluster,
}  # fmt: skip
_LATER: dict[str, Any] = {
    "backbone": None, "host_link": _host_link, "cabinet": _in_cabinet,
    "route": _route, "zoneRoute": _route, "ASroute": _route,
}  # fmt: skip
