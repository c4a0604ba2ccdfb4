"""Latency and bandwidth of both transports between two processes on this host.

    python -m benchmarks.realrun.transports [--rounds 200] [--json FILE]

A message goes to the other process and back: put, notice, wake, read. Half of the round trip's
median is given, and bytes over it for large ones.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import statistics
import time
from pathlib import Path
from typing import Any

SIZES = (0, 4_096, 65_536, 1_048_576, 16_777_216)
TRANSPORTS = ("shared", "distributed")


def _end(name: str, me: int, arenas: list[int], pipes: list[tuple[int, int]], port: int) -> Any:
    import torch

    from realrun.transport.distributed import DistributedTransport
    from realrun.transport.shared import SharedTransport

    torch.set_num_threads(1)
    given = (me, arenas, pipes[me][0], [w for _, w in pipes])
    if name == "shared":
        return SharedTransport(*given)
    return DistributedTransport(*given, address="127.0.0.1", port=port, world=2)


def _send(end: Any, me: int, size: int, number: int) -> None:
    import torch

    from realrun.transport.base import DATA, OFF, Notice

    if size == 0:
        end.post(1 - me, Notice(OFF, 0, me, 0, number))
        return
    sent = end.put(1 - me, {"x": torch.empty(size, dtype=torch.uint8)})
    end.post(1 - me, Notice(DATA, 0, me, 0, number, sent.place, sent.size))


def _receive(end: Any) -> None:
    while True:
        notices = end.poll()
        for notice in notices:
            if notice.size:
                end.take(notice)
                end.release(notice)
        if notices:
            return
        select.select([end], [], [])


def measure(name: str, rounds: int) -> list[dict[str, float]]:
    """Rows of (bytes, one-way seconds, GB/s)."""
    from realrun.transport.distributed import free_port
    from realrun.transport.shared import make_arena, make_pipe

    arenas, pipes = [make_arena(f"bench-{i}") for i in range(2)], [make_pipe() for _ in range(3)]
    port = free_port()
    child = os.fork()
    end = _end(name, int(child == 0), arenas, pipes, port)
    rows = []
    for size in SIZES:
        took = []
        for number in range(rounds + 5):
            began = time.monotonic()
            if child:
                _send(end, 0, size, number)
                _receive(end)
                took.append(time.monotonic() - began)
            else:
                _receive(end)
                _send(end, 1, size, number)
        if child:
            half = statistics.median(took[5:]) / 2
            rows.append({"bytes": size, "seconds": half, "GB_s": size / half / 1e9})
    end.close()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {name: measure(name, options.rounds) for name in TRANSPORTS}
    for name, rows in found.items():
        for row in rows:
            print(
                f"{name:12} {row['bytes']:>10,.0f} B  {row['seconds'] * 1e6:10.1f} us  "
                f"{row['GB_s']:6.2f} GB/s"
            )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
