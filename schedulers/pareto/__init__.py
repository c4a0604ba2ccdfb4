"""Search for several objectives at once: NSGA-II, fronts, hypervolume, and rules of choice."""

from schedulers.pareto.nsga2 import Nsga2

__all__ = ["Nsga2"]
