"""The worker process: one node of a real run."""
