"""The kernel is machine code, and its state is plain arrays."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest

from simulator.arrays import FAIR, FIFO_NETWORK, GREEDY, IDEAL, FloatArray
from simulator.kernel import (
    KernelSimulation,
    advance,
    begin,
    make_luck,
    make_state,
    make_world,
    run_candidate,
)
from simulator.kernel.bundle import Bundle
from simulator.kernel.heap import heap_sort, make_room, push_event, sort_codes
from simulator.kernel.layout import EVENTS, FINISHED, KIND_BITS, ON_DELIVERY, ON_FINISH, SmallArray
from simulator.realisation import Realisation
from simulator.runlog import FINISHED as LOG_FINISHED
from simulator.runlog import RunLog
from tests.cases import Case, draw_case

EVERYTHING = frozenset({"requests", "slots", "corun", "joins", "branches", "lag", "slowdowns",
                        "outages", "factors", "overheads"})  # fmt: skip


def big_case(seed: int, **changes: Any) -> Case:
    """A case with much going on."""
    drawn = {"dispatch": GREEDY, "features": EVERYTHING, "max_tasks": 30, "max_nodes": 6}
    return draw_case(seed, **(drawn | changes))


def run(case: Case) -> RunLog:
    simulation = KernelSimulation(*case)
    simulation.run()
    return simulation.log()


def through_pickle(simulation: KernelSimulation) -> Any:
    return pickle.loads(pickle.dumps(simulation))


def half_time(log: RunLog) -> float:
    """An instant in the middle of a run."""
    times = np.unique(log.finish[np.isfinite(log.finish)])
    return float(times[len(times) // 2])


def test_entry_points_are_compiled() -> None:
    """Not disabled, nopython, one signature each, and the engine runs through them."""
    assert not numba.config.DISABLE_JIT
    run(big_case(1))
    for function in (begin, advance):
        assert len(function.signatures) == 1
        assert len(function.nopython_signatures) == 1
        assert function.targetoptions["nogil"]
        assert not function.targetoptions["fastmath"]


def test_cached_code_is_named_after_its_sources() -> None:
    """A change in any file of the kernel has to reach the cache of the entry points."""
    from simulator.sources import sources_digest

    for function in (begin, advance, run_candidate):
        assert function.py_func.__qualname__.endswith(sources_digest(function.py_func.__module__))


@pytest.mark.parametrize("network", [IDEAL, FIFO_NETWORK, FAIR])
def test_run_candidate_gives_the_times_of_the_engine(network: int) -> None:
    """One state, used again and again without a record, leaves nothing behind."""
    for seed in range(20):
        case = big_case(seed, network=network)
        world = make_world(case.arrays)
        luck = make_luck(case.arrays, case.realisation)
        state = make_state(world, luck, record=False)
        other = np.roll(case.priority, 1)
        for priority in (other, case.priority, other):
            run_candidate(world, luck, state, case.node, case.variant, priority)
            log = run(case._replace(priority=priority))
            finish = np.where(state.state == FINISHED, state.finish, np.nan)
            assert np.array_equal(finish.reshape(log.finish.shape), log.finish, equal_nan=True)
            assert np.array_equal(state.completed, log.completed, equal_nan=True)
            assert np.array_equal(state.arrival, log.arrival, equal_nan=True)
            busy = np.zeros(world.n_nodes)
            held = np.nan_to_num(log.finish - log.start).sum(axis=0)
            np.add.at(busy, case.node, held)
            np.add.at(busy, case.node[log.attempts[1]], log.attempts[4] - log.attempts[3])
            assert np.allclose(state.busy, busy, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("network", [IDEAL, FIFO_NETWORK, FAIR])
def test_links_of_infinite_bandwidth_take_no_time(network: int) -> None:
    """Latency alone is left: messages arrive as those of no bytes at all do, and none is lost."""
    features = frozenset({"requests", "slots"})
    for seed in range(10):
        case = draw_case(seed, network=network, features=features, dispatch=GREEDY, max_nodes=6)
        arrays = case.arrays
        log = run(case._replace(arrays=replace(arrays, bandwidth=np.full(arrays.n_links, np.inf))))
        assert (log.state == LOG_FINISHED).all()
        sent = log.finish[:, arrays.edge_src]
        latency = arrays.route_latency[case.node[arrays.edge_src], case.node[arrays.edge_dst]]
        assert np.allclose(log.delivered, sent + latency)


@pytest.mark.parametrize("network", [IDEAL, FIFO_NETWORK, FAIR])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, through_pickle])
def test_a_copy_goes_on_alone(network: int, duplicate: Callable[[Any], Any]) -> None:
    """Stopped in the middle and copied, original and copy both end as the run in one go does."""
    for seed in range(6):
        case = big_case(seed, network=network)
        whole = run(case)
        simulation = KernelSimulation(*case)
        simulation.run(half_time(whole))
        twin = duplicate(simulation)
        simulation.run()
        assert whole.first_difference(simulation.log()) is None
        assert twin.log().first_difference(simulation.log()) is not None  # it has not moved
        twin.run()
        assert whole.first_difference(twin.log()) is None


def test_a_state_can_be_restored() -> None:
    """Going back to a saved state and on again repeats the run."""
    case = big_case(2, network=FAIR)
    whole = run(case)
    simulation = KernelSimulation(*case)
    simulation.run(half_time(whole))
    saved = simulation.state()
    assert all(type(array) is np.ndarray for array in saved.values())
    before = simulation.log()
    simulation.run()
    simulation.restore(saved)
    assert before.first_difference(simulation.log()) is None
    simulation.run()
    assert whole.first_difference(simulation.log()) is None


PRINT_RUNS = """
import sys
from simulator.kernel import KernelSimulation, advance
from tests.cases import draw_case
print(hasattr(advance, "signatures"), file=sys.stderr)
for seed in range(24):
    simulation = KernelSimulation(*draw_case(seed))
    simulation.run()
    log = simulation.log()
    for name in ("start", "finish", "delivered", "completed"):
        print(seed, name, [t.hex() for t in getattr(log, name).ravel()])
