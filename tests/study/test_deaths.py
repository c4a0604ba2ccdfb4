"""Workers that die: whose fault it was is found out, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.study import Plan, plan
from scenarios.study import run as run_module
from scenarios.study.batching import MOST, TARGET, Queue
from scenarios.study.cells import Cell
from scenarios.study.pools import GivenPool
from scenarios.study.run import DIED, Run
from scenarios.study.store import Store
from scenarios.study.work import Batch, OtherCode, Piece, run_batch
from simulator.errors import AlloclabError
from tests.study.conftest import small


@pytest.fixture(autouse=True, scope="module")
def _impatient() -> Iterator[None]:
    """Fake pools work while they are looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "LOOK", 0.001)
        yield


class FakePool:
    """Two workers that die when they run certain cells, and take everything under way along.

    Parameters
    ----------
    poison : cell -> how often it still kills
    accidents : submissions (by number) after which a worker dies of something else
    """

    deaths = 2

    def __init__(self, poison: dict[str, int], accidents: tuple[int, ...] = ()) -> None:
        self.poison, self.accidents = poison, accidents
        self.waiting: list[tuple[Future[Any], Batch]] = []
        self.broken, self.renewed, self.submitted = False, 0, 0

    def submit(self, work: Callable[..., Any], batch: Batch) -> Future[Any]:
        if self.broken:
            raise BrokenProcessPool("dead")
        self.submitted += 1
        self.waiting.append((Future(), batch))
        out = self.waiting[-1][0]
        if len(self.waiting) == self.capacity():
            self.step()
        return out

    def step(self) -> None:
        """Run what was submitted first, or die of it."""
        future, batch = self.waiting[0]
        guilty = next((c.key for c in batch.cells if self.poison.get(c.key, 0) > 0), None)
        if guilty is not None:
            self.poison[guilty] -= 1
        if guilty is not None or self.submitted in self.accidents:
            self.broken = True
            for each, _ in self.waiting:
                each.set_exception(BrokenProcessPool("dead"))
            self.waiting.clear()
            return
        self.waiting.pop(0)
        future.set_result(fake_rows(batch))

    def capacity(self) -> int:
        return 4

    def workers(self) -> int:
        """Called before anything is submitted: time for what waits."""
        if self.waiting and not self.broken:
            self.step()
        return 2

    def lost(self, error: BaseException) -> bool:
        return isinstance(error, BrokenProcessPool)

    def renew(self) -> None:
        assert self.broken
        assert not self.waiting
        self.broken = False
        self.renewed += 1


@cache
def planned_small() -> Plan:
    """40 cells."""
    return plan(small(seeds="5"))


def fake_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {**piece.shared, "cell": c.key, "scheduler": c.scheduler, "seed": c.seed, "status": "ok",
         "cell_seconds": 0.01}
        for piece in batch.pieces for c in piece.cells
    ]  # fmt: skip


def swept(folder: Path, pool: Any) -> tuple[Run, Store]:
    planned = planned_small()
    store = Store(folder)
    store.open()
    run = Run(planned, store, planned.cells, lambda *_: None)
    run.work(pool)
    return run, store


CELLS = [cell.key for cell in planned_small().cells]


