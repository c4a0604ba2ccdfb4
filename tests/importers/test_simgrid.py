"""SimGrid platforms: SimGrid's own routes and transfer times, hand-worked cases, round trips."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from scenarios import load, load_cluster
from scenarios.export.simgrid import losses, to_simgrid
from scenarios.importers.simgrid import load_platform
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Link, Node
from simulator.engines import simulate
from simulator.errors import AlloclabError, Unsupported
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream
from tests.importers.malformed import broken_xml, one_sentence
from tests.scenarios.test_cli import run  # noqa: F401  (a fixture)

HERE = Path(__file__).parent / "platforms"
ANSWERS = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}


DIJKSTRA = {"d0", "d1", "d2"}
"""Hosts of the zone with that routing."""


def cluster(text: str) -> Cluster:
    return load_platform(fromstring(text), "p.xml")


def zone(body: str, routing: str = "Full") -> str:
    return f'<platform version="4.1"><zone id="z" routing="{routing}">{body}</zone></platform>'


def host(*names: str) -> str:
    return "".join(f'<host id="{name}" speed="1Gf"/>' for name in names)


def way(found: Cluster, a: str, b: str) -> list[str] | None:
    route = found.routes.get((found.index(a), found.index(b)))
    return None if route is None else [found.links[i].name for i in route]


def connected(found: Cluster) -> Cluster:
    """A problem needs routes between all pairs: a link of its own for each that has none."""
    pairs = [(a, b) for a in range(len(found.nodes)) for b in range(len(found.nodes)) if a != b]
    missing = [pair for pair in pairs if pair not in found.routes]
    links = (*found.links, *(Link(f"missing-{a}-{b}", 1.0) for a, b in missing))
    extra = {pair: (len(found.links) + i,) for i, pair in enumerate(missing)}
    return replace(found, links=links, routes={**found.routes, **extra})


def transfers(found: Cluster, wanted: list, network: str = "fair") -> list[float]:
    """Seconds of messages that all start at 0: one task sends, another receives."""
    nodes = [n.name for n in found.nodes]
    tasks, edges, where = [], [], []
    for i, (a, b, size, *_) in enumerate(wanted):
        for end, node in (("s", a), ("r", b)):
            tasks.append(Task(f"{end}{i}", (Variant("v", seconds={"*": 0.0}),)))
            where.append(nodes.index(node))
        edges.append(Edge(f"s{i}", f"r{i}", bytes=float(size)))
    problem = Problem(
        cluster=connected(found),
        streams=(Stream("main", TaskGraph(tuple(tasks), tuple(edges))),),
        network=network,
        dispatch="greedy",
    )
    trace = simulate(problem, Allocation.of(problem, where), seed=0)
    return [float(x) for x in trace.log.delivered[0]]


# ----- as SimGrid itself has it ------------------------------------------------------------------
@pytest.mark.parametrize("name", ANSWERS)
def test_routes_are_those_that_simgrid_takes(name):
    """Links and latency of every ordered pair, as SimGrid 3.32's own router gave them."""
    found, answers = load_cluster(HERE / f"{name}.xml"), ANSWERS[name]
    assert {n.name: [n.peak_flops["fp32"], n.slots] for n in found.nodes} == answers["hosts"]
    assert len(found.routes) == len(answers["routes"]) > 0
    for a, b, links, latency in answers["routes"]:
        ours = way(found, a, b)
        assert ours is not None
        # SimGrid puts the links of a Dijkstra zone before all others; order means nothing to it
        order = sorted if {a, b} & DIJKSTRA else list
        assert order(re.sub(r" \(.*\)$", "", x) for x in ours) == order(links), (a, b)
        route = found.routes[found.index(a), found.index(b)]
        assert sum(found.links[i].latency_s for i in route) == pytest.approx(latency, rel=1e-12)


@pytest.mark.parametrize("name", ANSWERS)
def test_one_transfer_takes_as_long_as_in_simgrid(name):
    """Latency and the narrowest link, with SimGrid's TCP corrections off."""
    found = load_cluster(HERE / f"{name}.xml")
    for a, b, seconds in ANSWERS[name]["alone"]:
        for network in ("ideal", "fair"):
            (ours,) = transfers(found, [(a, b, 1_000_000)], network)
            assert ours == pytest.approx(seconds, rel=1e-9), (a, b, network)


