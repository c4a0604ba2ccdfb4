"""Where cells run: processes of this machine, a Dask cluster, or any executor given."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from simulator.errors import AlloclabError, InvalidScenario

THREADS = (
    "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
)  # fmt: skip


class Pool(Protocol):
    """An executor, and what a sweep needs beyond submitting.

    Attributes
    ----------
    deaths : int
        How often a cell that runs alone may take its worker along before it counts as failed.
    """

    deaths: int

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """As `concurrent.futures.Executor.submit`."""

    def capacity(self) -> int:
        """How many batches may be under way: those that run and one more for every worker."""

    def workers(self) -> int:
        """Workers at this moment."""

    def lost(self, error: BaseException) -> bool:
        """Whether an error says that a worker died."""

    def renew(self) -> None:
        """Make the pool usable again after workers died.

        Raises
        ------
        AlloclabError
            It cannot be.
        """

    def close(self, now: bool) -> None:
        """Give everything back; `now`: without waiting for what runs."""


class LocalPool:
    """Processes of this machine, started by loky, one thread each.

    Parameters
    ----------
    workers : int or None
        None: as many as this process may use cores.
    """

    deaths = 2

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._executor = local_executor(self._workers)

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(work, *arguments)

    def capacity(self) -> int:
        return 2 * self._workers

    def workers(self) -> int:
        return self._workers

    def lost(self, error: BaseException) -> bool:
        return isinstance(error, BrokenExecutor)

    def renew(self) -> None:
        """One death breaks all of a process pool; the next one starts with fresh processes."""
        self._executor.shutdown(wait=True)
        self._executor = local_executor(self._workers)

    def close(self, now: bool) -> None:
        self._executor.shutdown(wait=True, kill_workers=now)  # type: ignore[call-arg]


class GivenPool:
    """An executor that somebody else made and will shut down.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    workers : int
        How many calls it runs at once.
    """

    deaths = 2

    def __init__(self, executor: Executor, workers: int | None = None) -> None:
        self._executor = executor
        self._workers = workers or getattr(executor, "_max_workers", None) or 1
        self._dead = False

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(work, *arguments)

    def capacity(self) -> int:
        return 2 * self._workers

    def workers(self) -> int:
        return self._workers

    def lost(self, error: BaseException) -> bool:
        self._dead = self._dead or isinstance(error, BrokenExecutor)
        return isinstance(error, BrokenExecutor) or _killed(error)

    def renew(self) -> None:
        """Executors that replace their workers themselves go on."""
        if self._dead:
            raise AlloclabError(
                "a worker died, and with it the executor that was given; rows until then are "
                "kept, the same sweep with a new one goes on"
            )

    def close(self, now: bool) -> None:
        """Nothing: it is not ours."""


class DaskPool:
    """Workers of a Dask cluster, wherever they run and however many come and go.

    Dask runs what a dead worker had again by itself, up to ``allowed-failures`` times.

    Parameters
    ----------
    address : str
        ``host:port`` of the scheduler.
    patience : float
        Seconds to wait for the scheduler and for a first worker.
    """

    deaths = 1

    def __init__(self, address: str, patience: float = 60.0) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise AlloclabError(
                "--executor dask://... needs Dask: pip install 'alloclab[dask]'"
            ) from None
        self._address = address
        try:
            self._client = Client(address, timeout=min(patience, 30.0), set_as_default=False)
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())
            raise AlloclabError(f"no Dask scheduler answers at {address}: {said}") from None
        try:
            self._client.wait_for_workers(1, timeout=patience)
        except TimeoutError:
            self._client.close()
            raise AlloclabError(
                f"the Dask scheduler at {address} has no workers after {patience:.0f} s"
            ) from None
        self._executor = self._client.get_executor(pure=False)
        self._asked, self._threads = -1.0, 1

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(work, *arguments)  # type: ignore[no-any-return]

    def workers(self) -> int:
        """Threads of all workers, asked for every other second."""
        if self._client.status not in ("running", "connecting"):
            raise AlloclabError(
                f"the Dask scheduler at {self._address} is gone; rows until then are kept, the "
                f"same sweep goes on"
            )
        if time.monotonic() - self._asked > 2.0:
            threads = self._client.nthreads()
            self._threads = max(sum(int(n) for n in threads.values()), 1)
            self._asked = time.monotonic()
        return self._threads

    def capacity(self) -> int:
        return 2 * self.workers()

    def lost(self, error: BaseException) -> bool:
        return _killed(error)

    def renew(self) -> None:
        """Dask replaces its workers itself."""

    def close(self, now: bool) -> None:
        self._executor.shutdown(wait=not now)
        self._client.close()


def pool_maker(executor: str | Executor | None, workers: int | None) -> Callable[[], Pool]:
    """What starts the pool that a user asked for; what was asked is checked at once.

    Parameters
    ----------
    executor : None, "dask://host:port", or a concurrent.futures executor
    workers : int or None
        Processes of this machine; of a given executor: how many calls it runs at once.

    Raises
    ------
    InvalidScenario, AlloclabError
    """
    if workers is not None and workers < 1:
        raise InvalidScenario(f"workers must be >= 1, got {workers}")
    if executor is None:
        return lambda: LocalPool(workers)
    if isinstance(executor, Executor):
        return lambda: GivenPool(executor, workers)
    scheme, separator, address = str(executor).partition("://")
    host, colon, port = address.rpartition(":")
    if scheme != "dask" or not separator or not colon or not host or not port.isdigit():
        raise InvalidScenario(
            f"executor: expected dask://HOST:PORT, such as dask://127.0.0.1:8786, got {executor!r}"
        )
    if workers is not None:
        raise InvalidScenario("give either --workers or --executor: Dask has its own workers")
    return lambda: DaskPool(address)


def local_executor(workers: int) -> Executor:
    """Processes of this machine that end with this one, one thread each."""
    from loky import ProcessPoolExecutor

    executor: Executor = ProcessPoolExecutor(
        workers,
        initializer=prepare_worker,
        initargs=(os.getpid(),),
        env=dict.fromkeys(THREADS, "1"),
    )
    return executor


def prepare_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _killed(error: BaseException) -> bool:
    """Whether Dask gave a call up because its workers died; known by name, for Dask is optional."""
    return type(error).__name__ == "KilledWorker"
