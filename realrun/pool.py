"""Workers: processes that live on from run to run, with their modules loaded.

Examples
--------
::

    with Workers(parse_workers("cpu:1,cpu:1@bf16")) as workers:
        run = execute(problem, allocation, workers)
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from realrun import wire
from realrun.devices import check_devices, core_sets
from simulator.errors import AlloclabError, unknown

if TYPE_CHECKING:
    from realrun.devices import WorkerSpec
    from realrun.transport.shared import SharedTransport
    from realrun.worker.log import Log

TRANSPORTS = ("shared", "distributed", "hosts")
LOG_ROWS = 2_000_000
"""Executions that one worker can log in one run; only what is written occupies memory."""
LINKS = 65_536
STOP_S = 2.0

# Without these glibc gives memory of large tensors back to the system after every task, and
# the page faults of the next one cost 20 to 30 % of its time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
}


class WorkerFailed(AlloclabError):
    """A worker died, or could not do what it was asked."""

    exit_code = 1

    def __init__(self, text: str, worker: int = -1, kind: str = "died"):
        super().__init__(text)
        self.worker, self.kind = worker, kind


class Workers:
    """Starts one process for each spec, and stops them at the end of the ``with`` block.

    Parameters
    ----------
    specs : sequence of WorkerSpec
    transport : {"shared", "distributed", "hosts"}
        How messages travel between workers: through shared memory, by torch.distributed over TCP
        on the loopback interface, or by the same between the hosts on which torchrun started one
        rank for each worker.

    Raises
    ------
    AlloclabError
        A device does not exist here; names it.
    WorkerFailed
        A process does not start.
    """

    is_local = True
    """Whether all workers are processes of this host."""

    def __new__(cls, specs: Sequence[WorkerSpec], transport: str = "shared") -> Workers:
        """Workers of this host, or of several."""
        del specs
        if transport == "hosts" and cls is Workers:
            from realrun.hosts import HostedWorkers

            return object.__new__(HostedWorkers)
        return object.__new__(cls)

    def __init__(self, specs: Sequence[WorkerSpec], transport: str = "shared"):
        if transport not in TRANSPORTS:
            raise unknown("transport", transport, TRANSPORTS)
        if self.is_local:
            check_devices(specs)
        self.specs, self.transport_name = tuple(specs), transport
        self._processes: list[subprocess.Popen[bytes]] = []
        self._channels: list[socket.socket] = []
        self._fds: list[int] = []
        self.logs: list[Log] = []
        self.transport: SharedTransport | None = None
        self.links = -1
        self.port = 0
        self.in_use = threading.Lock()
        """Held by the run that these workers are busy with."""
        self.start()

    # ----- life --------------------------------------------------------------------------------
    def start(self) -> None:
        """Start all processes and wait until each has imported what it needs."""
        from realrun.transport.shared import SharedTransport, make_arena, make_pipe
        from realrun.worker.log import Log, log_bytes

        n = len(self.specs)
        occupy_standard_descriptors()
        try:
            arenas = [self._own(make_arena(spec.name)) for spec in self.specs]
            pipes = [tuple(map(self._own, make_pipe())) for _ in range(n + 1)]
            logs = [
                self._own(memory(f"log-{spec.name}", log_bytes(LOG_ROWS))) for spec in self.specs
            ]
            self.links = self._own(memory("links", 8 * LINKS))
            life, _ = map(self._own, os.pipe2(os.O_CLOEXEC))
            outboxes = [write for _, write in pipes]
            more = self._distributed()
            cores = core_sets(self.specs).sets
            for i, spec in enumerate(self.specs):
                hello = {
                    "index": i, "spec": plain_spec(spec), "cores": sorted(cores[i]), "life": life,
                    "arenas": [*arenas], "inbox": pipes[i][0], "outboxes": outboxes,
                    "log": logs[i], "links": self.links, "transport": self.transport_name,
                    "distributed": more, "path": [p or str(Path.cwd()) for p in sys.path],
                }  # fmt: skip
                passed = [*arenas, pipes[i][0], *outboxes, logs[i], self.links, life]
                self._spawn(spec, hello, passed)
            for fd in [life, *(read for read, _ in pipes[:-1])]:
                self._fds.remove(fd)
                os.close(fd)
            for fd in [*arenas, pipes[n][0], *outboxes, *logs]:
                self._fds.remove(fd)  # from now on theirs to close
            self.transport = SharedTransport(n, arenas, pipes[n][0], outboxes)
            self.logs = [Log(fd) for fd in logs]
            for i in range(n):
                self.answer(i)
        except BaseException:
            self.close()
            raise

    def _own(self, fd: int) -> int:
        """Note a descriptor that `close` closes."""
        self._fds.append(fd)
        return fd

    def _distributed(self) -> dict[str, Any]:
        if self.transport_name != "distributed":
            return {}
        from realrun.transport.distributed import free_port

        self.port = free_port()
        return {"address": "127.0.0.1", "port": self.port, "world": len(self.specs)}

    def _spawn(self, spec: WorkerSpec, hello: Mapping[str, Any], passed: Sequence[int]) -> None:
        mine, theirs = socket.socketpair()
        with theirs:
            self._processes.append(spawn(spec, theirs, passed))
        self._channels.append(mine)
        wire.send(mine, hello)

    # ----- what workers on several hosts need besides -------------------------------------------
    def before_run(self) -> None:
        """Called when all workers have loaded a plan, before the common start."""

    def after_run(self, answers: dict[int, dict[str, Any]], zero: float) -> dict[str, Any]:
        """Called with the answers of workers after a run; returns facts of it."""
        del answers, zero
        return {}

    def ensure(self) -> None:
        """Start anew if a process has ended."""
        if len(self.dead()) or len(self._processes) < len(self.specs):
            self.close()
            self.start()

    def dead(self) -> list[int]:
        """Workers whose processes have ended."""
        return [i for i, p in enumerate(self._processes) if p.poll() is not None]

    def kill(self, worker: int) -> None:
        """End one process at once."""
        process = self._processes[worker]
        if process.poll() is None:
            process.kill()
        process.wait()

    def pid(self, worker: int) -> int:
        """Process id of a worker."""
        return self._processes[worker].pid

    def close(self, at_once: bool = False) -> None:
        """Stop all processes; nothing of them stays.

        Parameters
        ----------
        at_once : bool
            Whatever they are doing is of no interest any more.
        """
        for i, channel in enumerate(self._channels):
            if at_once:
                self.kill(i)
            with contextlib.suppress(wire.Closed):
                wire.send(channel, {"verb": "stop"})
        until = time.monotonic() + STOP_S
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(until - time.monotonic(), 0.001))
            if process.poll() is None:
                process.kill()
                process.wait()
        for channel in self._channels:
            channel.close()
        if self.transport is not None:
            self.transport.close()
        for log in self.logs:
            log.close()
        for fd in self._fds:
            os.close(fd)
        self._processes, self._channels, self.logs, self._fds = [], [], [], []
        self.transport, self.links = None, -1

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=kind is not None)

    # ----- talk --------------------------------------------------------------------------------
    def channel(self, worker: int) -> socket.socket:
        """The controller's end of a worker's channel."""
        return self._channels[worker]

    def ask(self, worker: int, verb: str, **arguments: Any) -> None:
        """Send a command."""
        try:
            wire.send(self._channels[worker], {"verb": verb, "arguments": arguments})
        except wire.Closed:
            raise self.lost(worker, verb) from None

    def answer(self, worker: int) -> dict[str, Any]:
        """Wait for the answer to a command.

        Raises
        ------
        WorkerFailed
            The process died, or the command failed; the sentence says why.
        """
        try:
            answer: dict[str, Any] = wire.receive(self._channels[worker])
        except wire.Closed:
            raise self.lost(worker) from None
        if "failed" in answer:
            raise self.failure(worker, answer)
        return answer

    def failure(self, worker: int, answer: Mapping[str, Any]) -> WorkerFailed:
        """The error that a worker reports."""
        kind, text = answer["failed"], answer["text"]
        name = self.specs[worker].name
        if kind == "bug":
            print(answer["traceback"], file=sys.stderr)
            text = f"unexpected {text}"
        error = WorkerFailed(f"worker {name}: {text}", worker, kind)
        error.exit_code = 2 if kind in ("error", "memory") else 1
        return error

    def lost(self, worker: int, during: str = "") -> WorkerFailed:
        """The error that a worker's process has ended."""
        process = self._processes[worker]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        code = process.poll()
        how = "closed its channel"
        if code is not None:
            how = f"was killed by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
        doing = f" while doing {during!r}" if during else ""
        return WorkerFailed(f"worker {self.specs[worker].name} {how}{doing}", worker, "died")

    def call(self, worker: int, function: str, **arguments: Any) -> Any:
        """Call ``module:function(context, **arguments)`` in one worker and return what it returns.

        Arguments and result are plain values and numpy arrays.
        """
        self.ask(worker, "call", function=function, arguments=arguments)
        return self.answer(worker)["value"]

    def call_all(self, function: str, arguments: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The same in all workers at the same time, each with its own arguments."""
        for i, own in enumerate(arguments):
            self.ask(i, "call", function=function, arguments=dict(own))
        return [answer["value"] for answer in self.answers(range(len(arguments)))]

    def answers(self, workers: Sequence[int] | range) -> list[dict[str, Any]]:
        """The answers of several workers; all are waited for, then the first error is raised."""
        found: list[dict[str, Any]] = []
        failed: WorkerFailed | None = None
        for i in workers:
            try:
                found.append(self.answer(i))
            except WorkerFailed as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return found


def spawn(
    spec: WorkerSpec, channel: socket.socket, passed: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start one worker process with its end of the channel and more descriptors."""
    threads = str(spec.threads)
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {
        **os.environ, **MALLOC, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
        "PYTHONPATH": path, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    return subprocess.Popen(
        # -P: a file of the working directory that is called like a module is not that module
        [sys.executable, "-P", "-m", "realrun.worker.main", str(channel.fileno())],
        pass_fds=[channel.fileno(), *passed],
        env=env,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is the controller's to handle
    )


def occupy_standard_descriptors() -> None:
    """Open what is closed of input, output and error: else a pipe of ours becomes one of them."""
    while True:
        fd = os.open(os.devnull, os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return


def memory(name: str, size: int) -> int:
    """A descriptor of memory without a name."""
    fd = os.memfd_create(f"alloclab-{name}", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd


def plain_spec(spec: WorkerSpec) -> dict[str, Any]:
    """A spec for `realrun.wire`; unlimited memory is None."""
    out = asdict(spec)
    if out["memory_bytes"] == float("inf"):
        out["memory_bytes"] = None
    return out


def _signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        return f"{signal.Signals(number).name} (signal {number})"
    return f"signal {number}"
