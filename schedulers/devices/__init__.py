"""Placing models on devices: memory first, and pipelines cut into stages."""
