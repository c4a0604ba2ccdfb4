"""STG, DOT, DAX and GraphML files written by hand, and 200 broken ones of every format."""

from __future__ import annotations

import pytest

import scenarios
from scenarios.importers import sniff_and_load
from scenarios.importers.texts import text_importer
from scenarios.importers.xml import root_name
from simulator.errors import AlloclabError, InvalidScenario
from tests.importers.malformed import broken_json, broken_text, broken_xml, one_sentence
from tests.scenarios.foreign import FILES

STG = """          3
          0          0          0
          1         20          1          0
          2          5          1          0
          3          1          2          1          2
          4          0          1          3
# Standard Task Graph Set Project
"""
DOT = """// a comment
digraph "g" {
  node [duration="1 s"];
  a [seconds=0.5]; "b &quot;x&quot;" [weight=3];
  subgraph cluster_one { c }
  a -> "b &quot;x&quot;" -> c:port [size="2 MB"];
  a -> c [bytes=7]; a -> c
}
"""
DAX = """<?xml version="1.0" encoding="UTF-8"?>
<!-- by hand -->
<adag xmlns="http://pegasus.isi.edu/schema/DAX" version="2.1" name="three">
 <job id="ID1" name="split" runtime="4"><uses file="in" link="input" size="100"/>
  <uses file="part" link="output" size="30"/></job>
 <job id="ID2" name="work" runtime="2.5"><uses file="part" link="input" size="30"/></job>
 <job id="ID3" name="work" runtime="0"/>
 <child ref="ID3"><parent ref="ID2"/></child>
</adag>
"""
GRAPHML = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
 <key id="d0" for="node" attr.name="seconds" attr.type="double"/>
 <key id="d1" for="edge" attr.name="bytes" attr.type="double"/>
 <graph edgedefault="directed">
  <node id="a"><data key="d0">2</data></node><node id="b"><data key="d0">3</data></node>
  <edge source="a" target="b"><data key="d1">10</data></edge>
 </graph></graphml>
"""
TEXTS = {"stg": STG, "dot": DOT, "dax": DAX, "graphml": GRAPHML}
SCENARIO = """alloclab: 1
cluster: edge-cloud
streams:
  s:
    tasks: {a: {duration: 2 ms}, b: {duration: 3 ms}}
    edges: [{from: a, to: b, bytes: 1 MB}]
