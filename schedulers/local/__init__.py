"""Compiled local search: annealing over nodes, variants and order."""

from schedulers.local.search import Found, LocalSearch

__all__ = ["Found", "LocalSearch"]
