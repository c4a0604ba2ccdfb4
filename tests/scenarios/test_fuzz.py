"""Spoilt files either load and lower to a problem, or are refused in one sentence; nothing hangs.

A thousand files are spoilt in three ways: bytes of the text, values of the tree, and the tree's
shape. Every case has its number, so that a failure can be had again.
"""

from __future__ import annotations

import copy
import json
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

import scenarios
from scenarios.init import TEMPLATE
from scenarios.layers import FOLDERS
from scenarios.messages import LONGEST
from scenarios.yamlsafe import parse_yaml
from simulator.errors import AlloclabError
from tests.scenarios.foreign import FILES
from tests.scenarios.test_bad_input import GOOD

CASES = 1000
CHUNKS = 8
PATIENCE = 20
"""Spoilt files in all; in how many tests; seconds after which one counts as a hang."""

CATALOGUE = [(FOLDERS["scenario"] / f"{name}.yaml").read_text() for name in scenarios.names()]
CLUSTERS = [(FOLDERS["cluster"] / f"{name}.yaml").read_text() for name in scenarios.cluster_names()]
IMPORTS = [json.dumps(make()) for make in FILES.values()]
EXTENDING = """\
alloclab: 1
extends: translation
cluster: {extends: edge-cloud, nodes: {edge: {count: 3}}}
streams: {sentences: {arrivals: 5 Hz, tasks: {extract: {variants: [features-small]}}}}
dynamics:
  outages: [{node: edge, from: 1 s, to: 2 s}]
  slowdowns: [{node: gateway, from: 0, factor: 2}]
"""
GENERATED = """\
alloclab: 1
streams: {s: {arrivals: {clients: 2, think: 1 s}, generate: {family: layered, tasks: 12, ccr: 2}}}
"""
NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 2, 1.5, 1e308, -1e308, 1e-320, float("inf"), float("nan"),
    2**63, 10**30, "", " ", "a" * 1000, "nan", "inf", "-inf", "1e999 s", "-5 s", "3 parsecs",
    "5 %", "1e400", "a -> b", "->", "a -> a", "any", "*", "none", "entry", "cpu", "once",
    "edge-cloud", "translation", "/dev/zero", "/dev/stdin", ".", "..", "~", "../x.yaml",
    "\u00e9\U0001f600", "a\nb", "a\tb", "\u2028", "encoder-small@fp16", "encoder-small@", "@",
    [], {}, [[]], [None], {"": ""}, [[[[[[1]]]]]], {"model": "encoder-small"},
    {"extends": "translation"}, list(range(50)), {"a": {"a": {"a": 1}}},
]  # fmt: skip


SPLINTERS = [b"\x00", b"\xff", b"- ", b": ", b"{", b"]", b"&a ", b"*a", b"\t", b"!x ", b"'",
             b"#", b"\n", b"|\n", b"<<: ", b"---\n", b"1e9"]  # fmt: skip


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Fail instead of waiting for a reader that hangs."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"still reading after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in a tree."""
    items: Any = ()
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    return [path] * bool(path) + [p for k, v in items for p in places(v, (*path, k))]


def spoil_tree(tree: Any, luck: random.Random) -> Any:
    """Change, drop, rename, repeat or exchange some values."""
    tree = copy.deepcopy(tree)
    for _ in range(luck.choice((1, 1, 1, 2, 3))):
        found = places(tree)
        if not found:
            return luck.choice(NASTY)
        *way, key = luck.choice(found)
        holder = tree
        for step in way:
            holder = holder[step]
        kind = luck.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            text = str(key)
            cut = luck.randrange(len(text) + 1)
            new = luck.choice([text[:cut], text + "s", text[cut:] + text[:cut], "x"])
            holder[new] = holder[key]
        elif kind == 2:
            *other, last = luck.choice(found)
            try:
                source = tree
                for step in (*other, last):
                    source = source[step]
                holder[key] = copy.deepcopy(source)
            except (LookupError, TypeError):
                holder[key] = luck.choice(NASTY)
        else:
            holder[key] = copy.deepcopy(luck.choice(NASTY))
    return tree


def spoil_text(text: str, luck: random.Random) -> bytes:
    """Cut, repeat, exchange or insert bytes."""
    raw = bytearray(text.encode())
    for _ in range(luck.choice((1, 1, 2, 4))):
        a = luck.randrange(len(raw) + 1)
        b = min(len(raw), a + luck.randrange(1, 40))
        kind = luck.randrange(5)
        if kind == 0:
            del raw[a:b]
        elif kind == 1:
            raw[a:a] = raw[a:b]
        elif kind == 2:
            raw[a:a] = luck.choice(SPLINTERS)
        elif kind == 3 and a < len(raw):
            raw[a] = luck.randrange(256)
        else:
            del raw[a:]
    return bytes(raw)


def attempt(path: Path, cluster: bool) -> bool:
    """Whether the file loads; anything but a good sentence fails the test."""
    try:
        if cluster:
            scenarios.load(FOLDERS["scenario"] / "translation.yaml").on(
                scenarios.load_cluster(path)
            ).problem()
        else:
            scenarios.load(path).problem()
    except AlloclabError as error:
        text = str(error)
        assert text and "\n" not in text and len(text) <= LONGEST, text
        return False
    return True


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_thousand_spoilt_files(chunk: int, tmp_path: Path) -> None:
    loaded = 0
    numbers = range(chunk, CASES, CHUNKS)
    for number in numbers:
        luck = random.Random(number)
        kind = luck.choice(("scenario", "scenario", "cluster", "import"))
        texts = {"scenario": [*CATALOGUE, TEMPLATE, GOOD, EXTENDING, GENERATED],
                 "cluster": CLUSTERS, "import": IMPORTS}[kind]  # fmt: skip
        text = luck.choice(texts)
        suffix = ".json" if kind == "import" else ".yaml"
        path = tmp_path / f"{number}{suffix}"
        if luck.random() < 0.35:
            path.write_bytes(spoil_text(text, luck))
        else:
            tree = spoil_tree(json.loads(text) if kind == "import" else parse_yaml(text), luck)
            dumped = json.dumps(tree) if kind == "import" else yaml.safe_dump(tree, sort_keys=False)
            path.write_text(dumped, encoding="utf-8")
        try:
            with patience(PATIENCE):
                loaded += attempt(path, kind == "cluster")
        except Exception as error:
            shown = path.read_bytes()[:1500].decode("utf-8", "replace")
            pytest.fail(f"case {number} ({kind}): {type(error).__name__}: {error}\n{shown}")
    assert 0 < loaded < len(numbers)
