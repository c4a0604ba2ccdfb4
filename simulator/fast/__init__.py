"""Compiled passes for static runs: no event for everything that happens, hence fast.

`covers` says which pass takes a run; `run` makes the record of one candidate; `simulator.batch`
evaluates many. What no pass covers is for the general kernel. All give the same bits.
"""

from simulator.fast.passes import covers, run

__all__ = ["covers", "run"]
