"""Gradient search: a differentiable list simulation, rounded by log-probability."""

from schedulers.gradient.search import Gradient

__all__ = ["Gradient"]
