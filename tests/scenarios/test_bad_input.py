"""Whatever is wrong with a file is said in one clear sentence that names the file and the field."""

# ruff: noqa: E501 (the cases are a table)

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from scenarios.messages import LONGEST
from simulator.errors import AlloclabError

GOOD = """\
alloclab: 1
cluster:
  nodes: {a: {}, b: {device: l4}}
  links: {a <-> b: {bandwidth: 1 MB/s}}
streams:
  s:
    arrivals: {poisson: 3/s, requests: 5}
    sizes: {tokens: {lognormal: {median: 24, sigma: 0.5}}}
    deadline: 250 ms
    tasks:
      first: {duration: 40 ms, output: 2 kB, scale_with: tokens}
      then: {variants: [encoder-small]}
      last: {duration: {a: 10 ms, any: {1: 30 ms, 8: 90 ms}}, join: {need: 1}}
    edges: {x: first -> then, y: {from: then, to: last, lag: 1}, z: first -> last}
network: fair
objective: p99_latency
"""

CASES: dict[str, tuple[str, str, str]] = {
    # name: (what to replace in GOOD, by what, what the sentence must say)
    "unknown key": ("deadline: 250", "deadlin: 250", "streams.s: unknown key 'deadlin'; did you mean 'deadline'?"),
    "unknown key at the top": ("network: fair", "net: fair", "unknown key 'net'"),
    "unknown unit": ("250 ms", "250 msec", "streams.s.deadline: unknown unit 'msec' for a time; did you mean 'ms'?"),
    "wrong quantity": ("250 ms", "25 Gbit/s", "streams.s.deadline: unknown unit 'Gbit/s' for a time"),
    "negative time": ("250 ms", "-1 s", "streams.s.deadline: a time must be a number >= 0, got '-1 s'"),
    "NaN": ("250 ms", ".nan", "streams.s.deadline: a time must be a number >= 0"),
    "infinite weight": ("p99_latency", "{makespan: .inf}", "objective: makespan: the weight must be"),
    "zero deadline": ("250 ms", "0 s", "streams.s: deadline must be > 0"),
    "truth for a number": ("250 ms", "true", "streams.s.deadline: expected a time like '40 ms', got True"),
    "list for a number": ("250 ms", "[1]", "streams.s.deadline: expected a time like '40 ms', got [1]"),
    "zero bandwidth": ("bandwidth: 1 MB/s", "bandwidth: 0", "cluster: link 'a->b': bandwidth must be > 0"),
    "infinite bandwidth": ("bandwidth: 1 MB/s", "bandwidth: inf", "bandwidth must be finite"),
    "missing bandwidth": ("{bandwidth: 1 MB/s}", "{}", "cluster.links.a <-> b: the key 'bandwidth' is missing"),
    "unknown node": ("a <-> b", "a <-> c", "cluster.links.a <-> c: unknown node or switch 'c'"),
    "no arrow": ("a <-> b", "a b", "expected 'a <-> b', 'a -- b' or 'a -> b', got 'a b'"),
    "unknown device": ("device: l4", "device: l5", "cluster.nodes.b: unknown device 'l5'; did you mean 'l4'?"),
    "nodes not joined": ("  links: {a <-> b: {bandwidth: 1 MB/s}}\n", "", "cluster: nothing connects the nodes: give links, star or mesh"),
    "one way only": ("a <-> b", "a -> b", "cluster 'bad': the network is disconnected, no route leads from 'b' to 'a'"),
    "no nodes": ("{a: {}, b: {device: l4}}", "{}", "cluster.nodes: expected at least one entry"),
    "node of a text": ("{a: {}, b:", "{a: cpu, b:", "cluster.nodes.a: expected a mapping with keys such as device, got 'cpu'"),
    "zero speed": ("a: {}", "a: {speed: 0}", "cluster.nodes.a: speed must be > 0, got 0.0"),
    "half a slot": ("a: {}", "a: {slots: 1.5}", "cluster.nodes.a.slots: expected a whole number, got 1.5"),
    "no slot": ("a: {}", "a: {slots: 0}", "cluster.nodes.a.slots: expected a value of at least 1, got 0"),
    "co-run of zero": ("a: {}", "a: {co_run: [1, 0]}", "co-run factors must be > 0"),
    "efficiency above one": ("a: {}", "a: {efficiency: {fp32: {matmul: 1.5}}}", "cluster.nodes.a.efficiency.fp32.matmul: expected a value of at most 1"),
    "unknown cluster": ("cluster:\n  nodes: {a: {}, b: {device: l4}}\n  links: {a <-> b: {bandwidth: 1 MB/s}}", "cluster: edge-clud", "cluster: unknown cluster 'edge-clud'; did you mean 'edge-cloud'?"),
    "no cluster": ("cluster:\n  nodes: {a: {}, b: {device: l4}}\n  links: {a <-> b: {bandwidth: 1 MB/s}}", "description: none", "the key 'cluster' is missing"),
    "unknown model": ("[encoder-small]", "[encoder-smal]", "streams.s.tasks.then.variants[0]: unknown model 'encoder-smal'; did you mean 'encoder-small'?"),
    "unknown dtype": ("[encoder-small]", "[encoder-small@fp8]", "unknown dtype 'fp8'; did you mean"),
    "variant twice": ("[encoder-small]", "[encoder-small, encoder-small]", "tasks.then: a variant name is used twice"),
    "no variants": ("[encoder-small]", "[]", "tasks.then: there are no variants"),
    "no model at all": ("{variants: [encoder-small]}", "{}", "tasks.then: give one of variants, model, duration and work"),
    "two ways at once": ("{variants: [encoder-small]}", "{variants: [encoder-small], output: 3}", "tasks.then: output belongs inside the variants, not beside them"),
    "duration and work": ("{duration: 40 ms, output: 2 kB,", "{duration: 40 ms, work: {flops: 3},", "give either duration or work, not both"),
    "batch sizes as places": ("{a: 10 ms, any: {1: 30 ms, 8: 90 ms}}", "{1: 30 ms, 8: 90 ms}", "duration: '1' is no place; batch sizes stand inside one: any: {1: ...}"),
    "batch size of zero": ("{1: 30 ms, 8: 90 ms}", "{0: 30 ms}", "duration.any: a batch table has batch sizes 1, 2, ... as keys, got '0'"),
    "bad entry of a batch table": ("8: 90 ms", "8: fast", "duration.any: batch 8: expected a time like '40 ms', got 'fast'"),
    "fits no node": ("[encoder-small]}", "[encoder-small], allowed: [npu]}", "task 'then' fits no node: it is allowed on ['npu']"),
    "unknown pin": ("[encoder-small]}", "[encoder-small], near: c}", "pin of 'then': unknown node 'c'"),
    "too big for memory": ("device: l4", "device: l4, memory: 1 MB", "needs 2.2"),
    "unknown size": ("scale_with: tokens", "scale_with: token", "unknown size 'token'; did you mean 'tokens'?"),
    "two distributions": ("{lognormal: {median: 24, sigma: 0.5}}", "{lognormal: {median: 24, sigma: 0.5}, gamma: {mean: 1, cv: 1}}", "sizes.tokens: give one distribution, got lognormal and gamma"),
    "no distribution": ("{lognormal: {median: 24, sigma: 0.5}}", "{nominal: 3}", "sizes.tokens: give one distribution, got none"),
    "half a distribution": ("{median: 24, sigma: 0.5}", "{median: 24}", "sizes.tokens.lognormal: the key 'sigma' is missing"),
    "unknown distribution": ("{lognormal: {median: 24, sigma: 0.5}}", "{normal: {mean: 1}}", "sizes.tokens: unknown key 'normal'; did you mean 'lognormal'?"),
    "two kinds of arrivals": ("{poisson: 3/s,", "{poisson: 3/s, constant: 1 Hz,", "arrivals: give one of constant, poisson, trace and clients"),
    "rate of zero": ("3/s", "0/s", "streams.s.arrivals: rate must be > 0"),
    "arrivals in words": ("{poisson: 3/s, requests: 5}", "often", "arrivals: expected once, a rate such as '30 Hz', or a mapping, got 'often'"),
    "no requests": ("requests: 5", "requests: 0", "arrivals.requests: expected a value of at least 1, got 0"),
    "too many requests": ("requests: 5", "duration: 300 d", "requests are too many"),
    "both lengths": ("requests: 5", "requests: 5, duration: 1 s", "give either requests or duration, not both"),
    "column without trace": ("requests: 5", "column: time", "column goes with trace"),
    "unknown task": ("first -> then", "first -> them", "edges.x: unknown task 'them'; did you mean 'then'?"),
    "chain with a name": ("first -> then", "first -> then -> last", "edges.x: expected 'task -> task'"),
    "no edge": ("first -> then", "first", "edges.x: expected 'task -> task', got 'first'"),
    "half an edge": ("{from: then, to: last, lag: 1}", "{from: then}", "edges.y: the key 'to' is missing"),
    "negative lag": ("lag: 1", "lag: -1", "edges.y.lag: expected a value of at least 0, got -1"),
    "probability above one": ("lag: 1", "probability: 110 %", "edges.y.probability: expected a value of at most 1, got '110 %'"),
    "cycle": ("first -> then", "last -> first", "the edges form a cycle whose lags sum to 0"),
    "join of too many": ("need: 1", "need: 3", "join needs 3 of only 2 inputs"),
    "unknown late": ("need: 1", "late: cancl", "join.late: unknown value 'cancl'; did you mean 'cancel'? (known: keep, cancel)"),
    "group of one": ("    deadline:", "    place_with: [[first]]\n    deadline:", "place_with needs at least two different tasks, got [first]"),
    "group of strangers": ("    deadline:", "    apart: [[first, thn]]\n    deadline:", "placement group: unknown task 'thn'; did you mean 'then'?"),
    "unknown network": ("network: fair", "network: fare", "network: unknown value 'fare'; did you mean 'fair'? (known: ideal, fifo, fair)"),
    "unknown objective": ("objective: p99_latency", "objective: p99", "objective: unknown objective 'p99'; did you mean 'p99_latency'?"),
    "weight of zero": ("objective: p99_latency", "objective: {p99_latency: 0}", "the weight must be > 0"),
    "strict with edf": ("network: fair", "dispatch: strict\ndiscipline: edf", "cannot be combined with edf"),
    "outage of nothing": ("network: fair", "dynamics: {outages: [{node: c, from: 1 s}]}", "dynamics.outages[0]: unknown node 'c'"),
    "outage backwards": ("network: fair", "dynamics: {outages: [{node: a, from: 2 s, to: 1 s}]}", "outages[0]: outage of 'a': the interval [2, 1) is empty"),
    "degraded under ideal": ("network: fair", "dynamics: {degradations: [{link: a -> b, from: 0, factor: 50 %}]}", "under the ideal network no link can be degraded"),
    "unknown link": ("network: fair", "dynamics: {degradations: [{link: a -- b, from: 0, factor: 0}]}", "degradations[0]: unknown link 'a--b'"),
    "no version": ("alloclab: 1\n", "", "the key 'alloclab' is missing; a scenario file must say 'alloclab: 1'"),
    "misspelt version": ("alloclab: 1", "aloclab: 1", "did you mean it by 'aloclab'?"),
    "version of tomorrow": ("alloclab: 1", "alloclab: 2", "format version 2 is not known, this alloclab reads version 1"),
    "extends nothing": ("alloclab: 1", "alloclab: 1\nextends: transaltion", "extends: unknown scenario 'transaltion'; did you mean 'translation'?"),
    "extends a list": ("alloclab: 1", "alloclab: 1\nextends: [a]", "extends: expected a name or a file, got ['a']"),
    "a name too long": ("  s:\n", f"  {'s' * 200}:\n", "a name has 1 to 120 characters"),
    "a name with an arrow": ("first: {", "a->b: {", "a name has 1 to 120 characters, no line break and no '->'"),
    "tag": ("network: fair", "network: !!python/object/apply:os.system [ls]", "tags such as 'tag:yaml.org,2002:python/object/apply:os.system' are not allowed"),
    "key twice": ("network: fair", "network: fair\nnetwork: fifo", "line 16: the key 'network' stands twice in one mapping"),
    "merge key": ("network: fair", "<<: {network: fair}", "merge keys (<<) are not read"),
    "deep": ("network: fair", f"facts: {'[' * 100}", "values are nested more than 40 levels deep"),
    "alias in itself": ("network: fair", "facts: &f {a: *f}", "the alias *f stands inside its own anchor"),
    "two documents": ("network: fair", "---\nnetwork: fair", "a second document begins here"),
    "generator and tasks": ("    deadline:", "    generate: {family: fft}\n    deadline:", "give either tasks or generate, not both"),
}  # fmt: skip


