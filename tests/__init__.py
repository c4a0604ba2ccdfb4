"""The test-suite of alloclab."""
