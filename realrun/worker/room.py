"""Room for the first messages, made and touched before a run: new pages cost more than a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realrun.transport.base import Sent, Transport

if TYPE_CHECKING:
    from realrun.plan import RunPlan

COPIES = 2
"""Messages of one edge for which room is made."""
HEAD_BYTES = 1024
"""More than the head of any block that is not of hundreds of tensors."""


class Room:
    """What one worker has made.

    Parameters
    ----------
    plan : RunPlan
    me : int
    transport : Transport
    """

    def __init__(self, plan: RunPlan, me: int, transport: Transport):
        self._plan, self._me, self._transport = plan, me, transport
        self._made: list[tuple[int, Sent]] = []

    def make(self) -> list[list[int]]:
        """Room for messages of every edge that leaves here: (receiver, place, size)."""
        node = self._plan.node
        for edge in range(self._plan.n_edges):
            src, dst = self._plan.edge_src[edge], self._plan.edge_dst[edge]
            if node[src] != self._me or node[dst] == self._me:
                continue
            size = int(self._plan.edge_bytes[:, edge].max(initial=0)) + HEAD_BYTES
            for _ in range(COPIES):
                sent = self._transport.prepare(int(node[dst]), size)
                if sent is not None:
                    self._made.append((int(node[dst]), sent))
        return [[receiver, sent.place, sent.size] for receiver, sent in self._made]

    def touch(self, room: list[list[int]]) -> None:
        """Look at the room that others made for messages to here: (sender, place, size)."""
        for sender, place, size in room:
            self._transport.touch(sender, Sent(place, size))

    def free(self) -> None:
        """Let messages have the room."""
        for receiver, sent in self._made:
            self._transport.forget(receiver, sent)
        self._made = []
