"""What really happens: torch models of the catalogue, their costs, and devices that run them.

Nothing here imports torch until a module is built or profiled.
"""
