"""How good the schedulers' answers are: sets of instances, runs, tables, statistics, plots."""