@pytest.mark.parametrize("name", ANSWERS)
def test_transfers_at_once_share_as_in_simgrid(name):
    """Max-min sharing over shared, half duplex, split duplex and FATPIPE links, latencies 0."""
    text = re.sub(r'(lat(ency)?|bb_lat)="[^"]*"', r'\1="0"', (HERE / f"{name}.xml").read_text())
    found = cluster(text)
    assert ANSWERS[name]["together"]
    for case in ANSWERS[name]["together"]:
        assert transfers(found, case) == pytest.approx([row[3] for row in case], rel=1e-9)


# ----- hosts -------------------------------------------------------------------------------------
def test_a_host_becomes_a_node():
    found = cluster(
        zone(
            '<host id="a" speed="100Gf" core="8"><prop id="wattage_per_state" value="95:120:200"/>'
            '<prop id="rack" value="7"/><disk id="d" read_bw="1MBps" write_bw="1MBps"/></host>'
            '<host id="b" speed="2.5e8"/>'
        )
    )
    a, b = found.nodes
    assert (a.slots, a.speed, a.peak_flops["fp32"], a.peak_flops["bf16"]) == (8, 100.0, 1e11, 1e11)
    assert (a.idle_watts, a.busy_watts, a.labels, b.labels) == (95.0, 200.0, ("entry",), ())
    assert (b.slots, b.speed, b.peak_flops["fp32"]) == (1, 0.25, 2.5e8)
    assert found.name == "z" and found.links == () and dict(found.routes) == {}


def test_the_cluster_of_a_scenario_may_be_a_platform(tmp_path):
    (tmp_path / "p.xml").write_text((HERE / "mixed.xml").read_text())
    (tmp_path / "s.yaml").write_text(
        "alloclab: 1\ncluster: p.xml\nstreams: {s: {tasks: {a: {duration: 3 s}}}}\n"
    )
    problem = load(tmp_path / "s.yaml").problem()
    # a task of 3 s takes that on 1 Gflop/s: half on rack, twice as long on the old machines
    assert problem.seconds[0, 0, problem.node_index["r0.rack"]] == 1.5
    assert problem.seconds[0, 0, problem.node_index["o1"]] == 6.0
    assert problem.seconds[0, 0, problem.node_index["d2"]] == 6.0  # its pstate is the slow one


# ----- links that are not shared -----------------------------------------------------------------
FAT = zone(
    host("a", "b", "c")
    + '<link id="x" bandwidth="10MBps" latency="0"/><link id="y" bandwidth="6MBps" latency="0"/>'
    '<link id="z" bandwidth="{}" latency="1ms" sharing_policy="FATPIPE"/>'
    '<route src="a" dst="c"><link_ctn id="x"/><link_ctn id="z"/></route>'
    '<route src="b" dst="c"><link_ctn id="y"/><link_ctn id="z"/></route>'
)


def test_a_fatpipe_that_never_holds_up_is_one_wide_link():
    found = cluster(FAT.format("10MBps"))
    assert way(found, "a", "c") == ["x", "z"]
    assert [link.bandwidth for link in found.links] == [10e6, 6e6, 16e6]
    # both at once go as fast as their own links: 1 s and 2 s, and the latency
    assert transfers(found, [("a", "c", 10e6), ("b", "c", 12e6)]) == pytest.approx([1.001, 2.001])


def test_a_fatpipe_that_holds_up_is_one_for_each_pair():
    found = cluster(FAT.format("5MBps"))
    assert way(found, "a", "c") == ["x", "z (a->c)"] and way(found, "c", "a") == ["z (c->a)", "x"]
    assert transfers(found, [("a", "c", 10e6), ("b", "c", 10e6)]) == pytest.approx([2.001, 2.001])


# ----- round trips -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*ANSWERS])
def test_platform_to_cluster_to_platform_to_cluster(name):
    once = load_cluster(HERE / f"{name}.xml")
    twice = cluster(to_simgrid(once))
    assert twice == once and cluster(to_simgrid(twice)) == once


