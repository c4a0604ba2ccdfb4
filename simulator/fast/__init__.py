"""Compiled passes for static runs: no event for everything that happens, hence fast.

`covers` says which pass takes a run; `run` makes the record of one candidate; `simulator.batch`
evaluates many. What no pass covers is for the general kernel. All give the same bits.

A search that is compiled itself evaluates without leaving compiled code::

    from simulator.fast.compiled import entry
    from simulator.fast.plan import static_plan
    from simulator.fast.strict import find_order, run_strict, strict_work

    @entry
    def search(plan, work, priority, completed, busy):
        ...                                           # change work.node, work.variant, priority
        if find_order(plan, work, priority):          # False: the orders contradict the edges
            run_strict(plan, work, completed, busy)   # work.start, work.finish; completed

    search(static_plan(arrays, realisation), strict_work(plan), priority, completed, busy)

`simulator.fast.greedy` has `run_greedy` and `greedy_work` for that dispatch. Such functions are
inlined; they need the options of `entry`, which leave reference counts out.
"""

from simulator.fast.passes import covers, run

__all__ = ["covers", "run"]
