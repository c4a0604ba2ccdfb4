"""The coverage table tells the truth: about the engines, and in the documentation."""

import re
from pathlib import Path

import numpy as np
import pytest

from simulator import fast
from simulator.arrays import EDF, FAIR, FIFO, FIFO_NETWORK, GREEDY, IDEAL, PRIORITY, STRICT
from simulator.coverage import RULES
from simulator.engines import start
from tests.cases import FEATURES, draw_case

SETTINGS = {
    "ideal network": {"network": IDEAL},
    "fifo network": {"network": FIFO_NETWORK},
    "fair network": {"network": FAIR},
    "strict dispatch": {"dispatch": STRICT},
    "greedy dispatch": {"dispatch": GREEDY},
    "disciplines": {"dispatch": GREEDY},
}


def cases(rule, seed):
    """A few cases that use this rule and, apart from the networks, `ideal` and nothing else."""
    base = {"features": frozenset(), "network": IDEAL, "dispatch": GREEDY, "discipline": FIFO}
    if rule in FEATURES:
        base["features"] = frozenset({rule})
        base["network"] = FAIR if rule == "degradations" else IDEAL
    base |= SETTINGS.get(rule, {})
    if rule == "disciplines":
        return [draw_case(seed, **base | {"discipline": d}) for d in (FIFO, PRIORITY, EDF)]
    return [draw_case(seed, **base)]


def test_the_table_names_every_feature_of_the_random_cases():
    assert set(RULES) == set(FEATURES) | set(SETTINGS) | {"run(until)"}


@pytest.mark.parametrize("rule", [r for r in RULES if r != "run(until)"])
def test_engines_and_passes_take_what_the_table_says(rule):
    taken = []
    for seed in range(12):
        for case in cases(rule, seed):
            logs = []
            for name in ("reference", "kernel"):
                simulation = start(*case, engine=name)
                simulation.run()
                logs.append(simulation.log())
            assert logs[0].first_difference(logs[1]) is None
            kind = fast.covers(case.arrays, case.realisation)
            taken.append(kind != "kernel")
            log = fast.run(*case)
            if log is not None:
                assert log.first_difference(logs[0]) is None
    if RULES[rule].passes:
        assert all(taken)
    else:
        assert not all(taken)


@pytest.mark.parametrize("name", ["reference", "kernel"])
def test_stopping_anywhere_changes_nothing(name):
    rng = np.random.default_rng(7)
    for seed in range(20):
        case = draw_case(seed)
        whole = start(*case, engine=name)
        whole.run()
        parts = start(*case, engine=name)
        for until in np.sort(rng.uniform(0, 20, size=4)):
            parts.run(float(until))
        parts.run()
        assert parts.log().first_difference(whole.log()) is None


def test_the_documentation_shows_this_table():
    text = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \|", text, re.M)
    shown = {rule: tuple(x == "yes" for x in marks) for rule, *marks in rows}
    assert shown == {rule: tuple(cover) for rule, cover in RULES.items()}