"""
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


def read(text: str, path):
    path.write_text(text)
    return sniff_and_load(path)


def shape(scenario):
    graph = scenario.streams[0].graph
    seconds = {t.name: next(iter(t.variants[0].seconds.values())) for t in graph.tasks}
    return seconds, sorted((e.src, e.dst, e.bytes) for e in graph.edges)


# ----- what the files mean -----------------------------------------------------------------------
def test_stg_has_times_and_predecessors_without_its_dummies(tmp_path):
    seconds, edges = shape(read(STG, tmp_path / "any.txt"))
    assert seconds == {"t1": 20, "t2": 5, "t3": 1}
    assert edges == [("t1", "t3", 0), ("t2", "t3", 0)]


def test_dot_takes_attributes_defaults_units_and_subgraphs(tmp_path):
    seconds, edges = shape(read(DOT, tmp_path / "any.txt"))
    assert seconds == {"a": 0.5, 'b "x"': 1, "c": 1}  # duration goes before weight
    assert edges == [("a", 'b "x"', 2e6), ("a", "c", 0), ("a", "c", 7), ('b "x"', "c", 2e6)]


def test_dax_files_become_bytes_and_a_store(tmp_path):
    seconds, edges = shape(read(DAX, tmp_path / "any.txt"))
    assert seconds == {"stage-in": 0, "ID1": 4, "ID2": 2.5, "ID3": 0}
    assert edges == [("ID1", "ID2", 30), ("ID2", "ID3", 0), ("stage-in", "ID1", 100)]


def test_graphml_is_read_with_any_cluster(tmp_path):
    scenario = read(GRAPHML, tmp_path / "any.txt")
    assert shape(scenario) == ({"a": 2, "b": 3}, [("a", "b", 10)])
    assert scenario.on(scenarios.load_cluster("edge-cloud")).problem().n_tasks == 2


def test_no_text_is_of_two_formats(tmp_path):
    from importlib import import_module

    from scenarios.importers.texts import TEXTS as FOUND

    for text in (*TEXTS.values(), SCENARIO, "<platform version='4.1'/>", "3\n"):
        hits = [name for name, (m, _) in FOUND.items() if import_module(m).sniff(text)]
        assert hits == [name for name, known in TEXTS.items() if known == text]
    assert text_importer(SCENARIO, "x.yaml") is None
    texts = (DAX, GRAPHML, "<p:platform/>", "<!-- <adag> --><svg>", "<!-- ", '{"a": "<adag>"}')
    assert [root_name(x) for x in texts] == ["adag", "graphml", "platform", "svg", "", ""]


# ----- refusals ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("form", "old", "new", "said"),
    [
        ("stg", "        20  ", "        -2  ", "line 3: processing time must be"),
        ("stg", "        20  ", "       nan  ", "got 'nan'"),
        ("stg", "          1          2\n", "          1\n", "2 predecessors are announced, 1"),
        ("stg", "          2          1          2\n",
         "          2          1  9  2  9\n", "communication costs is not read"),
        ("stg", "          1         20          1          0",
         "          1         20          1          3", "cycle"),
        ("stg", "          3\n", "          7\n", "7 tasks and 2 dummy tasks are announced"),
        ("dot", "digraph", "graph", "must be directed"),
        ("dot", "seconds=0.5", "seconds=soon", "node 'a': seconds"),
        ("dot", "bytes=7", "bytes=-7", "edge 'a' -> 'c': bytes"),
        ("dot", 'node [duration="1 s"];', "", "node 'c': there is no duration"),
        ("dot", "a -> c\n", "c -> a\n", "cycle"),
        ("dax", 'runtime="2.5"', "", "job 'ID2': the attribute 'runtime' is missing"),
        ("dax", 'runtime="2.5"', 'runtime="inf"', "job 'ID2': runtime must be a finite"),
        ("dax", 'size="100"', 'size="-1"', "size of 'in' must be"),
        ("dax", 'id="ID2"', 'id="ID1"', "two jobs have the id 'ID1'"),
        ("dax", '<parent ref="ID2"/>', '<parent ref="ID9"/>', "unknown job 'ID9'"),
        ("dax", "<!-- by hand -->", BOMB, "entities"),
        ("graphml", "<graphml", BOMB + "<graphml", "entities"),
        ("graphml", ">2</data>", ">NaN</data>", "node 'a': seconds"),
        ("graphml", '"directed"', '"undirected"', "must be directed"),
    ],
)  # fmt: skip
def test_broken_places_are_named(form, old, new, said, tmp_path):
    assert old in TEXTS[form]
    path = tmp_path / f"x.{form}"
    with pytest.raises(AlloclabError) as caught:
        scenario = read(TEXTS[form].replace(old, new, 1), path)
        scenario.problem()
    text = str(caught.value)
    assert text.startswith(str(path)) and said in text and "\n" not in text, text


def pieces(form: str):
    if form in FILES:
        return broken_json(FILES[form](), 200)
    if form in ("dax", "graphml"):
        return broken_xml(TEXTS[form], 200)
    return broken_text(SCENARIO if form == "yaml" else TEXTS[form], 200)


WHOLE = [
    b"", b"\0" * 300, bytes(range(256)), "é".encode("utf-16"), b"<" * 5000, b"{" * 5000,
    b"[" * 100_000, b"<a>" * 5000, b"digraph {" * 3000, b"3\n" * 5, b"9" * 400 + b"\n0 0 0\n",
    (BOMB + "<adag>&b;</adag>").encode(), b"digraph { a [seconds=1]; a -> a }",
]  # fmt: skip


@pytest.mark.parametrize("form", [*TEXTS, *FILES, "yaml"])
def test_two_hundred_broken_files_of_every_format(form, tmp_path):
    ending = "json" if form in FILES else form
    path = tmp_path / f"broken.{ending}"
    refused = 0
    for raw in [*pieces(form), *WHOLE]:
        path.write_bytes(raw)
        refused += one_sentence(path, lambda p: scenarios.load(p).problem())
    assert refused >= 60  # the others are other files, but whole ones


@pytest.mark.parametrize("closed", [True, False])
def test_nested_subgraphs_do_not_double_the_work(closed, tmp_path):
    """Without memory the parser takes hours for these; see `scenarios.importers.dot`."""
    text = "digraph " + "{ a [seconds=1]; " * 20 + "}" * (20 * closed)
    if closed:
        assert shape(read(text, tmp_path / "x.dot")) == ({"a": 1}, [])
    else:
        with pytest.raises(InvalidScenario, match="is not valid DOT"):
            read(text, tmp_path / "x.dot")


def test_an_arrow_between_subgraphs_is_all_pairs_up_to_a_limit(tmp_path, monkeypatch):
    text = "digraph { node [seconds=1]; {a b} -> {c d} }"
    _, edges = shape(read(text, tmp_path / "x.dot"))
    assert [edge[:2] for edge in edges] == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]
    monkeypatch.setattr("scenarios.importers.dot.MOST_EDGES", 3)
    with pytest.raises(InvalidScenario, match=r"x\.dot: there are more than 3 edges"):
        read(text, tmp_path / "x.dot")


def test_scenarios_of_other_xml_are_refused(tmp_path):
    path = tmp_path / "x.xml"
    with pytest.raises(AlloclabError, match=r"unknown XML root element 'svg'.*adag"):
        read("<svg/>", path)