def test_every_built_in_cluster_comes_back_equal():
    from scenarios import cluster_names

    for name in cluster_names():
        first = load_cluster(name)
        again = cluster(to_simgrid(first))
        assert again == first, name


def test_odd_clusters_come_back_equal():
    odd = Node(
        "a <&> \"'é", kind="npu", device="12", slots=3, speed=0.1, peak_flops={"int4": 7e12},
        efficiency={"int4": {"conv": 0.3}}, memory_bytes=1.5e9, corun=(1.0, 1.7), idle_watts=3.0,
        price_per_hour=0.2, failure_domain="null", host="true", labels=("x", "entry"),
    )  # fmt: skip
    links = (Link("a->b", 1e6 / 3, 1e-7 / 3, ((0.0, 1e-3), (1e6, 4.0)), "dom"), Link("spare", 2.0))
    for first in (
        Cluster("a <&> \"'é", (odd, Node("b")), links, {(0, 1): (0,)}),
        Cluster("c", (Node("b", busy_watts=5.0, idle_watts=0.1), odd)),
        Cluster("d", (Node("b"),)),
    ):
        assert cluster(to_simgrid(first)) == first
    with pytest.raises(Unsupported, match="XML cannot hold the character"):
        to_simgrid(Cluster("c", (Node("a\x01"),)))


# ----- refusals ----------------------------------------------------------------------------------
TWO = host("a", "b") + '<link id="l" bandwidth="1MBps" latency="1us"/>'
ROUTE = '<route src="a" dst="b"><link_ctn id="l"/></route>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<platform version="3"/>', "version '3' is not read, only 4 and 4.1; simgrid_update_xml"),
        ("<platform/>", "version 'missing'"),
        ('<platform version="4.1"/>', "one zone that holds everything, got 0"),
        (zone(""), "the platform has no hosts"),
        (zone(TWO, "Vivaldi"), "zone 'z': routing Vivaldi cannot be expressed"),
        (zone(TWO, "Ful"), "unknown routing 'Ful'; did you mean 'Full'"),
        (zone(TWO + '<peer id="p"/>'), "<peer> needs Vivaldi coordinates"),
        (zone(TWO + '<trace id="t"/>'), "<trace> changes hosts or links over time"),
        (zone(TWO + '<bypassRoute src="a" dst="b"/>'), "<bypassRoute> overrides the routing"),
        (zone(TWO + '<hots id="c"/>'), "unknown element 'hots'; did you mean 'host'"),
        (zone('<host id="a" speed="1Gb"/>'), "host 'a': speed: unknown unit 'Gb' of a speed"),
        (zone('<host id="a" speed="-1Gf"/>'), "host 'a': speed: must be a finite speed > 0"),
        (zone('<host id="a"/>'), "host 'a': the attribute 'speed' is missing"),
        (zone('<host speed="1Gf"/>'), "host: the attribute 'id' is missing"),
        (zone('<host id="a" speed="1Gf" core="0"/>'), "host 'a': core: expected a whole number"),
        (zone('<host id="a" speed="1Gf" pstate="1"/>'), "pstate is 1, but speed lists 1 state(s)"),
        (zone('<host id="a" speed="1Gf" speed_file="x"/>'), "speed_file changes it over time"),
        (zone(host("a", "a")), "two hosts, routers or zones have the id 'a'"),
        (zone(host("z")), "two hosts, routers or zones have the id 'z'"),
        (zone('<link id="l" bandwidth="1MBps" sharing_policy="WIFI"/>'), "a Wi-Fi link cannot"),
        (zone('<link id="l" bandwidth="0" />'), "bandwidth: must be a finite bandwidth > 0"),
        (zone(TWO + ROUTE.replace('"l"', '"ll"')), "unknown link 'll'; did you mean 'l'"),
        (zone(TWO + ROUTE.replace('"a"', '"c"')), "unknown host or router 'c'"),
        (zone(TWO + ROUTE + ROUTE), "there are two routes from 'a' to 'b'; routes are symmetrical"),
        (zone(TWO + ROUTE.replace('"/><', '" direction="UP"/><')), "'l' is not SPLITDUPLEX"),
        (zone(TWO + '<route src="a" dst="b"/>'), "the route from 'a' to 'b' has no link"),
        (zone(TWO + ROUTE.replace("</r", '<link_ctn id="l"/></r')), "passes the link 'l' twice"),
        (zone(TWO + ROUTE, "None"), "routing None takes no routes"),
        (
            zone(TWO.replace("1us", '1us" sharing_policy="SPLITDUPLEX') + ROUTE),
            "link 'l' is SPLITDUPLEX, so link_ctn needs a direction",
        ),
        (
            zone(host("a") + '<zone id="y" routing="None"/>'),
            "zone 'z': a zone holds zones, or hosts and routers, not both",
        ),
        (
            zone('<cluster id="c" radical="0-1" speed="1Gf" bw="1MBps" lat="0" topology="TORUS"/>'),
            "cluster 'c': the topology 'TORUS' is not expanded",
        ),
        (
            zone('<cluster id="c" radical="0-9999" speed="1Gf" bw="1MBps" lat="0"/>'),
            "radical: '0-9999' makes more than 1000 hosts",
        ),
        (zone('<cluster id="c" radical="3-1" speed="1Gf" bw="1MBps" lat="0"/>'), "ends before"),
        (
            zone(
                '<zone id="x" routing="None"><host id="a" speed="1f"/></zone>'
                '<zone id="y" routing="None"><host id="b" speed="1f"/></zone>'
                '<zoneRoute src="x" dst="y" gw_src="b" gw_dst="b"/>'
            ),
            "gw_src: unknown point of zone 'x' 'b' (known: a)",
        ),
        (
            zone('<host id="a" speed="1Gf"><prop id="alloclab.memry" value="1"/></host>'),
            "unknown key 'memry'; did you mean 'memory'",
        ),
        (
            zone('<host id="a" speed="1Gf"><prop id="wattage_per_state" value="x"/></host>'),
            "expected watts like '95:200', got 'x'",
        ),
    ],
)
def test_what_cannot_be_read_is_named(text, words):
    with pytest.raises(AlloclabError) as caught:
        cluster(text)
    said = str(caught.value)
    assert said.startswith("p.xml: ") and words in said and "\n" not in said, said


