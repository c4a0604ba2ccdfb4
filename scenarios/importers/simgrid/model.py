"""A SimGrid platform as it was read: zones, the points in them, links and declared routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scenarios.importers.fields import LONGEST_NAME, describe
from simulator.cluster import Node
from simulator.errors import InvalidScenario, unknown

SHARED, FATPIPE = "SHARED", "FATPIPE"


@dataclass(frozen=True)
class PlatformLink:
    """A link that messages pass, in one direction or in both.

    Parameters
    ----------
    bandwidth : float, bytes/s
    latency_s : float
    policy : {"SHARED", "FATPIPE"}
        Whether messages share its bandwidth, or each gets all of it.
    size_table, failure_domain
        As `simulator.Link` has them, from a file that alloclab wrote.
    """

    bandwidth: float
    latency_s: float
    policy: str = SHARED
    size_table: tuple[tuple[float, float], ...] = ()
    failure_domain: str | None = None


Links = tuple[str, ...]
"""Names of links on the way."""


@dataclass(frozen=True)
class Route:
    """A declared route between two points of one zone.

    Parameters
    ----------
    links : names of links on the way
    gw_src, gw_dst : str or None
        Between zones: the point at which the way leaves the one, and that at which it enters the
        other.
    """

    links: Links
    gw_src: str | None = None
    gw_dst: str | None = None


@dataclass
class Zone:
    """A zone: its points are hosts and routers, or other zones.

    Parameters
    ----------
    name, routing : str
    parent : Zone or None
    points : list of str, in file order
    routes : mapping of (from, to) to Route
    star : mapping of point to (links up, links down), or None
        Routing ``Cluster``: every point has its own way to the centre and back.
    """

    name: str
    routing: str
    parent: Zone | None
    points: list[str] = field(default_factory=list)
    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    star: dict[str, tuple[Links, Links]] | None = None

    def path(self) -> list[Zone]:
        """The zone and all that enclose it, from the outermost on."""
        above: list[Zone] = []
        zone: Zone | None = self
        while zone is not None:
            above.append(zone)
            zone = zone.parent
        return above[::-1]


@dataclass
class Platform:
    """All that a platform file says.

    Parameters
    ----------
    source : str
        File name, for messages.
    name : str
    hosts : mapping of host to its node, in file order
    zones : mapping of zone to Zone
    inside : mapping of point (host, router or zone) to the zone it lies in; None for the outermost
    links : mapping of name to PlatformLink
    split : mapping of a SPLITDUPLEX link to its two links, up and down
    labelled : bool
        Whether some host gives labels.
    """

    source: str
    name: str = ""
    hosts: dict[str, Node] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)
    inside: dict[str, Zone | None] = field(default_factory=dict)
    links: dict[str, PlatformLink] = field(default_factory=dict)
    split: dict[str, tuple[str, str]] = field(default_factory=dict)
    labelled: bool = False

    def add_point(self, name: str, zone: Zone | None) -> None:
        """Put a host, router or zone into a zone; SimGrid has one space of names for all three.

        Raises
        ------
        InvalidScenario
        """
        if name in self.inside:
            raise InvalidScenario(
                f"{self.source}: two hosts, routers or zones have the id {describe(name)}"
            )
        self.inside[name] = zone
        if zone is not None:
            zone.points.append(name)
            if zone.star is not None:
                zone.star[name] = ((), ())

    def add_link(self, name: str, link: PlatformLink, split: bool = False) -> None:
        """Add a link, or the two of a SPLITDUPLEX link.

        Raises
        ------
        InvalidScenario
        """
        ways = (f"{name}_UP", f"{name}_DOWN") if split else (name,)
        for way in (name, *ways):
            if way in self.links or way in self.split:
                raise InvalidScenario(f"{self.source}: two links have the id {describe(way)}")
        if split:
            self.split[name] = (f"{name}_UP", f"{name}_DOWN")
        for way in ways:
            self.links[way] = link

    def link_on_way(self, name: str, direction: str, where: str) -> tuple[str, str]:
        """The link that ``link_ctn`` means, and the one on the way back.

        Raises
        ------
        InvalidScenario, UnknownName
        """
        if name in self.split:
            up, down = self.split[name]
            if direction == "NONE":
                raise InvalidScenario(
                    f"{where}: link {describe(name)} is SPLITDUPLEX, so link_ctn needs a "
                    "direction, UP or DOWN"
                )
            return (up, down) if direction == "UP" else (down, up)
        if name not in self.links:
            raise unknown("link", name, [*self.links, *self.split], where)
        if direction != "NONE":
            raise InvalidScenario(
                f"{where}: link {describe(name)} is not SPLITDUPLEX, so link_ctn takes no direction"
            )
        return name, name


def checked_name(attributes: Mapping[str, str], key: str, where: str) -> str:
    """An attribute that must be there and not empty.

    Raises
    ------
    InvalidScenario
    """
    if key not in attributes:
        raise InvalidScenario(f"{where}: the attribute {key!r} is missing")
    value = attributes[key]
    if not value or len(value) > LONGEST_NAME or not value.isprintable():
        raise InvalidScenario(
            f"{where}: {key} must be a printable text of 1 to {LONGEST_NAME} characters, "
            f"got {describe(value)}"
        )
    return value
