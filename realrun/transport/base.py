"""What a worker asks of a transport: send notices and tensors, and be woken when one comes.

A *notice* is a fixed-size record; a *bundle* is what a task puts out, named tensors. A message is a
notice with a bundle. What is promised: a notice is seen only after its bundle can be read; notices
from one worker to another come in the order in which they were sent; a bundle received stays valid
until it is released.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import torch

    Bundle = dict[str, torch.Tensor]

DATA, OFF, CLOSED, FREE, DONE, END, ARRIVE, FINISH, RETIRE, FAILED = range(1, 11)
"""Kinds of notices.

DATA: a message. OFF: an edge will bring nothing. CLOSED: a join that cancels late work needs no
more of this edge. FREE: a bundle has been read. DONE: an exit task ended. END: nothing is left to
do here. ARRIVE: a request of a closed loop is released. FINISH: the run is over. RETIRE: a request
is over, its outputs may go. FAILED: a task raised.
"""

_FORMAT = struct.Struct("<HHIiiqqqdd8x")
MAGIC = 0xA110
NOTICE_BYTES = 64


class Notice(NamedTuple):
    """One record between workers.

    Parameters
    ----------
    kind : int
        DATA, OFF, ...
    epoch : int
        Of the plan by which the sender works; older ones are from before a failure.
    sender : int
        Worker; the controller is the number of workers.
    item : int
        Edge, or task for DONE and FAILED.
    request : int
        The producer's, as everywhere.
    place, size : int
        Where the bundle lies and its bytes; 0 without one.
    sent, usable : float, seconds of CLOCK_MONOTONIC
        When the producer's slot was released; from when on the message counts as delivered.
    """

    kind: int
    epoch: int
    sender: int
    item: int
    request: int
    place: int = 0
    size: int = 0
    sent: float = 0.0
    usable: float = 0.0

    def pack(self) -> bytes:
        """`NOTICE_BYTES` bytes."""
        return _FORMAT.pack(MAGIC, *self)

    @staticmethod
    def unpack(data: bytes | memoryview) -> Notice:
        """Read `pack` back.

        Raises
        ------
        BadMessage
            Another length, a wrong mark or an unknown kind.
        """
        from realrun.wire import BadMessage

        if len(data) != NOTICE_BYTES:
            raise BadMessage(f"a notice of {len(data)} bytes instead of {NOTICE_BYTES} came in")
        magic, kind, *rest = _FORMAT.unpack_from(data)
        if magic != MAGIC or not DATA <= kind <= FAILED:
            raise BadMessage(f"a notice with mark {magic:#x} and kind {kind} came in")
        return Notice(kind, *rest)


@dataclass(frozen=True)
class Sent:
    """A bundle handed to the transport: where it lies, so that it can be sent once more."""

    place: int
    size: int


class Transport(Protocol):
    """One worker's end of the transport."""

    def fileno(self) -> int:
        """A descriptor that is readable when a notice may have come."""

    def put(self, receiver: int, bundle: Bundle) -> Sent:
        """Hand over a bundle for a receiver; returns when the producer may reuse its tensors."""

    def post(self, receiver: int, notice: Notice) -> None:
        """Send a notice, never waiting for the receiver."""

    def poll(self) -> list[Notice]:
        """All notices that have come, oldest first; never waits."""

    def begin(self) -> None:
        """Begin a run: what is left of earlier ones is forgotten."""

    def take(self, notice: Notice) -> Bundle:
        """The bundle of a notice; valid until `release`."""

    def release(self, notice: Notice) -> None:
        """Say that a received bundle is no longer read."""

    def forget(self, receiver: int, sent: Sent) -> None:
        """Free a bundle that this worker put, after its receiver released it."""

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor lies in memory that `release` gives back."""

    def prepare(self, receiver: int, size: int) -> Sent | None:
        """Make room for a bundle of this size beforehand, so that sending touches no new memory."""

    def touch(self, sender: int, sent: Sent) -> None:
        """Read the room that a sender prepared, for the same reason."""

    def flush(self) -> bool:
        """Send what could not be sent at once; whether all has gone."""

    def close(self) -> None:
        """Give everything back."""
