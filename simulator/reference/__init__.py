"""The reference engine: the rules of simulated time, written to be read.

A run is a sequence of instants, and an instant is a sequence of rounds. In each round the engine

* **pops** everything that happens by itself: requests arrive, holds end and send their messages,
  messages travel and are delivered (`Clock`, the SimPy processes of `networks`);
* **decides** what follows from all of it together: who is skipped, which joins close, who is
  cancelled (`Joins`); then the world may change (outages, slow-downs, degradations);
* **settles**: links take their next message or share their bandwidth, nodes fill their slots
  (`Node`), and whatever now progresses at another pace gets a new finish (`Progress`).

A round may cause more at the same instant, for example tasks of no duration; then another round
follows. Deadlines of joins fire only when nothing else is left. The point of popping everything
before anything is decided is that ties have no order: without it, a slot freed at t would go to
whichever task the queue happened to mention first, not to the most urgent one ready at t.

Times are exact: every finish is computed once, from the numbers and in the order that the rules
give, and compared for equality afterwards. Two engines that follow the rules therefore agree on
every bit, and a run may stop after any instant and go on. Whatever is random was drawn before.

`Plan` answers questions about the problem, `entities` holds the state, `record` writes it down.
The engine keeps a Python object for every task of every request and looks at every node and link
in every round; the compiled engine of `simulator.kernel` is the one to use when speed matters.
"""

from simulator.reference.engine import ReferenceSimulation

__all__ = ["ReferenceSimulation"]
