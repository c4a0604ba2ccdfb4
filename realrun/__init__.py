"""What really happens: torch models on real devices."""
