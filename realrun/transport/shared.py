"""Messages on one host: bundles in shared memory, notices through pipes.

Every worker owns an arena, a file in memory without a name (`memfd_create`) that all workers map.
The producer copies a bundle into a free block of its arena and then writes a notice of 64 bytes
into the receiver's pipe; such writes are atomic, so many may write into one pipe. The receiver
reads the tensors where they lie and sends FREE when its task is done with them; the block is then
the next to be used, while its pages are still in the cache. Arenas are sparse: only blocks that
were used occupy memory, and as they have no name nothing is left behind, whatever dies.

Blocks that were never touched cost a page fault for every 4 kB on both sides, several times the
copy itself; so room for the first messages of every edge is prepared and touched before a run.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from realrun.transport import bundles
from realrun.transport.base import FREE, NOTICE_BYTES, Notice, Sent
from realrun.wire import BadMessage
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from realrun.transport.bundles import Bundle

ARENA_BYTES = 1 << 35
"""Address space of an arena; pages come into being when they are used."""
PIPE_BYTES = 1 << 20
READ_BYTES = 1024 * NOTICE_BYTES
STEP_BYTES, STEPS = 512, 8
CLASSES_ABOVE = 4
"""A bundle may use a block of so many classes above its own: room is prepared by an estimate."""
MADV_POPULATE_READ, MADV_POPULATE_WRITE = 22, 23


def make_arena(name: str) -> int:
    """A descriptor of a new arena."""
    fd = os.memfd_create(f"alloclab-{name}", os.MFD_CLOEXEC)
    os.ftruncate(fd, ARENA_BYTES)
    return fd


def make_pipe() -> tuple[int, int]:
    """(read end, write end), both non-blocking, as large as the system grants."""
    ends = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    with contextlib.suppress(OSError):
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return ends


def size_class(size: int) -> int:
    """Bytes of the block for a bundle: the next of eight sizes an octave, or of steps of 512 B.

    Messages whose sizes are drawn differ by some bytes from request to request; without classes no
    block would fit twice, and the search for one would look at every size there ever was.
    """
    step = max(STEP_BYTES, (1 << max(size - 1, 0).bit_length()) // (2 * STEPS))
    return -(-max(size, 1) // step) * step


class Arena:
    """Blocks of one worker's shared memory.

    Parameters
    ----------
    fd : int
        From `make_arena`; closed by `close`.
    """

    def __init__(self, fd: int):
        self._fd = fd
        self._map = mmap.mmap(fd, ARENA_BYTES, flags=mmap.MAP_SHARED)
        self.bytes = torch.frombuffer(self._map, dtype=torch.uint8)
        self.first = self.bytes.data_ptr()
        self._free: defaultdict[int, list[int]] = defaultdict(list)  # by size class
        self._next = bundles.ALIGN  # no block lies at 0, so that 0 can mean none
        self._taken: dict[int, int] = {}
        self._lock = threading.Lock()  # slots and receivers are threads

    def allocate(self, size: int) -> int:
        """Offset of a block: of free ones that are hardly larger the one that was freed last."""
        room = size_class(size)
        with self._lock:
            fitting = self._fitting(room)
            if fitting is not None:
                place, room = self._free[fitting].pop(), fitting
            else:
                place, self._next = self._next, self._next + room
                if self._next > ARENA_BYTES:
                    self._next = place
                    raise AlloclabError(
                        f"messages that wait to be read exceed {ARENA_BYTES >> 30} GiB on one "
                        "worker"
                    )
            self._taken[place] = room
        return place

    def _fitting(self, room: int) -> int | None:
        """Size of the smallest free blocks that are large enough without much waste."""
        for _ in range(CLASSES_ABOVE + 1):
            if self._free.get(room):
                return room
            room = size_class(room + 1)
        return None

    def free(self, place: int) -> None:
        """Give a block back; twice is once."""
        with self._lock:
            room = self._taken.pop(place, None)
            if room is not None:
                self._free[room].append(place)

    def block(self, place: int, size: int) -> torch.Tensor:
        """The bytes of a block.

        Raises
        ------
        BadMessage
            It lies outside of the arena.
        """
        if not 0 < place <= place + size <= ARENA_BYTES:
            raise BadMessage(f"a bundle of {size} bytes at {place} lies outside of its arena")
        return self.bytes[place : place + size]

    @property
    def occupied(self) -> int:
        """Bytes of memory that blocks occupy, those included that are free again."""
        return 512 * os.fstat(self._fd).st_blocks

    def populate(self, place: int, size: int, advice: int) -> None:
        """Map the pages of a block now; older kernels do without."""
        page = mmap.PAGESIZE
        begin = place // page * page
        with contextlib.suppress(OSError, ValueError):
            self._map.madvise(advice, begin, -(-(place + size - begin) // page) * page)

    def close(self) -> None:
        """Unmap, unless tensors still look into it; the system then does at exit."""
        self.bytes = torch.empty(0, dtype=torch.uint8)
        with contextlib.suppress(BufferError):
            self._map.close()
        os.close(self._fd)


class SharedTransport:
    """One worker's (or the controller's) end: see `realrun.transport.base`.

    Parameters
    ----------
    me : int
        Worker; the controller is the last.
    arenas : sequence of int
        Descriptors of all workers' arenas.
    inbox : int
        Read end of the own pipe.
    outboxes : sequence of int
        Write ends of all pipes, the controller's last.
    """

    def __init__(self, me: int, arenas: Sequence[int], inbox: int, outboxes: Sequence[int]):
        self.me = me
        self._arenas = {i: Arena(fd) for i, fd in enumerate(arenas) if fd >= 0}
        self._inbox, self._outboxes = inbox, list(outboxes)
        self._waiting: defaultdict[int, deque[bytes]] = defaultdict(deque)
        self._dead: set[int] = set()
        self._kept = b""

    def fileno(self) -> int:
        """Read end of the own pipe."""
        return self._inbox

    def put(self, receiver: int, bundle: Bundle) -> Sent:
        """Copy a bundle into the own arena."""
        del receiver
        size = bundles.block_bytes(bundle)
        arena = self._arenas[self.me]
        place = arena.allocate(size)
        bundles.write(bundle, arena.block(place, size))
        return Sent(place, size)

    def post(self, receiver: int, notice: Notice) -> None:
        """Write a notice into the receiver's pipe; a full pipe is tried again by `flush`."""
        self._waiting[receiver].append(notice.pack())
        self._write(receiver)

    def flush(self) -> bool:
        """Write what full pipes had no room for."""
        for receiver in list(self._waiting):
            self._write(receiver)
        return not any(self._waiting.values())

    def _write(self, receiver: int) -> None:
        queue = self._waiting[receiver]
        while queue:
            try:
                os.write(self._outboxes[receiver], queue[0])
            except BlockingIOError:
                return
            except BrokenPipeError:  # its only reader is gone, and is or will be replaced
                queue.clear()
                return
            queue.popleft()

    def poll(self) -> list[Notice]:
        """Read the own pipe until it is empty; FREE is dealt with here."""
        found = []
        while True:
            try:
                data = os.read(self._inbox, READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                break
            more = len(data) == READ_BYTES
            data = self._kept + data
            whole = len(data) // NOTICE_BYTES * NOTICE_BYTES
            self._kept = data[whole:]
            for at in range(0, whole, NOTICE_BYTES):
                notice = Notice.unpack(data[at : at + NOTICE_BYTES])
                if notice.kind == FREE:
                    self._arenas[self.me].free(notice.place)
                else:
                    found.append(notice)
            if not more:  # the pipe is empty, or was a moment ago
                break
        return found

    def occupied(self, worker: int) -> int:
        """Bytes of memory that messages of a worker have needed at once so far, about."""
        return self._arenas[worker].occupied

    def begin(self) -> None:
        """Forget what is left of a run that was broken off."""
        for notice in self.poll():
            self.release(notice)

    def take(self, notice: Notice) -> Bundle:
        """Views of the sender's arena."""
        if notice.sender not in self._arenas:
            raise BadMessage(f"a bundle came in from {notice.sender}, which is no worker")
        return bundles.read(self._arenas[notice.sender].block(notice.place, notice.size))

    def release(self, notice: Notice) -> None:
        """Send FREE to the owner of the block."""
        if notice.place:
            self.post(notice.sender, notice._replace(kind=FREE, sender=self.me))

    def forget(self, receiver: int, sent: Sent) -> None:
        """Free an own block that nobody will read any more."""
        del receiver
        self._arenas[self.me].free(sent.place)

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor looks into any arena."""
        if tensor.device.type != "cpu":
            return False
        pointer = tensor.data_ptr()
        return any(a.first <= pointer < a.first + ARENA_BYTES for a in self._arenas.values())

    def prepare(self, receiver: int, size: int) -> Sent | None:
        """Map the pages of one block; the caller frees it with `forget`."""
        del receiver
        arena = self._arenas[self.me]
        place = arena.allocate(size)
        arena.populate(place, size, MADV_POPULATE_WRITE)
        return Sent(place, size)

    def touch(self, sender: int, sent: Sent) -> None:
        """Map the pages of a sender's block."""
        self._arenas[sender].populate(sent.place, sent.size, MADV_POPULATE_READ)

    def close(self) -> None:
        """Unmap the arenas and close the pipes."""
        for arena in self._arenas.values():
            arena.close()
        for fd in (self._inbox, *self._outboxes):
            with contextlib.suppress(OSError):
                os.close(fd)
