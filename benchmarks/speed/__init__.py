"""How fast runs are evaluated: ``python -m benchmarks.speed``."""