"""


def test_interpreted_code_gives_the_same_bits() -> None:
    """Compilation changes no last digit: no fused or reordered arithmetic."""
    printed = {}
    for disabled in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", PRINT_RUNS],
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.strip().endswith("True" if disabled == "0" else "False")
        printed[disabled] = done.stdout
    assert printed["0"].count("\n") == 96
    assert printed["0"] == printed["1"]


class Sample(Bundle):
    number: int
    floats: FloatArray
    small: SmallArray


@numba.njit
def read_and_write(sample: Any) -> float:
    sample.small[1] = 7
    return sample.number + sample.floats[2]


def test_bundle_fields_in_compiled_code() -> None:
    sample = Sample(number=3, floats=np.array([0.0, 1.0, 2.5]), small=np.zeros(2, np.int8))
    assert read_and_write(sample) == 5.5
    assert sample.small.tolist() == [0, 7]
    assert read_and_write.py_func(sample) == 5.5


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 1, "floats": np.zeros(2)},
        {"number": 1, "floats": np.zeros(2), "small": np.zeros(2)},
        {"number": 1, "floats": np.zeros(8)[::2], "small": np.zeros(2, np.int8)},
        {"number": 1, "floats": [0.0], "small": np.zeros(2, np.int8)},
    ],
)
def test_bundle_refuses_other_fields(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="Sample"):
        Sample(**fields)


# The helpers of the kernel have no way in from Python; these have.
@numba.njit
def sort_in_compiled_code(codes: Any, n: int) -> None:
    sort_codes(codes, n)


@numba.njit
def heap_sort_in_compiled_code(codes: Any, n: int) -> None:
    heap_sort(codes, n)


@numba.njit
def fill_and_make_room(state: Any, times: Any, codes: Any) -> None:
    for i in range(len(times)):
        push_event(state, times[i], codes[i])
    make_room(state, state.event_room)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 64, 65, 500])
def test_codes_are_sorted(n: int) -> None:
    rng = np.random.default_rng(n)
    for sort in (sort_in_compiled_code, heap_sort_in_compiled_code):
        for codes in (rng.permutation(n), np.arange(n), np.arange(n)[::-1].copy()):
            sort(codes, n)
            assert codes.tolist() == list(range(n))
        codes = rng.integers(5, size=n)
        expected = sorted(codes.tolist())
        sort(codes, n)
        assert codes.tolist() == expected


def test_full_event_heap_drops_only_old_entries() -> None:
    """Slot 0 was re-timed from 5 to 9; only the entry at 5 may go."""
    case = draw_case(0, features=frozenset(), network=IDEAL)
    world, luck = make_world(case.arrays), make_luck(case.arrays, case.realisation)
    state = make_state(world, luck)
    state.slot_task[:] = -1
    state.slot_task[0], state.slot_finish[0] = 1, 9.0
    finish, delivery = ON_FINISH, (1 << KIND_BITS) | ON_DELIVERY
    fill_and_make_room(state, np.array([9.0, 5.0, 7.0]), np.array([finish, finish, delivery]))
    assert state.count[EVENTS] == 2
    kept = zip(state.event_time[:2], state.event_code[:2], strict=True)
    assert sorted(kept) == [(7.0, delivery), (9.0, finish)]


def test_more_events_than_room_at_once_are_retimed() -> None:
    """A thousand slow-downs re-time the same two tasks: far more entries than the heap has room."""
    case = draw_case(5, features=frozenset({"slots"}), network=IDEAL, dispatch=GREEDY)
    n, start = 1000, np.linspace(0.01, 8.0, 1000)
    calm = case.realisation
    slow = Realisation(
        arrival=calm.arrival,
        stream=calm.stream,
        slow_node=np.zeros(n, np.int64),
        slow_start=start,
        slow_end=start + 50.0,
        slow_factor=np.full(n, 1.001),
    )
    stormy = case._replace(node=np.zeros_like(case.node), realisation=slow)
    assert run(stormy).makespan > run(stormy._replace(realisation=calm)).makespan