@given(
    poison=st.dictionaries(st.sampled_from(CELLS), st.sampled_from([1, 2, 3, 99]), max_size=4),
    accidents=st.lists(st.integers(1, 20), max_size=1),
)
@settings(max_examples=25, deadline=None)
def test_all_cells_end_and_only_killers_fail(
    poison: dict[str, int], accidents: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    deadly = {cell for cell, times in poison.items() if times == 99}
    run, store = swept(tmp_path_factory.mktemp("run"), FakePool(dict(poison), tuple(accidents)))
    states = store.states()
    assert set(states) == set(CELLS)
    failed = {cell for cell, good in states.items() if not good}
    assert deadly <= failed <= {c for c, times in poison.items() if times + len(accidents) >= 2}
    assert run.ran == 40
    assert run.failed == len(failed)
    frame = store.frame()
    assert set(frame.loc[frame["status"] == "failed", "error"]) <= {DIED}


def test_one_death_by_accident_fails_nothing(tmp_path: Path) -> None:
    pool = FakePool({}, accidents=(5,))
    run, store = swept(tmp_path, pool)
    assert pool.renewed == 1
    assert run.failed == 0
    assert all(store.states().values())


class Answering(FakePool):
    """Answers every batch at once with an error."""

    def __init__(self, error: BaseException, times: int = 1) -> None:
        super().__init__({})
        self.error, self.times = error, times

    def submit(self, work: Callable[..., Any], batch: Batch) -> Future[Any]:
        future: Future[Any] = Future()
        if self.times:
            self.times -= 1
            future.set_exception(self.error)
        else:
            future.set_result(fake_rows(batch))
        return future


def test_cancelled_cells_run_again(tmp_path: Path) -> None:
    run, _ = swept(tmp_path, Answering(CancelledError(), times=3))
    assert (run.ran, run.failed) == (40, 0)


def test_what_cannot_be_sent_is_a_failed_row(tmp_path: Path) -> None:
    run, store = swept(tmp_path, Answering(TypeError("cannot pickle")))
    assert 0 < run.failed < 40
    frame = store.frame()
    assert set(frame.loc[frame["status"] == "failed", "error"]) == {"TypeError: cannot pickle"}


def test_workers_with_other_code_end_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(OtherCode):
        swept(tmp_path, Answering(OtherCode("worker on h: other")))
    planned = plan(small())
    cells = tuple(
        Cell(c.key, c.instance, c.scheduler, c.version + 1, c.seed) for c in planned.cells[:1]
    )
    batch = Batch((Piece(cells, planned.scenario(0), {}),), None, 50, "auto")
    with pytest.raises(AlloclabError, match="its scheduler heft has version"):
        run_batch(batch)
    piece = Piece(planned.cells[:1], planned.scenario(0), {})
    other = Batch((piece,), None, 50, "auto", semantics=99)
    with pytest.raises(AlloclabError, match="install the same alloclab everywhere"):
        run_batch(other)


# ----- batches -----------------------------------------------------------------------------------
def cells(counts: list[int]) -> list[Cell]:
    return [
        Cell(f"{i}-{k}", i, "heft" if k % 2 else "cpop", 1, k)
        for i, count in enumerate(counts)
        for k in range(count)
    ]


@given(
    counts=st.lists(st.integers(1, 200), min_size=1, max_size=5),
    seconds=st.floats(1e-5, 10),
    workers=st.integers(1, 8),
)
@settings(max_examples=50, deadline=None)
def test_batches_cover_all_cells_in_order(counts: list[int], seconds: float, workers: int) -> None:
    every = cells(counts)
    queue, taken = Queue(every), list[Cell]()
    while queue:
        batch = queue.take(workers)
        assert 1 <= len(batch) <= MOST
        expected = sum(queue.expected(c.scheduler) for c in batch)
        assert len(batch) == 1 or expected <= TARGET * (1 + 1e-9)
        taken += batch
        for cell in batch:
            queue.observe(cell.scheduler, seconds)
    assert taken == every


def test_cells_with_a_budget_in_seconds_go_alone() -> None:
    queue = Queue(cells([5]), least=2.0)
    assert len(queue.take(2)) == 1
    assert queue.expected("heft") == 2.0


def test_what_is_put_back_comes_next() -> None:
    queue = Queue(cells([3, 3]))
    batch = queue.take(1)
    queue.put_back(batch)
    assert len(queue) == 6
    assert queue.take(1)[0] == batch[0]


def test_a_given_executor_that_broke_is_not_replaced() -> None:
    with ThreadPoolExecutor(3) as executor:
        pool = GivenPool(executor)
        assert (pool.workers(), pool.capacity()) == (3, 6)
        killed = type("KilledWorker", (Exception,), {})("dask gave it up")
        assert pool.lost(killed)
        pool.renew()  # Dask has other workers
        assert pool.lost(BrokenProcessPool("dead"))
        assert not pool.lost(ValueError("no death"))
        with pytest.raises(AlloclabError, match="the same sweep with a new one goes on"):
            pool.renew()
