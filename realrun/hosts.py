"""Workers on several hosts, started by torchrun: rank r is worker r, rank 0 controls as well.

Every rank runs `serve`: it starts its worker process and hands it a TCP connection to the
controller, over which commands and answers go as they do through a socket pair on one host.
Tensors and notices go by `realrun.transport.distributed`, of which the controller is the last
member. Ranks find each other through torchrun's own store.

Two connections lead from each rank to the controller: the channel, which the worker inherits, and
a leash; when the leash is cut, the rank ends its worker. Both begin with a secret from the store,
and strangers are turned away.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import queue
import secrets
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun import wire
from realrun.devices import WorkerSpec, check_devices, core_sets
from realrun.pool import (
    LINKS,
    LOG_ROWS,
    STOP_S,
    WorkerFailed,
    Workers,
    memory,
    plain_spec,
    spawn,
)  # fmt: skip
from realrun.transport.clocks import HostClock, measure
from realrun.worker.log import COLUMNS, STATUS, log_bytes
from simulator.arrays import FloatArray
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    pass

JOIN_S = 60.0
"""How long the controller waits for all ranks."""
WEEK = timedelta(days=7)
BIND = "ALLOCLAB_BIND"
"""Environment variable: the address or interface on which this host listens for the others."""
_HELLO_BYTES = 1 << 16
_KEY = "alloclab/control/{}"
_TIMES = [COLUMNS.index(c) for c in ("ready", "start", "finish")]


@dataclass(frozen=True)
class Ranks:
    """What torchrun says: who this is among how many, and the store they share."""

    rank: int
    world: int
    local_rank: int
    local_world: int
    store: Any

    @staticmethod
    def of_environment() -> Ranks:
        """Of this process.

        Raises
        ------
        AlloclabError
            torchrun has not started it.
        """
        missing = [
            name
            for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
            if name not in os.environ
        ]
        if missing:
            raise AlloclabError(
                f"workers on several hosts are started by torchrun, which sets {missing[0]}; see "
                "docs/guides/many-hosts.md"
            )
        import torch.distributed as dist

        store, rank, world = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
        env = os.environ
        return Ranks(rank, world, int(env["LOCAL_RANK"]), int(env["LOCAL_WORLD_SIZE"]), store)


def own_address() -> str:
    """The address under which other hosts reach this one."""
    if os.environ.get(BIND):
        return os.environ[BIND]
    master = os.environ.get("MASTER_ADDR", "127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
        probe.connect((socket.gethostbyname(master), 9))
        return str(probe.getsockname()[0])


# ----- every rank -------------------------------------------------------------------------------
def serve(ranks: Ranks, calls: Iterator[dict[str, Any] | None] | None = None) -> None:
    """Start this rank's worker whenever the controller calls, until it says that it is over.

    Parameters
    ----------
    ranks : Ranks
    calls : iterator, optional
        Default the calls in the ranks' store.
    """
    for control in calls or _calls(ranks):
        if control is None:
            return
        with contextlib.suppress(wire.Closed, OSError):  # the controller is gone, or gave up
            _serve_one(ranks, control)


def _calls(ranks: Ranks) -> Iterator[dict[str, Any] | None]:
    for generation in itertools.count():
        key = _KEY.format(generation)
        try:
            ranks.store.wait([key], WEEK)
            control = wire.decode(ranks.store.get(key))
        except RuntimeError:  # rank 0 and its store are gone
            return
        yield control


def _serve_one(ranks: Ranks, control: dict[str, Any]) -> None:
    leash, channel = (_dial(control, ranks.rank, what) for what in ("leash", "channel"))
    with leash:
        with channel:
            setup = wire.receive(channel)
            specs = [_spec(s) for s in setup["specs"]]
            first = ranks.rank - ranks.local_rank
            here = specs[first : first + ranks.local_world]
            try:
                check_devices([specs[ranks.rank]])
                hello, passed = _prepare(ranks, here, setup)
            except AlloclabError as error:
                wire.send(channel, {"failed": "error", "text": str(error), "traceback": ""})
                return
            wire.send(channel, {"hello": hello})
            process = spawn(specs[ranks.rank], channel, passed)
            for fd in passed:
                os.close(fd)
        _wait(process, leash)
    os.close(setup["life"])


def _dial(control: dict[str, Any], rank: int, what: str) -> socket.socket:
    connection = socket.create_connection((control["address"], control["port"]), JOIN_S)
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.send(connection, {"secret": control["secret"], "rank": rank, "what": what})
    return connection


def _prepare(
    ranks: Ranks, here: Sequence[WorkerSpec], setup: dict[str, Any]
) -> tuple[dict[str, Any], list[int]]:
    """What the worker is told first, and the descriptors that it inherits."""
    import sys

    from realrun.transport.shared import make_arena, make_pipe

    me, members = ranks.rank, setup["distributed"]["world"]
    spec = here[ranks.local_rank]
    arena, (read, write) = make_arena(spec.name), make_pipe()
    log, links = memory(f"log-{spec.name}", log_bytes(LOG_ROWS)), memory("links", 8 * LINKS)
    life, setup["life"] = os.pipe2(os.O_CLOEXEC)
    hello = {
        "index": me, "spec": plain_spec(spec),
        "cores": sorted(core_sets(here).sets[ranks.local_rank]), "life": life,
        "arenas": [arena if i == me else -1 for i in range(members)], "inbox": read,
        "outboxes": [write if i == me else -1 for i in range(members)], "log": log, "links": links,
        "transport": "distributed", "path": [p for p in sys.path if p],
        "distributed": {**setup["distributed"], "bind": own_address()},
    }  # fmt: skip
    return hello, [arena, read, write, log, links, life]


def _wait(process: subprocess.Popen[bytes], leash: socket.socket) -> None:
    """Until the worker ends, or the controller cuts the leash; then end it."""
    while process.poll() is None:
        if select.select([leash], [], [], 0.1)[0]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            process.kill()
            process.wait()


def _spec(plain: dict[str, Any]) -> WorkerSpec:
    limit = plain["memory_bytes"]
    return WorkerSpec(**{**plain, "memory_bytes": math.inf if limit is None else limit})


# ----- rank 0 -----------------------------------------------------------------------------------
class RemoteLog:
    """The log of a worker on another host: fetched after a run."""

    def __init__(self) -> None:
        self.rows: FloatArray = np.empty((0, len(COLUMNS)))
        self.late_start_s = 0.0

    @property
    def status(self) -> FloatArray:
        """Always alive: whether the host is there is seen by its connection."""
        status = np.zeros(len(STATUS))
        status[0], status[3] = time.monotonic(), self.late_start_s
        return status

    def close(self) -> None:
        """Nothing to give back."""


class HostedWorkers(Workers):
    """One worker on each rank of torchrun; used by rank 0 as `Workers` are on one host.

    Raises
    ------
    AlloclabError
        Not one rank for each worker, or not all ranks come.
    """

    is_local = False
    ranks: Ranks | None = None
    summon: Callable[[dict[str, Any]], None]

    def start(self) -> None:
        """Wait for all ranks, connect them, and compare clocks."""
        cls = type(self)
        if cls.ranks is None:
            raise AlloclabError(
                "the transport 'hosts' needs torchrun: torchrun ... -m scenarios.launching run ..."
            )
        if cls.ranks.world != len(self.specs):
            raise AlloclabError(
                f"{len(self.specs)} workers are wanted, but torchrun started {cls.ranks.world} "
                "ranks; each rank is one worker"
            )
        self._leashes: dict[int, socket.socket] = {}
        self._gone: set[int] = set()
        self.clocks: list[HostClock] = []
        try:
            self._gather(cls.ranks)
            self._set_up()
            self.logs = [RemoteLog() for _ in self.specs]  # type: ignore[misc]
            self._compare_clocks()
        except BaseException:
            self.close()
            raise

    def _gather(self, ranks: Ranks) -> None:
        """Both connections of every rank."""
        address, secret = own_address(), secrets.token_hex(16)
        found: dict[str, dict[int, socket.socket]] = {"leash": self._leashes, "channel": {}}
        until = time.monotonic() + JOIN_S
        with socket.create_server((address, 0), backlog=512) as listener:
            control = {"address": address, "port": listener.getsockname()[1], "secret": secret}
            type(self).summon(control)
            while min(len(f) for f in found.values()) < ranks.world:
                listener.settimeout(max(until - time.monotonic(), 0.001))
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    away = sorted(set(range(ranks.world)) - set(found["channel"]))
                    raise AlloclabError(
                        f"rank {', '.join(map(str, away))} did not come within {JOIN_S:g} s"
                    ) from None
                word = _first_word(connection)
                if word is None or not secrets.compare_digest(str(word["secret"]), secret):
                    connection.close()
                    continue
                found[word["what"]][int(word["rank"])] = connection
        self._channels = [found["channel"][i] for i in range(ranks.world)]

    def _set_up(self) -> None:
        """Have all workers started, and connect with them."""
        from realrun.transport.distributed import DistributedTransport, free_port
        from realrun.transport.shared import make_arena, make_pipe

        n, address = len(self.specs), own_address()
        self.port = free_port(address)
        where: dict[str, Any] = {"address": address, "port": self.port, "world": n + 1, "master": n}
        for channel in self._channels:
            setup = {"specs": [plain_spec(s) for s in self.specs], "distributed": where}
            wire.send(channel, setup)
        for i, channel in enumerate(self._channels):
            answer = self.answer(i)
            wire.send(channel, answer["hello"])
        read, write = make_pipe()
        self.transport = DistributedTransport(
            n, [-1] * n + [make_arena("controller")], read, [-1] * n + [write],
            **where, bind=address,
        )  # fmt: skip
        for i in range(n):
            self.answer(i)

    def _compare_clocks(self) -> None:
        """Tell every member how its clock differs from each other's."""
        self.clocks = [HostClock(self._offset(i)) for i in range(len(self.specs))]
        ahead = [*(clock.before.ahead_s for clock in self.clocks), 0.0]
        for i in range(len(self.specs)):
            self.ask(i, "shift", shift=[ahead[i] - theirs for theirs in ahead])
            self.answer(i)
        assert self.transport is not None
        self.transport.shift = [-theirs for theirs in ahead]  # type: ignore[attr-defined]

    def _offset(self, worker: int) -> Any:
        def ask() -> float:
            self.ask(worker, "clock")
            return float(self.answer(worker)["at"])

        return measure(ask)

    # ----- a run -------------------------------------------------------------------------------
    def ask(self, worker: int, verb: str, **arguments: Any) -> None:
        """Send a command; the common start on the worker's own clock."""
        if verb == "run":
            arguments["zero"] = self.clocks[worker].to_theirs(arguments["zero"])
        super().ask(worker, verb, **arguments)

    def before_run(self) -> None:
        """Compare clocks anew."""
        self._compare_clocks()

    def after_run(self, answers: dict[int, dict[str, Any]], zero: float) -> dict[str, Any]:
        """Fetch logs, and convert all times to the controller's clock."""
        facts = {}
        for i, answer in answers.items():
            clock = HostClock(self.clocks[i].before, self._offset(i))
            theirs = self.clocks[i].to_theirs(zero)
            self.ask(i, "log")
            log, fetched = self.logs[i], self.answer(i)
            rows = np.array(fetched["rows"]).reshape(-1, len(COLUMNS))
            rows[:, _TIMES] = clock.to_own(rows[:, _TIMES] + theirs) - zero
            log.rows, log.late_start_s = rows, float(fetched["status"][3])  # type: ignore[misc,attr-defined]
            table = np.array(answer["messages"])
            table[:, 2] = clock.to_own(table[:, 2] + theirs) - zero
            answer["messages"] = table
            facts[self.specs[i].name] = clock.facts()
        return {"clocks": facts}

    # ----- life --------------------------------------------------------------------------------
    def ensure(self) -> None:
        """Start anew if a worker is gone."""
        if self._gone or len(self._channels) < len(self.specs):
            self.close()
            self.start()

    def dead(self) -> list[int]:
        """Workers whose connections have ended."""
        return sorted(self._gone)

    def kill(self, worker: int) -> None:
        """Cut the leash; its rank ends the worker."""
        self._gone.add(worker)
        if worker in self._leashes:
            self._leashes.pop(worker).close()

    def lost(self, worker: int, during: str = "") -> WorkerFailed:
        """The error that a worker's connection has ended."""
        self._gone.add(worker)
        doing = f" while doing {during!r}" if during else ""
        name = self.specs[worker].name
        return WorkerFailed(f"worker {name} on another host is gone{doing}", worker, "died")

    def close(self, at_once: bool = False) -> None:
        """Stop all workers."""
        super().close(at_once)
        for leash in self._leashes.values():
            leash.close()
        self._leashes = {}


def _first_word(connection: socket.socket) -> dict[str, Any] | None:
    """What a connection says first; None if that is nothing of ours."""
    connection.settimeout(5.0)
    try:
        word = wire.receive(connection, _HELLO_BYTES)
    except (AlloclabError, OSError):
        return None
    if not isinstance(word, dict) or not {"secret", "rank", "what"} <= word.keys():
        return None
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
    return word


@contextlib.contextmanager
def hosted(ranks: Ranks) -> Iterator[None]:
    """On rank 0: within this, ``Workers(specs, "hosts")`` are the ranks of torchrun."""
    generations = itertools.count()
    # A store serves one thread at a time, and one that waits would keep the other from calling.
    own: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def call(control: dict[str, Any] | None) -> None:
        ranks.store.set(_KEY.format(next(generations)), wire.encode(control))
        own.put(control)

    HostedWorkers.ranks, HostedWorkers.summon = ranks, staticmethod(call)
    server = threading.Thread(
        target=serve, args=(ranks, iter(own.get, object())), daemon=True, name="rank-0"
    )
    server.start()
    try:
        yield
    finally:
        call(None)
        server.join(2 * STOP_S)
        HostedWorkers.ranks = None
