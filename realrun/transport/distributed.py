"""Messages by torch.distributed: over TCP with gloo, on one host or between several.

For every other member there is a thread that sends to it and one that receives from it. What comes
in is put into the own arena, and its notice into the own pipe, so that the worker's loop is the one
that serves shared memory. Here a message takes time: it is usable when its receiver has all of it,
and that instant is written into the notice.

Members are the workers, and between hosts the controller too; on one host controller and workers
talk through pipes and shared memory. Tensors of CUDA devices go through the host's memory.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from realrun.transport import bundles
from realrun.transport.base import NOTICE_BYTES, Notice, Sent
from realrun.transport.pairs import (
    BYE,
    HEADERS,
    PAYLOADS,
    Link,
    connect,
    open_store,
    pack,
    unpack,
)  # fmt: skip
from realrun.transport.shared import MADV_POPULATE_WRITE, SharedTransport
from realrun.wire import BadMessage

if TYPE_CHECKING:
    from realrun.transport.bundles import Bundle

CLOSE_S = 1.0
"""How long the end of the run waits for the others' farewell."""


class DistributedTransport(SharedTransport):
    """One member's end: see `realrun.transport.base`.

    Parameters
    ----------
    me : int
        Member.
    arenas : sequence of int
        Descriptors of the arenas, -1 where they are not on this host.
    inbox : int
        Read end of the own pipe.
    outboxes : sequence of int
        Write ends of pipes; the own one, and the controller's if it is no member.
    address, port : str, int
        Where members meet; the master opens it.
    world : int
        Members.
    bind : str
        Address or network interface to listen on.
    master : int
        The member that opens the meeting place.

    Raises
    ------
    AlloclabError
        The others cannot be reached.
    """

    def __init__(
        self,
        me: int,
        arenas: Sequence[int],
        inbox: int,
        outboxes: Sequence[int],
        *,
        address: str,
        port: int,
        world: int,
        bind: str = "127.0.0.1",
        master: int = 0,
    ):
        super().__init__(me, arenas, inbox, outboxes)
        self.run = 0
        self.shift = [0.0] * world
        self._refused: list[BadMessage] = []
        self._gate = threading.Lock()
        self._prepared: list[int] = []
        self._peers: dict[int, _Peer] = {}
        if world > 1:
            store = open_store(address, port, me == master)
            for link in connect(me, world, store, bind):
                self._peers[link.other] = _Peer(self, link)

    # ----- as in shared memory, where it differs ------------------------------------------------
    def put(self, receiver: int, bundle: Bundle) -> Sent:
        """Copy a bundle into the own arena, from where it is sent with its notice."""
        if receiver not in self._peers:
            return super().put(receiver, bundle)
        size = bundles.block_bytes(bundle)
        arena = self._arenas[self.me]
        place = arena.allocate(size + NOTICE_BYTES)
        bundles.write(bundle, arena.block(place, size))
        return Sent(place, size)

    def post(self, receiver: int, notice: Notice) -> None:
        """Hand a notice, and its bundle, to the thread that sends."""
        peer = self._peers.get(receiver)
        if peer is None:
            super().post(receiver, notice)
        else:
            peer.outgoing.put((pack(notice, self.run), notice.place, notice.size))

    def poll(self) -> list[Notice]:
        """All notices that have come.

        Raises
        ------
        BadMessage
            A peer sent something that is no message.
        """
        if self._refused:
            raise self._refused.pop()
        return super().poll()

    def begin(self) -> None:
        """A new run: what still comes of earlier ones is thrown away."""
        while not self._gate.acquire(timeout=0.01):
            super().begin()  # a receiver holds the gate until the pipe has room
        try:
            self.run += 1
            super().begin()
        finally:
            self._gate.release()

    def take(self, notice: Notice) -> Bundle:
        """Views of the own arena, where the receiving thread put the bundle."""
        if notice.sender not in self._peers:
            return super().take(notice)
        return bundles.read(self._arenas[self.me].block(notice.place, notice.size))

    def release(self, notice: Notice) -> None:
        """Free the block that was received."""
        if notice.sender not in self._peers:
            super().release(notice)
        elif notice.place:
            self._arenas[self.me].free(notice.place)

    def prepare(self, receiver: int, size: int) -> Sent | None:
        """Map the pages of one block to send from."""
        extra = NOTICE_BYTES if receiver in self._peers else 0
        sent = super().prepare(receiver, size + extra)
        return None if sent is None else Sent(sent.place, size)

    def touch(self, sender: int, sent: Sent) -> None:
        """Map the pages of one block to receive into; free from the first message on."""
        if sender not in self._peers:
            super().touch(sender, sent)
            return
        arena, size = self._arenas[self.me], sent.size + NOTICE_BYTES
        place = arena.allocate(size)
        arena.populate(place, size, MADV_POPULATE_WRITE)
        self._prepared.append(place)

    def close(self) -> None:
        """Say farewell, end all threads, give everything back."""
        for peer in self._peers.values():
            peer.outgoing.put(None)
        until = time.monotonic() + CLOSE_S
        ended = [peer.end(until) for peer in self._peers.values()]
        if all(ended):  # else a thread may still look at what would be closed here
            super().close()

    # ----- what receiving threads do ------------------------------------------------------------
    def _room(self, size: int) -> tuple[int, torch.Tensor]:
        """A block for a bundle that is announced, and its bytes with the header behind them."""
        arena = self._arenas[self.me]
        with self._gate:
            while self._prepared:
                arena.free(self._prepared.pop())
        place = arena.allocate(size + NOTICE_BYTES)
        return place, arena.block(place, size + NOTICE_BYTES)

    def _arrived(self, notice: Notice, run: int) -> None:
        """Put a notice into the own pipe, with the times on the own clock."""
        now, shift = time.monotonic(), self.shift[notice.sender]
        usable = max(notice.usable + shift, now)
        notice = notice._replace(sent=notice.sent + shift, usable=usable)
        with self._gate:
            if run == self.run:
                _write_whole(self._outboxes[self.me], notice.pack())
            elif notice.size:
                self._arenas[self.me].free(notice.place)


