"""The compiled engine: every rule of simulated time for static plans, in numba.

`KernelSimulation` is one run, with a record. Code that evaluates many candidates skips the record:

    world = make_world(arrays)                       # once for a problem
    luck = make_luck(arrays, realisation)            # once for a realisation
    state = make_state(world, luck, record=False)    # once for a thread
    run_candidate(world, luck, state, node, variant, priority)

`run_candidate` is a compiled function without the GIL, to be called from Python or from compiled
code. It resets the state (time and memory in O(R (T + E)), without the edges if nothing is
recorded), plays the run to its end and allocates nothing. It leaves in the state

    arrival, completed     (R,) seconds, NaN where there is none
    busy                   (N,) seconds its slots were held, interrupted attempts included
    start, finish          (R * T,) seconds of the last attempt; valid where state == FINISHED
    state                  (R * T,) int8, see `layout`

Threads share `world` and `luck`; each needs a state of its own. A state fits every realisation
with the same number of requests, outages, slow-downs and degradations and the same streams. Other
compiled functions take the three as arguments and hand them on (see `bundle`).
"""

from simulator.kernel.compiled import entry, helper
from simulator.kernel.engine import KernelSimulation, world_of
from simulator.kernel.general import advance, begin, run_candidate
from simulator.kernel.layout import Luck, State, World
from simulator.kernel.state import make_state
from simulator.kernel.world import make_luck, make_world

__all__ = [
    "KernelSimulation",
    "Luck",
    "State",
    "World",
    "advance",
    "begin",
    "entry",
    "helper",
    "make_luck",
    "make_state",
    "make_world",
    "run_candidate",
    "world_of",
]