def test_two_hundred_broken_platforms_give_one_sentence_each(tmp_path):
    refused = 0
    for i, raw in enumerate(broken_xml((HERE / "mixed.xml").read_text(), 200)):
        path = tmp_path / f"{i}.xml"
        path.write_bytes(raw)
        if raw.lstrip().startswith(b"<"):  # else it claims to be no XML
            refused += one_sentence(path, load_cluster)
    assert refused >= 100


def test_files_that_are_no_platform(tmp_path):
    path = tmp_path / "p.xml"
    for text, words in (
        ("<platform", "is not valid XML: "),
        ('<!DOCTYPE p [<!ENTITY a "b">]><platform version="4">&a;</platform>', "entities"),
        ("<a>" * 200 + "</a>" * 200, "the nesting is too deep"),
    ):
        path.write_text(text)
        with pytest.raises(AlloclabError) as caught:
            load_cluster(path)
        assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)


def test_what_simgrid_does_otherwise_is_named_on_top(tmp_path, run):  # noqa: F811
    plain = Cluster("c", (Node("n", peak_flops={"fp32": 1e9}),))
    assert losses(plain) == ["messages within a host take its loopback link, they are not free"]
    rich = load_cluster("hetero-lab")
    assert any(x.startswith("a host has one speed: that of fp32") for x in losses(rich))
    path = tmp_path / "platform.xml"
    code, _, _ = run("convert", "translation", "--cluster", "hetero-lab", "-o", path)
    assert code == 0 and load_cluster(path) == rich
    for sentence in losses(rich):
        assert f"\n  {sentence}\n" in path.read_text()
    code, _, err = run("compare", path)
    assert code == 2 and "describes a cluster; give it with --cluster" in err
    code, said, _ = run("show", path, "--json")
    assert code == 0 and json.loads(said)["kind"] == "cluster"
    code, said, _ = run("compare", "translation", "-c", path, "-s", "heft", "--requests", "5")
    assert code == 0 and "on hetero-lab" in said