def _write_whole(fd: int, data: bytes) -> None:
    """Write a notice into a pipe whose other end this process reads; waits where it is full."""
    while True:
        try:
            os.write(fd, data)
            return
        except BlockingIOError:
            select.select([], [fd], [], 1.0)


class _Peer:
    """The two threads that serve one other member."""

    def __init__(self, transport: DistributedTransport, link: Link):
        self._transport, self._link = transport, link
        self.outgoing: queue.SimpleQueue[tuple[bytes, int, int] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=run, daemon=True, name=f"{what}-{link.other}")
            for run, what in ((self._send, "to"), (self._receive, "from"))
        ]
        for thread in self._threads:
            thread.start()

    def end(self, until: float) -> bool:
        """Wait for both threads, then make them end; whether they have."""
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))
        if any(t.is_alive() for t in self._threads):
            self._link.abort()
        for thread in self._threads:
            thread.join(CLOSE_S)
        return not any(t.is_alive() for t in self._threads)

    def _send(self) -> None:
        alive, arena = True, self._transport._arenas[self._transport.me]
        while True:
            job = self.outgoing.get()
            header, place, size = job or (BYE, 0, 0)
            parts = [(torch.frombuffer(bytearray(header), dtype=torch.uint8), HEADERS)]
            if size:
                block = arena.block(place, size + NOTICE_BYTES)
                block[size:] = parts[0][0]
                parts.append((block, PAYLOADS))
            try:
                if alive:
                    self._link.send(*parts)
            except RuntimeError:  # it is gone; that is the controller's to notice
                alive = False
            if size:
                arena.free(place)
            if job is None:
                return

    def _receive(self) -> None:
        header = torch.zeros(NOTICE_BYTES, dtype=torch.uint8)
        try:
            while self._one(header):
                pass
        except BadMessage as error:
            self._transport._refused.append(error)
        except RuntimeError:  # it is gone
            return

    def _one(self, header: torch.Tensor) -> bool:
        """Receive one message; False if it is the last."""
        transport, link = self._transport, self._link
        header.zero_()
        link.receive(header, HEADERS)
        data = header.numpy().tobytes()
        if data == BYE:
            return False
        notice, run = unpack(data, link.other)
        if notice.size:
            place, room = transport._room(notice.size)
            room[notice.size :] = 0
            link.receive(room, PAYLOADS)
            if not torch.equal(room[notice.size :], header):
                raise BadMessage(
                    f"a bundle from worker {link.other} is not of the {notice.size} bytes that it "
                    "announced"
                )
            notice = notice._replace(place=place)
        transport._arrived(notice, run)
        return True


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind((address, 0))
        port: Any = probe.getsockname()[1]
        return int(port)
