"""The machine at hand as a cluster: cores and NUMA nodes, GPUs and their slices, links between.

`discover` looks (`probe`), with text read by pure functions (`cpus`, `nvidia`); `describe` turns
what was found into the plain data of a cluster file (`layout`), with published figures where a
device is known (`cards`) and stated assumptions elsewhere; `merge` joins the files of several
hosts. Nothing here imports torch.
"""

from realrun.discover.layout import Description, describe
from realrun.discover.machine import Domain, Gpu, Machine, Slice, Topology
from realrun.discover.merge import Part, merge
from realrun.discover.probe import discover

__all__ = [
    "Description",
    "Domain",
    "Gpu",
    "Machine",
    "Part",
    "Slice",
    "Topology",
    "describe",
    "discover",
    "merge",
]
