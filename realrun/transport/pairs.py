"""Connections of torch.distributed between pairs of workers, and what goes over them.

Every pair of workers has a gloo process group of its own, so that the end of one pair leaves all
others open: within one group a receive that times out, or one peer that dies, closes them all.
Receives name their sender and wait without a limit.

A message is a header of 64 bytes and, if it carries a bundle, a payload: the block followed by the
header once more, which shows that all of it came. Both are uint8 tensors; nothing is unpickled.
gloo ends the process if more bytes come than were asked for, so only processes that this program
started may reach the listeners; those are bound to one address, the loopback one by default.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch.distributed import (  # type: ignore[attr-defined]
    PrefixStore,
    ProcessGroupGloo,
    TCPStore,
)

from realrun.transport.base import FREE, NOTICE_BYTES, Notice
from realrun.wire import BadMessage
from simulator.errors import AlloclabError

HEADERS, PAYLOADS, NEVER_SENT = 1, 2, 3
"""Tags: a payload is never taken for a header."""
LARGEST_BUNDLE = 1 << 33
CONNECT_S = 60.0
FOREVER = timedelta(days=3650)
BYE = b"alloclab: bye".ljust(NOTICE_BYTES, b"\0")
_TAIL = struct.Struct("<II")
_BODY = NOTICE_BYTES - _TAIL.size


def pack(notice: Notice, run: int) -> bytes:
    """A notice with the number of its run and a checksum."""
    body = notice.pack()[:_BODY]
    return body + _TAIL.pack(run & 0xFFFFFFFF, zlib.crc32(body))


def unpack(data: bytes, sender: int) -> tuple[Notice, int]:
    """(notice, run) of a header from a worker.

    Raises
    ------
    BadMessage
        Wrong length, checksum, kind, sender or size.
    """
    if len(data) != NOTICE_BYTES:
        raise BadMessage(f"a header of {len(data)} bytes instead of {NOTICE_BYTES} came in")
    run, checksum = _TAIL.unpack_from(data, _BODY)
    if zlib.crc32(data[:_BODY]) != checksum:
        raise BadMessage(f"a header from worker {sender} came in damaged or cut short")
    notice = Notice.unpack(data[:_BODY].ljust(NOTICE_BYTES, b"\0"))
    if notice.sender != sender:
        raise BadMessage(f"a header from worker {sender} says that it is from {notice.sender}")
    if notice.kind == FREE:
        raise BadMessage(f"worker {sender} wants to free memory that is not its own")
    if not 0 <= notice.size <= LARGEST_BUNDLE:
        raise BadMessage(
            f"worker {sender} announces a bundle of {notice.size} bytes; at most {LARGEST_BUNDLE} "
            "are taken"
        )
    return notice, run


@dataclass(frozen=True)
class Link:
    """One end of the connection to one other worker.

    Parameters
    ----------
    other : int
    group : ProcessGroupGloo
    side : int
        The other's rank in the group of two.
    """

    other: int
    group: Any
    side: int

    def send(self, *parts: tuple[torch.Tensor, int]) -> None:
        """Send (uint8 tensor, tag) after (uint8 tensor, tag); returns when all have left."""
        works = [self.group.send([tensor], self.side, tag) for tensor, tag in parts]
        for work in works:
            work.wait()

    def receive(self, room: torch.Tensor, tag: int) -> None:
        """Wait for one uint8 tensor from this peer."""
        self.group.recv([room], self.side, tag).wait()

    def abort(self) -> None:
        """Make threads that wait here return with an error: a receive that times out does that."""
        nothing = torch.empty(1, dtype=torch.uint8)
        with contextlib.suppress(RuntimeError):
            self.group.recv([nothing], self.side, NEVER_SENT).wait(timedelta(milliseconds=1))


def open_store(address: str, port: int, master: bool, timeout_s: float = CONNECT_S) -> Any:
    """The store in which workers find each other; the master's listens on `address` only.

    Raises
    ------
    AlloclabError
        The port is taken, or nobody answers there.
    """
    patience = timedelta(seconds=timeout_s)
    try:
        if not master:
            return TCPStore(address, port, None, False, patience, False)
        with socket.create_server((address, port), backlog=512) as listener:
            fd = listener.detach()
        return TCPStore(address, port, None, True, patience, False, master_listen_fd=fd)
    except (OSError, RuntimeError) as error:
        doing = "cannot be opened" if master else "does not answer"
        reason = str(error).splitlines()[0][:160]
        raise AlloclabError(
            f"the workers' meeting place {address}:{port} {doing}: {reason}"
        ) from None


def connect(me: int, world: int, store: Any, bind: str, timeout_s: float = CONNECT_S) -> list[Link]:
    """Connect to all other members; every member calls this at the same time.

    Parameters
    ----------
    me, world : int
    store : torch.distributed.Store
    bind : str
        Address to listen on, or the name of a network interface.

    Raises
    ------
    AlloclabError
        Not all came in time; names those that did not.
    """
    _meet(me, world, store, "here", timeout_s)
    try:
        device = _device(bind)
        links = []
        for other in range(world):  # in the same order everywhere, so that nobody waits in a circle
            if other != me:
                low, high = min(me, other), max(me, other)
                pair = PrefixStore(f"pair-{low}-{high}", store)
                options = ProcessGroupGloo._Options()  # type: ignore[attr-defined]
                options._devices, options._threads, options._timeout = [device], 1, FOREVER
                group = ProcessGroupGloo(pair, int(me == high), 2, options)
                links.append(Link(other, group, int(other == high)))
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:200]
        raise AlloclabError(f"worker {me} cannot connect on {bind}: {reason}") from None
    _meet(me, world, store, "connected", timeout_s)  # the master's store is needed until then
    return links


def _meet(me: int, world: int, store: Any, what: str, timeout_s: float) -> None:
    """Wait until every member has said the word."""
    store.set(f"{what}/{me}", b"1")
    try:
        store.wait([f"{what}/{i}" for i in range(world)], timedelta(seconds=timeout_s))
    except RuntimeError:
        away = [i for i in range(world) if not _said(store, f"{what}/{i}")]
        raise AlloclabError(
            f"worker {me} waited {timeout_s:g} s for "
            f"{', '.join(f'worker {i}' for i in away[:8])}, not yet {what}"
        ) from None


def _said(store: Any, key: str) -> bool:
    try:
        return bool(store.check([key]))
    except RuntimeError:
        return False


def _device(bind: str) -> Any:
    try:
        ipaddress.ip_address(bind)
    except ValueError:
        return ProcessGroupGloo.create_device(interface=bind)
    return ProcessGroupGloo.create_device(hostname=bind)
