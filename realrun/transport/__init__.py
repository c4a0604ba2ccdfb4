"""How messages travel between workers: one interface, one file for each way."""