def sentence_of(act: Callable[[], object]) -> str:
    with pytest.raises(AlloclabError) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text and len(text) <= LONGEST, text
    assert caught.value.exit_code == 2
    return text


def lower(path: Path) -> object:
    return scenarios.load(path).problem()


def test_the_file_that_is_spoilt_below_is_good(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    lower(path)


@pytest.mark.parametrize("name", CASES)
def test_one_sentence(name: str, tmp_path: Path) -> None:
    old, new, said = CASES[name]
    assert old in GOOD
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    text = sentence_of(lambda: lower(path))
    assert said in text
    assert text.startswith(str(path))


def test_a_nominal_size_that_the_model_was_not_measured_at(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        GOOD.replace("sigma: 0.5}}", "sigma: 0.5}, nominal: 30}").replace(
            "[encoder-small]}", "[encoder-small], scale_with: tokens}"
        )
    )
    text = sentence_of(lambda: lower(path))
    assert "nominal is 30, but model 'encoder-small' was measured at 24" in text


# ----- files that are no files of ours -----------------------------------------------------------
BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
FILES: dict[str, tuple[bytes, str]] = {
    "truncated.yaml": (GOOD[:130].encode(), "this is not YAML: line 8"),
    "latin-1.yaml": (b"alloclab: 1\nname: caf\xe9\n", "is not UTF-8 text"),
    "binary.yaml": (bytes(range(256)) * 10, "is not UTF-8 text"),
    "nul.yaml": (b"alloclab: 1\0", "control characters are not allowed"),
    "empty.yaml": (b"", "the file is empty"),
    "comment.yaml": (b"# nothing\n", "the file is empty"),
    "word.yaml": (b"hello", "expected a scenario that begins with 'alloclab: 1', got 'hello'"),
    "list.yaml": (b"- 1\n", "expected a scenario that begins with 'alloclab: 1', got [1]"),
    "bomb.yaml": (BOMB.encode(), "there are more than 2,000,000 values, aliases expanded"),
    "line.yaml": (b"alloclab: 1\nname: " + b"x" * 20_000_000, "19.1 MiB is too large"),
    "line.json": (b'{"alloclab": 1, "name": "' + b"x" * 10_000_000 + b'"}', "a name has 1 to 120"),
    "flow.yaml": (b"[" * 100_000, "nested more than 40 levels deep"),
    "flow.json": (b"[" * 100_000, ""),
    "half.json": (b'{"alloclab": 1, "streams"', "is not valid JSON"),
    "nan.json": (b'{"alloclab": 1, "plan_draws": NaN}', "NaN is not a JSON number"),
    "twice.json": (b'{"alloclab": 1, "alloclab": 1}', "the key 'alloclab' occurs twice"),
    "other.json": (b'{"a": 1}', "or be of one of the formats task-graph-instance, wfcommons"),
    "anchors.yaml": (b"alloclab: *one", "the alias *one has no anchor"),
    "tabs.yaml": (b"alloclab:\n\t1", "this is not YAML: line 2, column 1"),
    "digits.yaml": (b"alloclab: " + b"9" * 5000, "format version '9999"),
    "cluster.yaml": (b"alloclab: 1\nnodes: {a: {}}", "this is a cluster file (nodes:)"),
}


@pytest.mark.parametrize("name", FILES)
def test_other_files(name: str, tmp_path: Path) -> None:
    content, said = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    text = sentence_of(lambda: lower(path))
    assert said in text and text.startswith(str(path))


def test_a_scenario_is_no_cluster(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("alloclab: 1\nstreams: {}\n")
    assert "this is a scenario file (streams:)" in sentence_of(lambda: scenarios.load_cluster(path))


@pytest.mark.parametrize("name", ["missing.yaml", "missing.json", "no/such/file.yaml", "a\0b.yaml",
                                  "a\0b", "x" * 5000, "x" * 5000 + ".yaml", "", ".", "/", "\ud800"])  # fmt: skip
@pytest.mark.parametrize("load", [scenarios.load, scenarios.load_cluster])
def test_files_that_are_not_there(name: str, load: Callable[[str], object]) -> None:
    sentence_of(lambda: load(name))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    assert "it is a folder" in sentence_of(lambda: scenarios.load(tmp_path / "x.yaml"))


def test_extends_in_a_circle(tmp_path: Path) -> None:
    for a, b in (("one", "two"), ("two", "three"), ("three", "one")):
        (tmp_path / f"{a}.yaml").write_text(f"alloclab: 1\nextends: ./{b}.yaml\n")
    text = sentence_of(lambda: scenarios.load(tmp_path / "one.yaml"))
    assert "extends goes in a circle" in text


def test_extends_too_deep(tmp_path: Path) -> None:
    for i in range(20):
        (tmp_path / f"{i}.yaml").write_text(f"alloclab: 1\nextends: {i + 1}.yaml\n")
    assert "more than 16 files deep" in sentence_of(lambda: scenarios.load(tmp_path / "0.yaml"))


TRACES: dict[str, tuple[str, str]] = {
    "missing.txt": ("", "trace: "),
    "words.txt": ("soon\nlater\n", "words.txt: line 1: expected a time like '40 ms', got 'soon'"),
    "backwards.txt": ("2\n1\n", "times of a trace must be finite, >= 0 and ascending"),
    "empty.txt": ("\n", "the trace has no times"),
    "plain.csv": ("when,size\n1,2\n", "say which column holds the times: when, size"),
    "zones.txt": (
        "2023-01-01 10:00:00\n2023-01-01 10:00:01+00:00\n",
        "some dates have a time zone",
    ),
}


@pytest.mark.parametrize("name", TRACES)
def test_arrival_traces(name: str, tmp_path: Path) -> None:
    content, said = TRACES[name]
    if content:
        (tmp_path / name).write_text(content)
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("{poisson: 3/s, requests: 5}", f"{{trace: {name}}}"))
    text = sentence_of(lambda: lower(path))
    assert "streams.s.arrivals.trace: " in text and said in text


def test_an_unknown_column_of_a_trace(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("when,size\n1,2\n")
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("{poisson: 3/s, requests: 5}", "{trace: t.csv, column: wen}"))
    assert "unknown column 'wen'; did you mean 'when'?" in sentence_of(lambda: lower(path))


def test_json_is_read_like_yaml(tmp_path: Path) -> None:
    from scenarios.yamlsafe import parse_yaml

    path = tmp_path / "good.json"
    path.write_text(json.dumps(parse_yaml(GOOD)))
    (tmp_path / "good.yaml").write_text(GOOD)
    one, two = scenarios.load(path), scenarios.load(tmp_path / "good.yaml")
    assert one.streams == two.streams and one.cluster == two.cluster
