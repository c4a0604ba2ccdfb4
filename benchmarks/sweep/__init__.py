"""Sweeps of 2,000 cells that are killed, spread over processes, or run by Dask."""
