"""How far a prediction was off: held-out allocations, run for real in random order, compared.

======== ==========================================================================================
choice   which allocations: those of schedulers, bad ones and random ones, not those harvested
loads    light and heavy load without luck, and what the simulator predicts for them
protocol predictions first, then rounds in random order, rows written as they come
judging  runs rejected by rules fixed beforehand
replay   the three errors, never mixed: wall clock, durations, fidelity
ablation predictions with a term left out
summary  errors with intervals, noise floor, ranking, regret, of one pipeline and pooled
report   tables, files and pictures
matrix   hardware combinations validated so far
======== ==========================================================================================

Running and simulating are passed in, so that the protocol is tested against a known truth.
"""
