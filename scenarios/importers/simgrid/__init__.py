"""Platform files of SimGrid, version 4 and 4.1, as clusters.

Hosts become nodes, links become links, and the routes are those that SimGrid itself would take
[1]_; docs/importers.md says what each element means and what is refused.

References
----------
.. [1] H. Casanova, A. Giersch, A. Legrand, M. Quinson, F. Suter, "Versatile, scalable, and accurate
   simulation of distributed applications and platforms", J. Parallel Distrib. Comput. 74(10), 2014.
   doi:10.1016/j.jpdc.2014.06.008. Reference: https://simgrid.org/doc/latest/XML_reference.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scenarios.importers.fields import naming
from scenarios.importers.simgrid.build import build
from scenarios.importers.simgrid.reader import read_platform
from simulator.cluster import Cluster

ROOT = "platform"
"""Root element of a platform file."""


def sniff_and_load(path: str | Path) -> Cluster | None:
    """Read a file if it is a platform.

    Returns
    -------
    Cluster or None
        None where the file is no XML, or its root is another.

    Raises
    ------
    InvalidScenario
        The file cannot be read, or it is a broken platform.
    """
    from scenarios.importers.xml import is_xml, parse_xml
    from scenarios.reading import read_text

    text = read_text(path)
    if not is_xml(text):
        return None
    root = parse_xml(text, str(path))
    return load_platform(root, str(path)) if sniff(root) else None


def sniff(root: Any) -> bool:
    """Whether an element is the root of a platform file, in whatever version."""
    return getattr(root, "tag", None) == ROOT


def load_platform(root: Any, source: str) -> Cluster:
    """Build the cluster of a platform file.

    Parameters
    ----------
    root : xml.etree.ElementTree.Element
    source : str
        File name, for messages.

    Returns
    -------
    Cluster
        Nodes in the order of the file; routes for every pair that the platform connects.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file, the element and the attribute.
    """
    with naming(source):
        return build(read_platform(root, source))
