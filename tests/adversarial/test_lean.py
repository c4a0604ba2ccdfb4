"""Problems made from arrays are those that scenarios are lowered to, and give the same answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.adversarial.contender import Contender
from scenarios.adversarial.instance import Instance
from scenarios.adversarial.lean import lean_problem
from scenarios.adversarial.limits import Limits
from scenarios.adversarial.moves import draw, neighbour
from scenarios.adversarial.settings import CLASSICAL
from scenarios.generate import ccr_of
from schedulers.view import view_of
from simulator.arrays import Arrays

SETTINGS = settings(max_examples=40, deadline=None)


def an_instance(seed: int, unrelated: bool = False) -> Instance:
    limits = Limits(nodes=(1, 4), tasks=(1, 8), unrelated=3.0 if unrelated else 1.0)
    return draw(limits, np.random.default_rng(seed))


@SETTINGS
@given(st.integers(0, 10**6), st.booleans())
def test_every_array_is_the_same(seed: int, unrelated: bool) -> None:
    instance = an_instance(seed, unrelated)
    lean, real = lean_problem(instance), instance.scenario().problem()
    for name in (*Arrays.__dataclass_fields__, "allowed", "topological", "is_exit",
                 "route_latency", "route_bandwidth"):  # fmt: skip
        assert np.array_equal(getattr(lean.arrays, name), getattr(real.arrays, name)), name
    for name in ("seconds", "bytes", "task_scale", "edge_scale", "weights_bytes", "working_bytes",
                 "weights_group", "memory_bytes", "is_compute", "stream_weight"):  # fmt: skip
        assert np.array_equal(getattr(lean, name), getattr(real, name)), name
    for name in ("task_names", "node_names", "variant_names", "edge_names", "link_names",
                 "network", "dispatch", "discipline", "objective", "has_luck"):  # fmt: skip
        assert getattr(lean, name) == getattr(real, name), name
    assert lean.cluster.nodes == real.cluster.nodes
    assert lean.streams == real.streams


@SETTINGS
@given(st.integers(0, 10**6))
def test_planners_see_the_same(seed: int) -> None:
    instance = an_instance(seed)
    lean, real = view_of(lean_problem(instance)), view_of(instance.scenario().problem())
    for name in lean._fields:
        if name != "tables":
            assert np.array_equal(getattr(lean, name), getattr(real, name)), name


@pytest.mark.parametrize("spec", [*CLASSICAL, "single_node", "duplex", "hybrid", "lookahead"])
def test_quick_makespans_are_the_simulated_ones(spec: str) -> None:
    contender = Contender(spec)
    for seed in range(5):
        instance = an_instance(seed, unrelated=seed % 2 == 1)
        quick = contender.makespan(lean_problem(instance))
        assert quick == contender.official(instance.scenario().problem())


@SETTINGS
@given(st.integers(0, 10**6), st.booleans())
def test_ratio_of_communication_is_the_generators(seed: int, unrelated: bool) -> None:
    instance = an_instance(seed, unrelated)
    expected = ccr_of(instance.scenario().problem())
    if np.isnan(expected):
        assert instance.ccr == 0.0
    else:
        assert instance.ccr == pytest.approx(expected, rel=1e-12)


@SETTINGS
@given(st.integers(0, 10**6))
def test_moves_stay_within_limits(seed: int) -> None:
    limits = Limits(
        tasks=(2, 6), nodes=(2, 3), weights=(1, 2), speeds=(1, 3), bytes=(0.5, 4),
        bandwidths=(1, 8), unrelated=2.0, ccr=(0.1, 2.0),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    here = draw(limits, rng)
    for _ in range(60):
        check(here, limits)
        here = neighbour(here, limits, rng) or here


def check(instance: Instance, limits: Limits) -> None:
    apart = ~np.eye(len(instance.speed), dtype=bool)
    for values, (low, high) in (
        (instance.weight, limits.weights), (instance.speed, limits.speeds),
        (instance.size, limits.bytes), (instance.network.bandwidth[apart], limits.bandwidths),
        (instance.factor, (1 / limits.unrelated, limits.unrelated)),
    ):  # fmt: skip
        assert values is not None
        assert ((low <= values) & (values <= high)).all()
    assert np.array_equal(instance.network.bandwidth, instance.network.bandwidth.T)
    assert limits.ccr[0] <= instance.ccr <= limits.ccr[1]
    edges = instance.graph.edges
    assert list(edges) == sorted(set(edges))
    assert all(0 <= a < b < instance.graph.tasks for a, b in edges)
    assert len(edges) == len(instance.size)
    assert limits.tasks[0] <= instance.graph.tasks <= limits.tasks[1]
    assert limits.nodes[0] <= len(instance.speed) <= limits.nodes[1]


def test_graphs_of_families_keep_their_edges() -> None:
    limits = Limits(families=("fork_join",), tasks=(6, 6))
    rng = np.random.default_rng(3)
    here = draw(limits, rng)
    edges = here.graph.edges
    for _ in range(100):
        here = neighbour(here, limits, rng) or here
        assert here.graph.edges == edges


def test_what_is_shared_is_not_changed_by_a_move() -> None:
    rng = np.random.default_rng(5)
    limits = Limits(tasks=(5, 5), nodes=(3, 3))
    before = draw(limits, rng)
    kept = replace(before, weight=before.weight.copy(), size=before.size.copy())
    matrix = before.network.bandwidth.copy()
    for _ in range(100):
        neighbour(before, limits, rng)
    assert np.array_equal(before.weight, kept.weight)
    assert np.array_equal(before.size, kept.size)
    assert np.array_equal(before.network.bandwidth, matrix)
