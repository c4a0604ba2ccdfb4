"""Routes between hosts as SimGrid finds them: locally by the zone's routing, else zone by zone.

Two hosts of one zone are joined by that zone's routing. Otherwise the innermost zone around both
says which of its zones' gateways the way passes, and the parts up to the gateways are found in the
same manner [1]_.

References
----------
.. [1] L. Bobelin et al., "Scalable multi-purpose network representation for large scale
   distributed system simulation", CCGrid 2012. doi:10.1109/CCGrid.2012.31
"""

from __future__ import annotations

import heapq
import itertools

from scenarios.importers.simgrid.model import Links, Platform, Route, Zone
from simulator.errors import InvalidScenario

SHORTEST = ("floyd", "dijkstra", "dijkstracache")
"""Routings that put declared routes together; the way with the fewest links is taken."""


class Router:
    """Finds routes in a platform."""

    def __init__(self, platform: Platform):
        self.platform = platform
        self._known: dict[tuple[str, str], Links | None] = {}
        self._trees: dict[tuple[str, str], dict[str, str]] = {}

    def find(self, src: str, dst: str) -> Links | None:
        """Links from one host or router to another; None where the platform has no way."""
        if src == dst:
            return ()
        pair = (src, dst)
        if pair not in self._known:
            self._known[pair] = self._search(src, dst)
        return self._known[pair]

    def _search(self, src: str, dst: str) -> Links | None:
        here, there = self.platform.inside[src], self.platform.inside[dst]
        assert here is not None and there is not None
        if here is there:
            route = self._local(here, src, dst)
            return None if route is None else route.links
        a, b = here.path(), there.path()
        depth = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x is not y), None)
        if depth is None:
            raise InvalidScenario(
                f"{self.platform.source}: {src!r} and {dst!r} lie in zones of which one encloses "
                "the other; SimGrid knows no route between such"
            )
        route = self._local(a[depth - 1], a[depth].name, b[depth].name)
        if route is None:
            return None
        assert route.gw_src is not None and route.gw_dst is not None
        parts = [self.find(src, route.gw_src), route.links, self.find(route.gw_dst, dst)]
        return None if any(p is None for p in parts) else tuple(x for p in parts for x in p or ())

    def _local(self, zone: Zone, src: str, dst: str) -> Route | None:
        """The route between two points of one zone."""
        if zone.star is not None:
            return Route(tuple(dict.fromkeys(zone.star[src][0] + zone.star[dst][1])))
        if zone.routing in SHORTEST:
            return self._shortest(zone, src, dst)
        return zone.routes.get((src, dst))

    def _shortest(self, zone: Zone, src: str, dst: str) -> Route | None:
        before = self._tree(zone, src)
        if dst not in before:
            return None
        steps: list[Route] = []
        at = dst
        while at != src:
            steps.append(zone.routes[before[at], at])
            at = before[at]
        steps.reverse()
        links = steps[0].links
        for last, step in itertools.pairwise(steps):
            if last.gw_dst is not None and step.gw_src is not None:  # through the zone in between
                through = self.find(last.gw_dst, step.gw_src)
                if through is None:
                    return None
                links += through
            links += step.links
        return Route(links, steps[0].gw_src, steps[-1].gw_dst)

    def _tree(self, zone: Zone, src: str) -> dict[str, str]:
        """Predecessor of every point that can be reached, fewest links first.

        Ties go as in SimGrid's Dijkstra: by the order in which routes first mention the points.
        """
        known = self._trees.get((zone.name, src))
        if known is not None:
            return known
        rank = {
            point: i for i, point in enumerate(dict.fromkeys(p for r in zone.routes for p in r))
        }
        leaving: dict[str, list[str]] = {}
        for a, b in zone.routes:
            leaving.setdefault(a, []).append(b)
        cost, before = {src: 0}, dict[str, str]()
        heap = [(0, rank.get(src, 0), src)]
        while heap:
            spent, _, here = heapq.heappop(heap)
            if spent > cost[here]:
                continue
            for there in leaving.get(here, ()):
                total = spent + len(zone.routes[here, there].links)
                if there not in cost or total < cost[there]:
                    cost[there], before[there] = total, here
                    heapq.heappush(heap, (total, rank[there], there))
        return self._trees.setdefault((zone.name, src), before)
