"""The catalogue: faithful graphs, loads at which the choice matters, and any scenario anywhere."""

from __future__ import annotations

import numpy as np
import pytest

import scenarios
from scenarios.scenario import Scenario
from schedulers import make, solve
from schedulers import names as scheduler_names
from simulator import simulate
from simulator.allocation import Allocation

GRAPHS: dict[str, dict[str, set[tuple[str, str]]]] = {
    "translation": {"sentences": {("understand", "extract"), ("extract", "translate")}},
    "detection": {
        "frames": {
            ("camera", "preprocess"),
            ("preprocess", "backbone"),
            ("backbone", "head"),
            ("head", "postprocess"),
        }
    },
    "driving": {
        "camera": {
            ("camera", "objects"),
            ("camera", "lanes"),
            ("objects", "fusion"),
            ("lanes", "fusion"),
            ("fusion", "planning"),
            ("planning", "control"),
        },
        "lidar": {
            ("sweep", "map"),
            ("map", "fusion"),
            ("fusion", "planning"),
            ("planning", "control"),
        },
    },
    "robot": {
        "steps": {
            ("camera", "vision"),
            ("microphone", "speech"),
            ("vision", "planning"),
            ("speech", "planning"),
            ("planning", "control"),
        }
    },
    "recommendation": {
        "pages": {("page", "user"), ("page", "item"), ("user", "rank"), ("item", "rank")}
    },
}


def test_the_catalogue_is_complete() -> None:
    assert set(scenarios.names()) == set(GRAPHS)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_graph_is_the_pipeline(name: str) -> None:
    scenario = scenarios.load(name)
    assert scenario.name == name and scenario.source == name
    assert scenario.description
    found = {s.name: {(e.src, e.dst) for e in s.graph.edges} for s in scenario.streams}
    assert found == GRAPHS[name]
    assert all(s.deadline_s is not None for s in scenario.streams)
    assert all(e.name for s in scenario.streams for e in s.graph.edges)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("cluster", scenarios.cluster_names())
def test_any_scenario_runs_on_any_cluster(name: str, cluster: str) -> None:
    problem = scenarios.load(name).on(scenarios.load_cluster(cluster)).problem()
    assert problem.allowed.any(axis=(1, 2)).all()
    solve("heft", problem)


def test_rates_of_the_sensors() -> None:
    camera, lidar = scenarios.load("driving").streams
    assert (camera.arrivals.rate, lidar.arrivals.rate) == (30.0, 10.0)
    assert camera.requests / 30 == lidar.requests / 10


def offered_load(scenario: Scenario, allocation: Allocation) -> tuple[np.ndarray, np.ndarray]:
    """Busy share of each node, and used share of each link, at the arrival rates."""
    problem = scenario.problem()
    arrays = problem.arrays
    node, variant, _ = allocation.arrays(problem)
    rate = np.array([s.arrivals.rate for s in scenario.streams])
    tasks = np.arange(problem.n_tasks)
    work = problem.seconds[tasks, variant, node] * rate[arrays.task_stream]
    nodes = np.bincount(node, weights=work, minlength=problem.n_nodes) / arrays.slots
    links = np.zeros(arrays.n_links)
    for e in range(problem.n_edges):
        src, dst = arrays.edge_src[e], arrays.edge_dst[e]
        if node[src] != node[dst]:
            route = arrays.route(int(node[src]), int(node[dst]))
            links[route] += problem.bytes[e, variant[src]] * rate[arrays.task_stream[src]]
    return nodes, links / arrays.bandwidth


@pytest.mark.parametrize("name", GRAPHS)
def test_a_good_allocation_overloads_nobody(name: str) -> None:
    scenario = scenarios.load(name)
    problem = scenario.problem()
    allocation = solve("heft", problem).allocation
    nodes, links = offered_load(scenario, allocation)
    assert nodes.max() < 0.8 and links.max() < 0.8
    metrics = simulate(problem, allocation).metrics()
    slack = min(s.deadline_s or np.inf for s in scenario.streams) / metrics["p99_latency"]
    assert slack > 1, "a good allocation keeps the deadline at p99"


@pytest.mark.parametrize("name", GRAPHS)
def test_the_choice_of_scheduler_matters(name: str) -> None:
    problem = scenarios.load(name).problem()
    planners = [s for s in scheduler_names() if hasattr(make(s), "plan") and s != "random"]
    classical = [*planners, "single_node"]
    found = {s: problem.objective_of(solve(s, problem).allocation) for s in classical}
    best, worst = min(found.values()), max(found.values())
    assert len({round(value / best, 6) for value in found.values()}) >= 4
    assert worst > 2 * best


def test_weights_of_fusion_are_shared_between_the_streams() -> None:
    problem = scenarios.load("driving").problem()
    group = dict(zip(problem.task_names, problem.weights_group.tolist(), strict=True))
    assert group["camera/fusion"] == group["lidar/fusion"]
    assert group["camera/planning"] == group["lidar/planning"]
    assert len({*group["camera/fusion"], *group["camera/planning"]}) == 4
