"""run(until) is inclusive and may stop anywhere: nothing changes, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.runlog import FINISHED, LOST, RunLog
from tests import conformance
from tests.engines import Engine
from tests.worlds import world

DATA = Path(__file__).parent.parent / "data" / "conformance"
CASES = sorted([*DATA.glob("all-*.json"), *DATA.glob("fair-0*.json"), *DATA.glob("fifo-0*.json")])


def _load(path: Path) -> Any:
    return conformance.load(json.loads(path.read_text())["case"])


def _instants(log: RunLog) -> np.ndarray[Any, np.dtype[np.float64]]:
    """All times at which something happened, sorted."""
    tables = [*log.attempts[3:], *log.hops[3:]]
    columns = [log.start, log.finish, log.delivered, log.completed, log.arrival, *tables]
    times = np.concatenate([column.ravel() for column in columns])
    return np.unique(times[np.isfinite(times)])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_stopping_changes_nothing(engine: Engine, path: Path) -> None:
    """Stop at every instant of the run, just before, just after, and half-way to the next."""
    case = _load(path)
    whole = engine(*case)
    instants = _instants(whole)
    stops = np.concatenate(
        [
            instants,
            np.nextafter(instants, -np.inf),
            np.nextafter(instants, np.inf),
            (instants[1:] + instants[:-1]) / 2,
        ]
    )
    simulation = engine.start(*case)
    for until in np.sort(stops):
        simulation.run(float(until))
        simulation.run(float(until))  # a second time: nothing is left to do
    simulation.run()
    assert simulation.log().first_difference(whole) is None


@pytest.mark.parametrize("path", CASES[::3], ids=lambda path: path.stem)
def test_a_stopped_run_is_the_beginning_of_the_whole(engine: Engine, path: Path) -> None:
    """Finishes, deliveries and completions up to and including the stop are there, no others."""
    case = _load(path)
    whole = engine(*case)
    simulation = engine.start(*case)
    for until in _instants(whole):
        simulation.run(float(until))
        log = simulation.log()
        for name in ("finish", "delivered", "completed", "ready"):
            expected = getattr(whole, name)
            expected = np.where(expected <= until, expected, np.nan)
            assert np.array_equal(getattr(log, name), expected, equal_nan=True), (name, until)
        assert np.array_equal(log.state == FINISHED, whole.finish <= until)


def test_until_is_inclusive(engine: Engine) -> None:
    """Two tasks of 2 s: the run to 2 includes the finish of the first, not the second."""
    simulation = engine.start(*world([2, 2], [0, 0]))
    simulation.run(1.0)
    log = simulation.log()
    assert log.state[0].tolist() == [LOST, LOST]
    assert np.isnan(log.start).all()  # a start counts once its attempt has succeeded
    assert log.slot[0].tolist() == [0, -1]
    simulation.run(2.0)
    assert simulation.log().finish[0].tolist()[:1] == [2.0]
    assert simulation.log().state[0].tolist() == [FINISHED, LOST]
    simulation.run()
    assert simulation.log().finish[0].tolist() == [2.0, 4.0]


def test_running_backwards_does_nothing(engine: Engine) -> None:
    """An `until` in the past leaves the run as it is."""
    simulation = engine.start(*world([2, 2], [0, 0]))
    simulation.run(3.0)
    before = simulation.log()
    simulation.run(1.0)
    assert simulation.log().first_difference(before) is None


def test_stopping_before_everything(engine: Engine) -> None:
    """The first request arrives at 5: nothing has happened at 4."""
    simulation = engine.start(*world([2], [0], requests=[5.0]))
    simulation.run(4.0)
    log = simulation.log()
    assert np.isnan(log.ready).all()
    assert np.isnan(log.completed).all()
    simulation.run()
    assert simulation.log().completed[0] == 7.0
