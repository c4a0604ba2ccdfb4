"""What a worker writes down: one row for every execution, in memory that outlives it.

The rows lie in a file in memory that the controller maps as well, so that what a killed worker did
is known. The number of rows is written after the row itself.
"""

from __future__ import annotations

import mmap
import os
import struct

import numpy as np

from simulator.arrays import FloatArray

COLUMNS = (
    "request", "task", "slot", "ready", "start", "finish", "cpu_s", "compute_s",
    "minor_faults", "switches", "epoch", "bytes_sent", "compute_wall_s",
)  # fmt: skip
_ROW, _COUNT = struct.Struct(f"{len(COLUMNS)}d"), struct.Struct("d")
STATUS = ("heartbeat", "busy_since", "task", "late_start_s")


def log_bytes(rows: int) -> int:
    """Size of a log of so many rows."""
    return 8 * (1 + len(STATUS) + rows * len(COLUMNS))


class Log:
    """Rows and status of one worker.

    Parameters
    ----------
    fd : int
        A file of at least `log_bytes` bytes; closed by `close`.
    """

    def __init__(self, fd: int):
        self._fd = fd
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        values = np.frombuffer(self._map, dtype=np.float64)
        self._count = values[:1]
        self.status = values[1 : 1 + len(STATUS)]
        body = values[1 + len(STATUS) :]
        self._first = 8 * (1 + len(STATUS))
        usable = len(body) // len(COLUMNS) * len(COLUMNS)
        self._rows = body[:usable].reshape(-1, len(COLUMNS))

    def clear(self) -> None:
        """Forget all rows."""
        self._count[0] = 0
        self.status[:] = 0

    def append(self, row: tuple[float, ...]) -> None:
        """Add a row; one that finds no room is dropped (the log is sized for the run)."""
        n = int(self._count[0])
        if n < len(self._rows):
            # Between two tasks; numpy takes several times as long for a tuple.
            _ROW.pack_into(self._map, self._first + n * _ROW.size, *row)
            _COUNT.pack_into(self._map, 0, n + 1)

    @property
    def rows(self) -> FloatArray:
        """(n, columns) copy of the rows."""
        return np.array(self._rows[: int(self._count[0])])

    def close(self) -> None:
        """Unmap."""
        self._count = self.status = np.empty(0)
        self._rows = np.empty((0, len(COLUMNS)))
        self._map.close()
        os.close(self._fd)
