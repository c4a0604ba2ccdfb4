"""Stronger lower bounds than the critical path: heads and tails, loads, and which of them binds."""
