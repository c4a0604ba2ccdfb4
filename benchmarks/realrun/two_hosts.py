"""One scenario on two hosts that are network namespaces of this one, under torchrun.

    python -m benchmarks.realrun.two_hosts [--scenario translation] [--requests 4] [--latency 1ms]

Two network namespaces joined by a virtual Ethernet cable, each with its own addresses and ports
and, where the kernel has time namespaces, the second with a clock that is 100,000 s ahead. In each,
torchrun starts one rank. Needs root; without it the two hosts are the addresses 127.0.0.1 and
127.0.0.2. The outputs are compared, bit for bit, with those of one process (`--check`). Prints one
JSON object, and ends with 1 if the outputs differ.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
AHEAD_S = 100_000
PORT = 29_611


@dataclass(frozen=True)
class Host:
    """How to start a program on a host, and its address."""

    address: str
    prefix: tuple[str, ...] = ()


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _can(*command: str) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


@contextlib.contextmanager
def two_hosts(latency: str | None = None) -> Iterator[tuple[list[Host], str]]:
    """Two hosts and what they are; namespaces are removed afterwards."""
    tag = f"al{os.getpid() % 100_000}"
    names = [f"{tag}a", f"{tag}b"]
    if os.geteuid() != 0 or not shutil.which("ip") or not _can("ip", "netns", "add", names[0]):
        yield [Host("127.0.0.1"), Host("127.0.0.2")], "two loopback addresses"
        return
    try:
        _do("ip", "netns", "add", names[1])
        _do("ip", "link", "add", f"{tag}v0", "type", "veth", "peer", "name", f"{tag}v1")
        hosts = []
        for i, name in enumerate(names):
            device, address = f"{tag}v{i}", f"10.203.77.{i + 1}"
            _do("ip", "link", "set", device, "netns", name)
            inside = ("ip", "netns", "exec", name)
            _do(*inside, "ip", "addr", "add", f"{address}/24", "dev", device)
            for up in (device, "lo"):
                _do(*inside, "ip", "link", "set", up, "up")
            if latency:
                _do(*inside, "tc", "qdisc", "add", "dev", device, "root", "netem", "delay", latency)
            hosts.append(Host(address, inside))
        clock = ("unshare", "--time", "--monotonic", str(AHEAD_S), "--fork", "--kill-child")
        what = "two network namespaces"
        if _can(*clock, "true"):
            hosts[1] = Host(hosts[1].address, (*hosts[1].prefix, *clock))
            what += f", clocks {AHEAD_S} s apart"
        yield hosts, what
    finally:
        for name in names:
            _can("ip", "netns", "delete", name)


def command(hosts: list[Host], rank: int, port: int, arguments: list[str]) -> list[str]:
    """What starts one rank on one host."""
    return [
        *hosts[rank].prefix, sys.executable, "-m", "torch.distributed.run", "--nnodes=2",
        f"--node-rank={rank}", "--nproc-per-node=1", f"--master-addr={hosts[0].address}",
        f"--master-port={port}", "-m", "scenarios.launching", *arguments,
    ]  # fmt: skip


def run(arguments: list[str], latency: str | None = None, limit_s: float = 240.0) -> dict[str, Any]:
    """Run `alloclab` on two hosts, and return what it prints as JSON, with both exit codes."""
    with two_hosts(latency) as (hosts, what):
        port = PORT
        if not hosts[0].prefix:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
        processes = []
        for rank, host in enumerate(hosts):
            env = {**os.environ, "ALLOCLAB_BIND": host.address, "PYTHONPATH": str(ROOT)}
            processes.append(
                subprocess.Popen(
                    command(hosts, rank, port, [*arguments, "--json"]), env=env,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
        try:
            ended = [process.communicate(timeout=limit_s) for process in processes]
        finally:
            for process in processes:
                process.kill()
        codes = [process.returncode for process in processes]
    if codes[0] != 0:
        raise RuntimeError(f"rank 0 ended with {codes[0]}:\n{ended[0][1][-3000:]}")
    return {"hosts": what, "exit_codes": codes, **json.loads(ended[0][0])}


def main() -> None:
    """Run, print, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="translation")
    parser.add_argument("--requests", type=int, default=4)
    parser.add_argument("--latency", help="delay each way, as tc writes it, such as 1ms")
    options = parser.parse_args()
    found = run(
        ["run", options.scenario, "--workers", "cpu:1,cpu:1", "--scheduler", "round_robin",
         "--requests", str(options.requests), "--check"],
        options.latency,
    )  # fmt: skip
    shown = {
        key: found[key] for key in ("hosts", "exit_codes", "outputs_equal_one_process", "facts")
    }
    shown["makespan_s"] = found["real"]["makespan"]
    shown["transfer_s"] = found["real"]["transfer_time"]
    print(json.dumps(shown, indent=1))
    if not found["outputs_equal_one_process"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
