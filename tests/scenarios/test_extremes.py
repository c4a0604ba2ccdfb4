"""Finite but absurd numbers: refused in one sentence that names them, or simulated in silence."""

import copy

import pytest

from scenarios.compare import compare
from scenarios.loader import parse_scenario
from simulator.errors import AlloclabError, InvalidScenario

NODE = {"kind": "cpu", "memory": "1 GiB", "idle_watts": 5, "busy_watts": 20, "price_per_hour": 1.0}
DAY = {
    "alloclab": 1,
    "network": "fair",
    "objective": "p99_latency",
    "cluster": {
        "nodes": {"a": {**NODE, "speed": 1.0, "dispatch": 0.1, "wake": 0.1, "send": 0.1,
                        "slots": 2, "co_run": [1.0, 1.2]}, "b": NODE},
        "mesh": {"bandwidth": 1e6, "latency": 1e-3},
    },
    "streams": {
        "s": {
            "arrivals": {"poisson": 5.0, "requests": 10}, "deadline": 1.0, "weight": 1.0,
            "sizes": {"n": {"lognormal": {"median": 10.0, "sigma": 0.5}, "nominal": 10.0}},
            "noise": {"gamma": {"mean": 1.0, "cv": 0.1}},
            "tasks": {"t": {"duration": 0.1, "scale_with": "n", "weights": 100.0},
                      "u": {"duration": 0.2, "join": {"deadline": 5.0}}},
            "edges": {"e": {"from": "t", "to": "u", "bytes": 100.0, "scale_with": "n"}},
        }
    },
    "dynamics": {
        "outages": [{"node": "a", "from": 1.0, "to": 1.5}],
        "slowdowns": [{"node": "b", "from": 0.5, "factor": 2.0}],
        "degradations": [{"link": "a -> b", "from": 0.1, "factor": 0.5}],
    },
}  # fmt: skip
VALUES = (1e308, 1e200, 1e-200, 5e-324)


def numbers(data, path=()):
    """Paths of all floats."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, dict | list):
            yield from numbers(value, (*path, key))
        elif isinstance(value, float):
            yield (*path, key)


def changed(path, value):
    data = copy.deepcopy(DAY)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", list(numbers(DAY)), ids=lambda p: ".".join(map(str, p)))
def test_no_number_makes_arithmetic_overflow(path):
    for value in VALUES:
        try:
            compare(parse_scenario(changed(path, value)), ["heft", "round_robin"])
        except AlloclabError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("streams.s.tasks.t.duration", 1e300, "task 't': 1.13"),
        ("streams.s.arrivals.poisson", 1e-300, "arrivals of stream 's': 1e+301 s is beyond"),
        ("streams.s.edges.e.bytes", 1e300, "edge 'e': 1.13"),
        ("cluster.mesh.bandwidth", 1e-300, "link 'a->b', carrying the largest message: 1.13"),
        ("dynamics.slowdowns.0.factor", 1e300, "slowdown of 'b': 1e+300 times is beyond"),
        ("dynamics.degradations.0.factor", 1e-99, "degradation of 'a->b': the factor 1e-99 is too"),
    ],
)
def test_what_is_refused_is_named(path, value, said):
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]
    with pytest.raises(InvalidScenario) as caught:
        parse_scenario(changed(keys, value)).problem()
    assert said in str(caught.value)
