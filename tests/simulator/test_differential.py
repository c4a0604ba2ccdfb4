"""Two engines, written apart from one text, agree on random cases to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.differential import compare_block, difference
from simulator.arrays import EDF, GREEDY, IDEAL, STRICT
from simulator.kernel import KernelSimulation
from simulator.runlog import CANCELLED, LOST, SKIPPED
from tests.cases import FEATURES, draw_case


@pytest.mark.parametrize("first", range(0, 320, 40))
def test_engines_agree(first: int) -> None:
    """Every field of 40 cases, run through and with two stops at random instants."""
    assert compare_block(first, 40, stops=2) == []


@st.composite
def chosen_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Settings that shrink: fewer features, fewer tasks and nodes, simpler modes."""
    network = draw(st.sampled_from([0, 1, 2]))
    dispatch = draw(st.sampled_from([GREEDY, STRICT]))
    discipline = draw(st.sampled_from([0, 1] if dispatch == STRICT else [0, 1, EDF]))
    features = draw(st.frozensets(st.sampled_from(FEATURES)))
    if network == IDEAL:
        features -= {"degradations"}
    if "closed" in features:
        features -= {"streams"}
    return {
        "network": network,
        "dispatch": dispatch,
        "discipline": discipline,
        "features": features,
        "max_tasks": draw(st.integers(4, 12)),
        "max_nodes": draw(st.integers(1, 4)),
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**31), chosen_settings())
def test_engines_agree_on_chosen_settings(seed: int, chosen: dict[str, Any]) -> None:
    """The same, where hypothesis can shrink what it finds."""
    assert difference(draw_case(seed, **chosen), stops=1, seed=seed) is None


def test_cases_reach_every_rule() -> None:
    """The generator is no use if nothing is ever skipped, cancelled, lost, interrupted or tied."""
    seen = dict.fromkeys(("skipped", "cancelled", "lost", "interrupted", "unused", "instant"), 0)
    modes = set()
    for seed in range(160):
        case = draw_case(seed)
        simulation = KernelSimulation(*case)
        simulation.run()
        log = simulation.log()
        for name, state in (("skipped", SKIPPED), ("cancelled", CANCELLED), ("lost", LOST)):
            seen[name] += bool((log.state == state).any())
        seen["interrupted"] += len(log.attempts[0]) > 0
        seen["unused"] += bool((log.used == 0).any())
        seen["instant"] += bool((log.start == log.finish).any())
        modes.add((case.arrays.network, case.arrays.dispatch, case.arrays.discipline))
    assert min(seen.values()) >= 5, seen
    assert len(modes) == 15  # 3 networks x (greedy x 3 disciplines, strict x 2)


def test_comparison_sees_a_single_bit() -> None:
    """A comparer that never complains would pass every test above."""
    simulation = KernelSimulation(*draw_case(3))
    simulation.run()
    log = simulation.log()
    finish = log.finish.copy()
    index = tuple(np.argwhere(np.isfinite(finish))[0])
    finish[index] = np.nextafter(finish[index], np.inf)
    assert "finish" in str(log.first_difference(replace(log, finish=finish)))
    used = np.where(log.used == 1, 0, log.used).astype(np.int8)
    assert "used" in str(log.first_difference(replace(log, used=used)))
