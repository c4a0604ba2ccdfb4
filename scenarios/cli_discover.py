"""`alloclab discover`: the machine at hand, or several hosts' files, as a cluster file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def discover(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Cluster files of single hosts, with --merge."),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Merge these files instead of looking at this machine."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write a cluster file (.yaml)."),
    ] = None,
    bandwidth: Annotated[
        str | None,
        typer.Option("--bandwidth", help="Of each merged host's network, e.g. '25 Gbit/s'."),
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option("--latency", help="From a merged host to the network's switch: '20 us'."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Describe this machine as a cluster: cores, NUMA nodes, GPUs, and the links between."""
    from scenarios import discovery, tables
    from simulator.errors import AlloclabError
    from simulator.units import parse

    given = list(files or ())
    if given and not merge:
        raise AlloclabError("discover takes files with --merge only; -o names the file to write")
    if merge and not given:
        raise AlloclabError("--merge needs the cluster files of at least two hosts")
    if not merge and (bandwidth is not None or latency is not None):
        raise AlloclabError("--bandwidth and --latency are of the network that --merge puts in")
    found = discovery.discover_to(
        out,
        given,
        None if bandwidth is None else parse(bandwidth, "bandwidth", "--bandwidth"),
        None if latency is None else parse(latency, "time", "--latency"),
    )
    tables.show(found.to_dict(), json, lambda _: _print(found, out))


def _print(found: object, out: Path | None) -> None:
    """Nodes, links, what was assumed, and what to do next."""
    from scenarios import tables
    from scenarios.discovery import Found

    assert isinstance(found, Found)
    console = tables.console()
    console.print(tables.grid(f"Nodes of {found.cluster.name}", found.node_rows()))
    links = found.link_rows()
    if links:
        more = len(links) - 40
        console.print()
        caption = f"... and {more} more (--json shows all)" if more > 0 else None
        console.print(tables.grid("Links", links[:40], caption))
    if found.notes:
        console.print()
        console.print("Assumed:", style="bold")
        for note in found.notes:
            console.print(f"  {note}")
    if out is not None:
        tables.written([out], f"alloclab compare translation --cluster {out}")
