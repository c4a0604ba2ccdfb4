"""Messages by torch.distributed: the same outputs as shared memory, and nothing bad gets in."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from realrun.clerk import Clerk
from realrun.composing import composed
from realrun.devices import parse_workers, workers_cluster
from realrun.execute import execute
from realrun.plan import make_plan
from realrun.pool import WorkerFailed, Workers
from realrun.transport.base import CLOSED, DATA, FREE, NOTICE_BYTES, OFF, Notice
from realrun.transport.distributed import DistributedTransport, free_port
from realrun.transport.pairs import HEADERS, PAYLOADS, connect, open_store, pack, unpack
from realrun.transport.shared import make_arena, make_pipe
from realrun.wire import BadMessage
from scenarios import load
from simulator.allocation import Allocation
from simulator.check import check_trace
from simulator.cluster import Node
from simulator.errors import AlloclabError
from simulator.luck import draw
from simulator.problem import Problem
from tests.realrun.worlds import edges, problem, task

PATIENCE_S = 20.0


def at_once(*jobs: Callable[[], object]) -> list:
    """Results of functions that wait for each other."""
    found: list = [None] * len(jobs)

    def do(i: int) -> None:
        try:
            found[i] = jobs[i]()
        except BaseException as error:
            found[i] = error

    threads = [threading.Thread(target=do, args=(i,), daemon=True) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a member hangs"
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


@dataclass
class Rig:
    """Members of one transport, all in this process."""

    arenas: list[int]
    pipes: list[tuple[int, int]]
    port: int
    open: list[DistributedTransport] = field(default_factory=list)

    @classmethod
    def of(cls, n: int) -> Rig:
        pipes = [make_pipe() for _ in range(n + 1)]
        return cls([make_arena(f"test-{i}") for i in range(n)], pipes, free_port())

    def member(self, me: int) -> DistributedTransport:
        end = DistributedTransport(
            me, [os.dup(a) for a in self.arenas], os.dup(self.pipes[me][0]),
            [os.dup(w) for _, w in self.pipes],
            address="127.0.0.1", port=self.port, world=len(self.arenas),
        )  # fmt: skip
        self.open.append(end)
        return end

    def members(self) -> list[DistributedTransport]:
        return at_once(*(lambda i=i: self.member(i) for i in range(len(self.arenas))))

    def close(self) -> None:
        at_once(*(end.close for end in self.open))
        for fd in (*self.arenas, *(fd for pipe in self.pipes for fd in pipe)):
            os.close(fd)


@pytest.fixture
def rig() -> Iterator[Callable[[int], Rig]]:
    made: list[Rig] = []

    def make(n: int) -> Rig:
        made.append(Rig.of(n))
        return made[-1]

    yield make
    for each in made:
        each.close()


def heard(end: DistributedTransport, count: int) -> list[Notice]:
    """So many notices, waited for."""
    found: list[Notice] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < until:
        select.select([end], [], [], 0.05)
        found += end.poll()
    assert len(found) == count
    return found


# ----- what is promised ---------------------------------------------------------------------------
def test_messages_arrive_whole_and_in_order(rig):
    a, b = rig(2).members()
    for i in range(60):
        size = [0, 1, 777, 300_000][i % 4]
        bundle = {"x": torch.full((size,), i, dtype=torch.int32), "y": torch.tensor([1.5 * i])}
        sent = a.put(1, bundle)
        a.post(1, Notice(DATA, 0, 0, 7, i, sent.place, sent.size, 1.0, 1.0))
        a.post(1, Notice(OFF, 0, 0, 8, i))
        back = b.put(0, {"z": torch.tensor([i])})
        b.post(0, Notice(DATA, 0, 1, 9, i, back.place, back.size))
    got, other = heard(b, 120), heard(a, 60)
    assert [(n.kind, n.request) for n in got] == [(k, i) for i in range(60) for k in (DATA, OFF)]
    for notice in got[::2]:
        bundle = b.take(notice)
        assert len(bundle["x"]) == [0, 1, 777, 300_000][notice.request % 4]
        assert (bundle["x"] == notice.request).all()
        assert bundle["y"].item() == 1.5 * notice.request
        assert b.holds(bundle["y"])
    assert [a.take(n)["z"].item() for n in other] == list(range(60))


def test_a_message_is_usable_when_it_is_there(rig):
    a, b = rig(2).members()
    before = time.monotonic()
    a.post(1, Notice(DATA, 0, 0, 0, 0, sent=before, usable=before))
    a.post(1, Notice(DATA, 0, 0, 0, 1, sent=before, usable=before + 100))
    first, second = heard(b, 2)
    assert before < first.usable <= time.monotonic()
    assert first.sent == before
    assert second.usable == before + 100  # an emulated link says when


def test_times_of_another_clock_are_converted(rig):
    a, b = rig(2).members()
    b.shift[0] = -1e6
    there = time.monotonic() + 1e6
    a.post(1, Notice(DATA, 0, 0, 0, 0, sent=there, usable=there + 50))
    (notice,) = heard(b, 1)
    assert notice.sent == pytest.approx(there - 1e6, abs=1e-6)
    assert notice.usable == pytest.approx(there + 50 - 1e6, abs=1e-6)


def test_blocks_are_used_again(rig):
    a, b = rig(2).members()
    places = set()
    for i in range(30):
        sent = a.put(1, {"x": torch.zeros(5000)})
        a.post(1, Notice(DATA, 0, 0, 0, i, sent.place, sent.size))
        (notice,) = heard(b, 1)
        places.add(notice.place)
        b.release(notice)
    assert len(places) == 1
    assert not b._arenas[1]._taken


def test_what_is_left_of_an_earlier_run_is_thrown_away(rig):
    a, b = rig(2).members()
    sent = a.put(1, {"x": torch.zeros(10)})
    a.post(1, Notice(DATA, 0, 0, 0, 1, sent.place, sent.size))
    heard_of_it = select.select([b], [], [], PATIENCE_S)[0]
    assert heard_of_it
    b.begin()
    a.post(1, Notice(DATA, 0, 0, 0, 2))  # still of the first run
    a.begin()
    a.post(1, Notice(DATA, 0, 0, 0, 3))
    assert [n.request for n in heard(b, 1)] == [3]
    assert not b._arenas[1]._taken


def test_only_the_loopback_address_listens(rig):
    made = rig(2)
    made.members()
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=False)
    if listening.returncode:
        pytest.skip("ss is not here")
    mine = [line for line in listening.stdout.splitlines() if f"pid={os.getpid()}," in line]
    assert len(mine) >= 2
    assert all(line.split()[3].startswith("127.0.0.1:") for line in mine)


# ----- what is refused ----------------------------------------------------------------------------
def test_headers_are_checked():
    notice = Notice(DATA, 1, 3, 2, 5, 64, 128, 1.0, 2.0)
    assert unpack(pack(notice, 9), 3) == (notice, 9)
    for bad, says in [
        (pack(notice, 9)[:40], "40 bytes"),
        (pack(notice, 9)[:40].ljust(NOTICE_BYTES, b"\0"), "damaged or cut short"),
        (bytes(NOTICE_BYTES), "damaged"),
        (pack(notice._replace(kind=FREE), 0), "free memory"),
        (pack(notice._replace(kind=200), 0), "kind 200"),
        (pack(notice._replace(sender=2), 0), "says that it is from 2"),
        (pack(notice._replace(size=1 << 40), 0), "bundle of 1099511627776 bytes"),
        (pack(notice._replace(size=-8), 0), "bundle of -8 bytes"),
    ]:
        with pytest.raises(BadMessage, match=says):
            unpack(bad, 3)


@pytest.mark.parametrize(
    ("header", "payload", "says"),
    [
        (b"x" * NOTICE_BYTES, b"", "damaged"),
        (pack(Notice(CLOSED, 0, 1, 0, 0), 0)[:13], b"", "damaged"),
        (pack(Notice(DATA, 0, 1, 0, 0, 64, 640), 0), b"y" * 20, "640 bytes"),
        (pack(Notice(DATA, 0, 1, 0, 0, 64, 640), 0), b"y" * 704, "640 bytes"),
    ],
    ids=["rubbish", "short-header", "short-payload", "wrong-payload"],
)
def test_a_peer_that_sends_rubbish_is_refused(rig, header, payload, says):
    def rubbish() -> object:
        store = open_store("127.0.0.1", made.port, False)
        (link,) = connect(1, 2, store, "127.0.0.1")
        parts = [(torch.frombuffer(bytearray(header), dtype=torch.uint8), HEADERS)]
        if payload:
            parts.append((torch.frombuffer(bytearray(payload), dtype=torch.uint8), PAYLOADS))
        link.send(*parts)
        return link

    made = rig(2)
    end, _link = at_once(lambda: made.member(0), rubbish)

    def listen() -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            end.poll()
            time.sleep(0.01)

    with pytest.raises(BadMessage, match=says):
        listen()


def test_a_member_that_never_comes_is_named():
    port = free_port()
    store = open_store("127.0.0.1", port, True)
    with pytest.raises(AlloclabError, match=r"worker 0 waited 0.3 s for worker 1, worker 2"):
        connect(0, 3, store, "127.0.0.1", timeout_s=0.3)
    with pytest.raises(AlloclabError, match=f"127.0.0.1:{port} cannot be opened"):
        open_store("127.0.0.1", port, True)


# ----- a peer that dies ---------------------------------------------------------------------------
PEER = """
import os, sys, time
from realrun.transport.distributed import DistributedTransport
from realrun.transport.shared import make_arena, make_pipe
me, port = int(sys.argv[1]), int(sys.argv[2])
read, write = make_pipe()
end = DistributedTransport(
    me, [make_arena("x") if i == me else -1 for i in range(3)], read,
    [write if i == me else -1 for i in range(4)], address="127.0.0.1", port=port, world=3,
)
print("there", flush=True)
time.sleep(60)
"""


def test_the_death_of_one_peer_leaves_the_others_connected(rig):
    made = rig(3)
    peer = subprocess.Popen([sys.executable, "-c", PEER, "2", str(made.port)])
    a, b = at_once(lambda: made.member(0), lambda: made.member(1))
    os.kill(peer.pid, signal.SIGKILL)
    peer.wait()
    for i in range(3):
        a.post(2, Notice(OFF, 0, 0, 0, i))  # to nobody
        sent = a.put(2, {"x": torch.zeros(100_000)})
        a.post(2, Notice(DATA, 0, 0, 0, i, sent.place, sent.size))
        a.post(1, Notice(OFF, 0, 0, 0, i))
        b.post(0, Notice(OFF, 0, 1, 0, i))
    assert [n.request for n in heard(b, 3)] == [0, 1, 2]
    assert [n.request for n in heard(a, 3)] == [0, 1, 2]
    began = time.monotonic()
    at_once(a.close, b.close)
    assert time.monotonic() - began < PATIENCE_S / 2
    made.open.clear()
    left = [t.name for t in threading.enumerate() if t.name.startswith(("to-", "from-"))]
    assert not left


# ----- whole runs ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def pair() -> Iterator[Workers]:
    with Workers(parse_workers("a=cpu:1,b=cpu:1"), transport="distributed") as workers:
        yield workers


def same(mine: dict, theirs: dict) -> bool:
    return mine.keys() == theirs.keys() and all(
        mine[k].keys() == theirs[k].keys()
        and all(np.array_equal(mine[k][n], theirs[k][n]) for n in mine[k])
        for k in mine
    )


def world(requests: int = 6) -> tuple[Problem, Allocation]:
    """A diamond over two workers, with messages from 64 bytes to 3 MB."""
    nodes = [Node("a"), Node("b")]
    tasks = [task("p", 0.002, 3e6), task("q", 0.002, 1e5), task("r", 0.001, 512), task("s", 0.001)]
    made = problem(tasks, edges("p>q p>r q>s r>s"), requests=requests, nodes=nodes)
    return made, Allocation.of(made, [0, 1, 0, 1])


def test_synthetic_outputs_are_those_of_one_process(pair):
    made, allocation = world()
    plan = make_plan(made, allocation, draw(made, 0))
    wanted = composed(plan, ["fp32", "fp32"])
    for _ in range(2):  # the second run meets what the first left behind
        run = execute(made, allocation, pair, keep_outputs=True)
        assert len(run.outputs) == 6
        assert same(run.outputs, wanted)
        assert run.facts["transport"] == "distributed"
        messages = run.trace.messages
        rows = run.trace.tasks.set_index(["request", "task"])
        for _, row in messages[messages["edge"] == "p>q"].iterrows():
            assert row["finish"] > rows.loc[(row["request"], "p"), "finish"]
        assert not check_trace(run.trace, slack_s=0.25)


def test_emulated_links_deliver_when_they_would(pair):
    nodes = [Node("a"), Node("b")]
    made = problem([task("p", 0.01, 1000), task("q", 0.01)], edges("p>q"), requests=2,
                   nodes=nodes, latency_s=0.05)  # fmt: skip
    run = execute(made, Allocation.of(made, [0, 1]), pair, emulate=True)
    took = run.trace.log.delivered[:, 0] - run.trace.log.finish[:, 0]
    assert (took >= 0.05 - 1e-9).all()


@pytest.mark.slow
def test_a_catalogue_pipeline_puts_out_the_same_bits(pair):
    scenario = load("translation")
    specs = parse_workers("a=cpu:1,b=cpu:1")
    seconds = {s.name: 0.05 for s in specs}
    streams = tuple(
        replace(s, requests=3, graph=replace(s.graph, tasks=tuple(
            replace(t, variants=tuple(
                replace(v, seconds=seconds, work=None) for v in t.variants[:1]
            )) for t in s.graph.tasks
        ))) for s in scenario.streams
    )  # fmt: skip
    made = Problem(cluster=workers_cluster(specs), streams=streams, name="translation")
    allocation = Allocation.of(made, [i % 2 for i in range(made.n_tasks)])
    mine = execute(made, allocation, pair, keep_outputs=True)
    with Workers(specs) as shared:
        theirs = execute(made, allocation, shared, keep_outputs=True)
    assert len(mine.outputs) == 3
    assert same(mine.outputs, theirs.outputs)


def test_a_killed_worker_does_not_hang_the_other():
    made, allocation = world(requests=40)
    workers = Workers(parse_workers("a=cpu:1,b=cpu:1"), transport="distributed")
    pids = [workers.pid(i) for i in range(2)]
    killed: list[int] = []

    def kill(clerk: Clerk) -> None:
        if len(clerk.done) >= 5 and not killed:
            killed.append(1)
            os.kill(pids[1], signal.SIGKILL)

    with workers:
        run = execute(
            made, allocation, workers, keep_outputs=True, tolerate_failures=True, watch=kill
        )
        port = workers.port
    assert killed
    assert len(run.outputs) == 40
    assert run.facts["answered_twice"] == 0
    assert same(run.outputs, composed(make_plan(made, allocation, draw(made, 0)), ["fp32"] * 2))
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=0.5)


@pytest.mark.slow
def test_an_error_in_a_run_names_the_worker_and_leaves_nothing():
    made, allocation = world(requests=40)
    workers = Workers(parse_workers("a=cpu:1,b=cpu:1"), transport="distributed")
    pids = [workers.pid(i) for i in range(2)]
    with workers, pytest.raises(WorkerFailed, match="worker a was killed by SIGKILL"):
        execute(made, allocation, workers, watch=lambda _: os.kill(pids[0], signal.SIGKILL))
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


# ----- several hosts ------------------------------------------------------------------------------
@pytest.mark.slow
def test_two_hosts_under_torchrun_put_out_what_one_process_does():
    from benchmarks.realrun.two_hosts import AHEAD_S, run

    found = run(
        ["run", "translation", "--workers", "left=cpu:1,right=cpu:1", "--requests", "3",
         "--scheduler", "round_robin", "--check"],
    )  # fmt: skip
    assert found["exit_codes"] == [0, 0]
    assert found["outputs_equal_one_process"] is True
    assert found["facts"]["transport"] == "hosts"
    used = {p["node"] for p in found["allocation"]["placements"]}
    assert used == {"left", "right"}
    clock = found["facts"]["clocks"]["right"]
    ahead = AHEAD_S if "clocks" in found["hosts"] else 0.0
    assert abs(clock["ahead_s"] - ahead) <= clock["uncertainty_s"] + 1e-6
    assert 0 < found["real"]["makespan"] < 60  # not 100,000 s


def test_hosts_are_refused_without_torchrun(monkeypatch):
    from realrun.hosts import Ranks

    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(AlloclabError, match="torchrun, which sets RANK"):
        Ranks.of_environment()
    with pytest.raises(AlloclabError, match="'hosts' needs torchrun"):
        Workers(parse_workers("cpu:1"), "hosts")
